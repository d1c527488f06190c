/*
 * attention_f32's and its backward's speed on one thread, by CPU time. Only what a causal mask lets
 * through counts as arithmetic: 4 D a pair of query and key forward, 10 D backward.
 * Usage: attention [seconds for each shape [tier]]
 */
#define _GNU_SOURCE
#include <quern.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
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

static void *work;

static double best_of(quern_record *record, int tier, double seconds) {
    quern_step *step = record->step;
    quern_barrier meeting = {0};
    quern_program program = {record, 1, step, &meeting, tier, 1, NULL};
    double best = 1e30, spent = 0;
    for (int i = 0; i < 3 || spent < seconds; i++) {
        double from = now();
        quern_run(&program, 0, 0, 1);
        double took = now() - from;
        spent += took;
        if (took < best) best = took;
    }
    return best;
}

static void measure(int64_t b, int64_t t, int64_t h, int64_t g, int64_t d, int64_t s, float dropout,
                    int tier, double seconds) {
    float *q = floats(b * t * h * d), *k = floats(b * s * g * d), *v = floats(b * s * g * d);
    float *out = floats(b * t * h * d), *lse = floats(b * h * t), *dout = floats(b * t * h * d);
    float *dq = floats(b * t * h * d), *dk = floats(b * s * g * d), *dv = floats(b * s * g * d);
    int32_t *starts = (int32_t *)floats(b);
    for (int64_t i = 0; i < b; i++) starts[i] = (int32_t)(s - t);
    quern_step step = {0};
    quern_record record = {.kernel = QUERN_KERNEL_attention_f32,
                           .step = &step,
                           .work = work,
                           .pointers = {out, lse, q, k, v, starts},
                           .integers = {b, t, h, g, d, h * d, g * d, g * d, h * d, s, 0, 1, 3},
                           .floats = {0.125f, dropout}};
    double pairs = 0;
    for (int64_t i = 0; i < t; i++) pairs += (double)(s - t + i + 1);
    pairs *= (double)(b * h * d);
    double took = best_of(&record, tier, seconds);
    printf("B %2ld T %4ld H %2ld G %2ld D %3ld S %4ld dropout %.1f  forward %8.3f ms %6.1f GFLOP/s",
           (long)b, (long)t, (long)h, (long)g, (long)d, (long)s, (double)dropout, took * 1e3,
           4 * pairs / took * 1e-9);
    if (t < s) {
        printf("  %5.1f GB/s of k and v\n", (double)(b * g * s * d) * 8 / took * 1e-9);
    } else {
        void *pointers[] = {dq, dk, dv, dout, q, k, v, out, lse};
        memcpy(record.pointers, pointers, sizeof pointers);
        record.kernel = QUERN_KERNEL_attention_backward_f32;
        took = best_of(&record, tier, seconds);
        printf("  backward %8.3f ms %6.1f GFLOP/s\n", took * 1e3, 10 * pairs / took * 1e-9);
    }
    free(q), free(k), free(v), free(out), free(lse), free(dout), free(dq), free(dk), free(dv), free(starts);
}

int main(int count, char **arguments) {
    const double seconds = count > 1 ? atof(arguments[1]) : 0.5;
    const int tier = count > 2 ? atoi(arguments[2]) : quern_cpu_tier();
    work = aligned_alloc(64, QUERN_WORK_BYTES);
    if (!work) return 1;
    memset(work, 0, QUERN_WORK_BYTES);
    printf("%s, one thread; best of %g seconds\n", quern_tier_name(tier), seconds);
    measure(12, 64, 4, 4, 32, 64, 0, tier, seconds);
    measure(4, 64, 12, 12, 64, 64, 0, tier, seconds);
    measure(1, 256, 12, 12, 64, 256, 0, tier, seconds);
    measure(1, 1024, 12, 12, 64, 1024, 0, tier, seconds);
    measure(1, 1024, 12, 12, 64, 1024, 0.1f, tier, seconds);
    measure(1, 1024, 16, 4, 128, 1024, 0, tier, seconds);
    measure(1, 4096, 2, 2, 64, 4096, 0, tier, seconds);
    measure(1, 1, 12, 12, 64, 1024, 0, tier, seconds);
    measure(8, 1, 12, 12, 64, 1024, 0, tier, seconds);
    measure(8, 1, 32, 8, 128, 1024, 0, tier, seconds);
    measure(8, 1, 32, 4, 128, 1024, 0, tier, seconds);
    return 0;
}
