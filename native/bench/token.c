/*
 * How near to the speed of memory the products of a token come: a model of Llama's shape in BF16, every
 * product of every layer and the head, each record followed by a barrier, against plain reading of the same
 * memory. The two take turns.
 * Usage: token [threads [135m|1.1b [rounds]]]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <quern.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define MOST_THREADS 64
#define MOST_RECORDS 1024
#define MOST_ROUNDS 1001

typedef struct sizes {
    const char *name;
    int layers;
    int64_t channels, key_channels, hidden, vocabulary;
} sizes;

static const sizes models[] = {{"135m", 30, 576, 192, 1536, 49152}, {"1.1b", 22, 2048, 256, 5632, 32000}};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct job {
    const quern_program *program;
    pthread_barrier_t *meeting;
    const char *memory;
    int64_t bytes;
    int32_t part;
    int rounds;
    double read;
} job;

/* A share of the memory for each thread, as long as the products take or so. */
static void read_share(job *j) {
    const int64_t each = j->bytes / j->program->parts / 4096 * 4096;
    j->read = quern_measure_reading(j->program->tier, j->memory + j->part * each, each, 20000000);
}

static void *work(void *argument) {
    job *j = argument;
    for (int i = 0; i < j->rounds; i++) {
        pthread_barrier_wait(j->meeting);
        quern_run(j->program, j->part, 0, j->program->count);
        pthread_barrier_wait(j->meeting);
        read_share(j);
        pthread_barrier_wait(j->meeting);
    }
    return NULL;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static quern_record product(float *out, const float *x, const char *weights, int64_t n, int64_t k) {
    return (quern_record){.kernel = QUERN_KERNEL_matmul_f32,
                          .flags = QUERN_BARRIER,
                          .pointers = {out, (void *)x, (void *)weights},
                          .integers = {1, n, k, k, k, n, QUERN_TRANSPOSE_B | QUERN_STORED_BF16}};
}

int main(int count, char **arguments) {
    const int threads = count > 1 ? atoi(arguments[1]) : 2;
    const char *name = count > 2 ? arguments[2] : models[0].name;
    const int rounds = count > 3 ? atoi(arguments[3]) : 101;
    const sizes *model = NULL;
    for (int i = 0; i < 2; i++) {
        if (strcmp(name, models[i].name) == 0) model = &models[i];
    }
    if (threads < 1 || threads > MOST_THREADS || !model || rounds < 1 || rounds > MOST_ROUNDS) return 2;
    const int64_t shapes[][2] = {{model->channels, model->channels},
                                 {model->key_channels, model->channels},
                                 {model->key_channels, model->channels},
                                 {model->channels, model->channels},
                                 {model->hidden, model->channels},
                                 {model->hidden, model->channels},
                                 {model->channels, model->hidden}};
    int64_t bytes = model->vocabulary * model->channels * 2;
    for (int s = 0; s < 7; s++) bytes += model->layers * shapes[s][0] * shapes[s][1] * 2;
    char *weights = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (weights == MAP_FAILED) return 1;
    madvise(weights, (size_t)bytes, MADV_HUGEPAGE);
    memset(weights, 0, (size_t)bytes);
    static float x[8192], out[65536];
    static quern_record records[MOST_RECORDS];
    static quern_step step;
    static quern_barrier meeting;
    void *scratch = aligned_alloc(64, (size_t)threads * QUERN_WORK_BYTES);
    if (!scratch) return 1;
    memset(scratch, 0, (size_t)threads * QUERN_WORK_BYTES);
    int64_t made = 0, at = 0;
    for (int layer = 0; layer <= model->layers; layer++) {
        for (int s = 0; s < 7; s++) {
            const int64_t n = layer < model->layers ? shapes[s][0] : model->vocabulary;
            const int64_t k = layer < model->layers ? shapes[s][1] : model->channels;
            records[made] = product(out, x, weights + at, n, k);
            records[made].step = &step;
            records[made].work = scratch;
            made++;
            at += n * k * 2;
            if (layer == model->layers) break;
        }
    }
    quern_program program = {records, made, &step, &meeting, quern_cpu_tier(), threads, NULL};
    pthread_barrier_t together;
    pthread_barrier_init(&together, NULL, (unsigned)threads);
    job jobs[MOST_THREADS];
    pthread_t workers[MOST_THREADS];
    for (int t = 0; t < threads; t++) {
        jobs[t] = (job){&program, &together, weights, bytes, t, rounds, 0};
        if (t > 0) pthread_create(&workers[t], NULL, work, &jobs[t]);
    }
    static double product_rates[MOST_ROUNDS], read_rates[MOST_ROUNDS], ratios[MOST_ROUNDS];
    for (int i = 0; i < rounds; i++) {
        pthread_barrier_wait(&together);
        const double from = now();
        if (quern_run(&program, 0, 0, made) != QUERN_OK) {
            printf("%s\n", quern_error_message());
            return 1;
        }
        pthread_barrier_wait(&together);
        product_rates[i] = (double)bytes / (now() - from) * 1e-9;
        read_share(&jobs[0]);
        pthread_barrier_wait(&together);
        for (int t = 0; t < threads; t++) read_rates[i] += jobs[t].read * 1e-9;
        ratios[i] = product_rates[i] / read_rates[i];
    }
    for (int t = 1; t < threads; t++) pthread_join(workers[t], NULL);
    qsort(product_rates, (size_t)rounds, sizeof(double), compare);
    qsort(ratios, (size_t)rounds, sizeof(double), compare);
    qsort(read_rates, (size_t)rounds, sizeof(double), compare);
    printf("%s, %s in BF16, %.0f MB, %ld products, threads: %d, median of %d rounds\n",
           quern_tier_name(program.tier), model->name, (double)bytes * 1e-6, (long)made, threads, rounds);
    printf("products %6.1f GB/s (best %.1f)\nreading  %6.1f GB/s (best %.1f)\nratio    %6.3f\n",
           product_rates[rounds / 2], product_rates[rounds - 1], read_rates[rounds / 2],
           read_rates[rounds - 1], ratios[rounds / 2]);
    return 0;
}
