/*
 * matmul_f32's speed beside the most that this CPU's multiply-adds allow, both measured here, by the
 * CPU time of the busiest worker.
 * Usage: matmul [threads [seconds for each shape [tier]]]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <quern.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_THREADS 64

/* CPU time of this thread: what other programs take from the machine does not count. */
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#if defined(__x86_64__)
/* Independent multiply-adds on registers alone: GFLOP/s of one thread. */
__attribute__((target("avx2,fma"), noinline)) static double peak_avx2(void) {
    const long rounds = 20000000;
    double start = now();
    for (long i = 0; i < rounds; i++) {
        __asm__ volatile(
            "vfmadd231ps %%ymm0, %%ymm1, %%ymm2\n vfmadd231ps %%ymm0, %%ymm1, %%ymm3\n"
            "vfmadd231ps %%ymm0, %%ymm1, %%ymm4\n vfmadd231ps %%ymm0, %%ymm1, %%ymm5\n"
            "vfmadd231ps %%ymm0, %%ymm1, %%ymm6\n vfmadd231ps %%ymm0, %%ymm1, %%ymm7\n"
            "vfmadd231ps %%ymm0, %%ymm1, %%ymm8\n vfmadd231ps %%ymm0, %%ymm1, %%ymm9\n"
            "vfmadd231ps %%ymm0, %%ymm1, %%ymm10\n vfmadd231ps %%ymm0, %%ymm1, %%ymm11\n"
            "vfmadd231ps %%ymm0, %%ymm1, %%ymm12\n vfmadd231ps %%ymm0, %%ymm1, %%ymm13\n"
            ::: "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
            "xmm12", "xmm13");
    }
    return 12.0 * 16.0 * (double)rounds / (now() - start) * 1e-9;
}
#endif

typedef struct job {
    const quern_program *program;
    int32_t part;
    pthread_barrier_t *start;
    pthread_barrier_t *end;
    volatile int *stop;
    double took;
} job;

static void *work(void *argument) {
    job *j = argument;
    for (;;) {
        pthread_barrier_wait(j->start);
        if (*j->stop) return NULL;
        double from = now();
        quern_run(j->program, j->part, 0, j->program->count);
        j->took = now() - from;
        pthread_barrier_wait(j->end);
    }
}

static float *floats(int64_t n) {
    float *p = aligned_alloc(64, ((size_t)n * sizeof(float) + 63) / 64 * 64);
    if (!p) exit(1);
    uint32_t state = 1;
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        p[i] = (float)(int32_t)state * 0x1p-31f;
    }
    return p;
}

static void measure(const char *label, int64_t m, int64_t n, int64_t k, int64_t flags, int threads,
                    int tier, double seconds, double peak) {
    const int64_t a_stride = flags & QUERN_TRANSPOSE_A ? m : k, b_stride = flags & QUERN_TRANSPOSE_B ? k : n;
    float *a = floats(m * k), *b = floats(k * n), *out = floats(m * n);
    void *scratch = aligned_alloc(64, (size_t)threads * QUERN_WORK_BYTES);
    memset(scratch, 0, (size_t)threads * QUERN_WORK_BYTES);
    quern_step step = {0};
    quern_barrier meeting = {0};
    quern_record record = {.kernel = QUERN_KERNEL_matmul_f32,
                           .step = &step,
                           .work = scratch,
                           .pointers = {out, a, b},
                           .integers = {m, n, k, a_stride, b_stride, n, flags}};
    quern_program program = {&record, 1, &step, &meeting, tier, threads, NULL};
    pthread_barrier_t start, end;
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    pthread_barrier_init(&end, NULL, (unsigned)threads);
    volatile int stop = 0;
    job jobs[MOST_THREADS];
    pthread_t workers[MOST_THREADS];
    for (int t = 1; t < threads; t++) {
        jobs[t] = (job){&program, t, &start, &end, &stop, 0};
        pthread_create(&workers[t], NULL, work, &jobs[t]);
    }
    double best = 1e30, spent = 0;
    for (int i = 0; i < 2 || spent < seconds; i++) {
        pthread_barrier_wait(&start);
        double from = now();
        quern_run(&program, 0, 0, 1);
        double took = now() - from;
        pthread_barrier_wait(&end);
        for (int t = 1; t < threads; t++) took = jobs[t].took > took ? jobs[t].took : took;
        spent += took;
        if (took < best) best = took;
    }
    stop = 1;
    pthread_barrier_wait(&start);
    for (int t = 1; t < threads; t++) pthread_join(workers[t], NULL);
    const double speed = 2.0 * (double)m * (double)n * (double)k / best * 1e-9;
    printf("%-22s %5ld %6ld %6ld  %8.1f GFLOP/s", label, (long)m, (long)n, (long)k, speed);
    if (peak > 0) printf("  %5.1f %%", 100 * speed / (peak * threads));
    if (m <= 8) printf("  %5.1f GB/s of b", (double)(n * k) * 4 / best * 1e-9);
    printf("\n");
    free(a), free(b), free(out), free(scratch);
}

int main(int count, char **arguments) {
    const int threads = count > 1 ? atoi(arguments[1]) : 1;
    const double seconds = count > 2 ? atof(arguments[2]) : 0.5;
    if (threads < 1 || threads > MOST_THREADS) return 2;
    const int tier = count > 3 ? atoi(arguments[3]) : quern_cpu_tier();
    double peak = 0;
#if defined(__x86_64__)
    if (tier == QUERN_AVX2) {
        for (int i = 0; i < 5; i++) {
            double one = peak_avx2();
            if (one > peak) peak = one;
        }
        printf("peak of one thread: %.1f GFLOP/s\n", peak);
    }
#endif
    printf("%s, threads: %d; m, n, k; best of %g seconds\n", quern_tier_name(tier), threads, seconds);
    static const int64_t rows[] = {256, 1024};
    static const int64_t sizes[][2] = {{768, 2304}, {768, 768}, {768, 3072}, {3072, 768}, {768, 50257}};
    for (int r = 0; r < 2; r++) {
        for (int s = 0; s < 5; s++) {
            const int64_t m = rows[r], in = sizes[s][0], to = sizes[s][1];
            if (r == 1 && s == 4) continue;
            measure("y = x w", m, to, in, 0, threads, tier, seconds, peak);
            measure("y = x w^T", m, to, in, QUERN_TRANSPOSE_B, threads, tier, seconds, peak);
            measure("dx = dy w^T", m, in, to, QUERN_TRANSPOSE_B, threads, tier, seconds, peak);
            measure("dx = dy w", m, in, to, 0, threads, tier, seconds, peak);
            measure("dw += x^T dy", in, to, m, QUERN_TRANSPOSE_A | QUERN_ACCUMULATE, threads, tier, seconds, peak);
        }
    }
    /* A small GPT: 128 channels, 768 rows a step. */
    static const int64_t small[][2] = {{128, 384}, {128, 128}, {128, 512}, {512, 128}, {128, 65}};
    for (int s = 0; s < 5; s++) {
        const int64_t m = 768, in = small[s][0], to = small[s][1];
        measure("y = x w", m, to, in, 0, threads, tier, seconds, peak);
        measure("dx = dy w^T", m, in, to, QUERN_TRANSPOSE_B, threads, tier, seconds, peak);
        measure("dw += x^T dy", in, to, m, QUERN_TRANSPOSE_A | QUERN_ACCUMULATE, threads, tier, seconds, peak);
    }
    static const int64_t few[] = {1, 2, 4, 8, 9, 16};
    for (int i = 0; i < 6; i++) {
        measure("few rows, y = x w", few[i], 3072, 768, 0, threads, tier, seconds, peak);
        measure("few rows, y = x w^T", few[i], 3072, 768, QUERN_TRANSPOSE_B, threads, tier, seconds, peak);
        measure("few rows, y = x w^T", few[i], 50257, 768, QUERN_TRANSPOSE_B, threads, tier, seconds, peak);
        measure("few rows, y = x w", few[i], 50257, 768, 0, threads, tier, seconds, peak);
    }
    return 0;
}
