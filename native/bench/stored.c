/*
 * What products gain where weights are stored as BF16, over weights that are floats and rounded as they
 * are packed: matmul_bf16 at the sizes of GPT-2 124M's layers and head, forward and for the input's
 * gradient. Twelve matrices take turns, so that weights come from memory as they do in a training step;
 * the two kinds take turns, too. CPU time of one thread.
 * Usage: stored [tier [rounds [rows of a step]]]
 */
#define _GNU_SOURCE
#include <quern.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MATRICES 12

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *room(size_t bytes) {
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p) exit(1);
    memset(p, 0, bytes);
    return p;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Seconds that all products with these weights take, the median of the rounds, for floats and BF16. */
static void measure(int64_t m, int64_t rows, int64_t columns, int64_t matrices, int32_t tier, int rounds,
                    double total[2]) {
    static const int64_t kinds[] = {0, QUERN_STORED_BF16};
    const size_t weights = (size_t)(rows * columns);
    char *b[] = {room(weights * 4 * (size_t)matrices), room(weights * 2 * (size_t)matrices)};
    float *left = room((size_t)(m * (rows > columns ? rows : columns)) * 4);
    float *out = room((size_t)(m * (rows > columns ? rows : columns)) * 4);
    double *times[] = {room((size_t)rounds * sizeof(double)), room((size_t)rounds * sizeof(double))};
    quern_step step = {0};
    quern_barrier meeting = {0};
    quern_record record = {.kernel = QUERN_KERNEL_matmul_bf16, .step = &step, .work = room(QUERN_WORK_BYTES)};
    quern_program program = {&record, 1, &step, &meeting, tier, 1, NULL};
    for (int round = 0; round < rounds; round++) {
        for (int k = 0; k < 2; k++) {
            const int kind = round % 2 ? 1 - k : k;
            const double start = now();
            for (int64_t i = 0; i < matrices; i++) {
                record.pointers[0] = out;
                record.pointers[1] = left;
                record.pointers[2] = b[kind] + (size_t)i * weights * (kind ? 2 : 4);
                const int64_t forward[] = {m, columns, rows, rows, columns, columns, kinds[kind]};
                memcpy(record.integers, forward, sizeof forward);
                quern_run(&program, 0, 0, 1);
                const int64_t gradient[] = {m, rows, columns, columns, columns, rows,
                                            kinds[kind] | QUERN_TRANSPOSE_B};
                memcpy(record.integers, gradient, sizeof gradient);
                quern_run(&program, 0, 0, 1);
            }
            times[kind][round] = now() - start;
        }
    }
    double median[2];
    for (int kind = 0; kind < 2; kind++) {
        qsort(times[kind], (size_t)rounds, sizeof(double), by_size);
        median[kind] = times[kind][rounds / 2];
        total[kind] += median[kind];
    }
    printf("%5ld rows, %2ld of %5ld x %5ld: %8.2f ms, stored %8.2f ms, ratio %.3f\n", (long)m, (long)matrices,
           (long)rows, (long)columns, 1e3 * median[0], 1e3 * median[1], median[0] / median[1]);
    free(b[0]), free(b[1]), free(left), free(out), free(times[0]), free(times[1]), free(record.work);
}

int main(int count, char **arguments) {
    const int tier = count > 1 ? atoi(arguments[1]) : quern_cpu_tier();
    const int rounds = count > 2 ? atoi(arguments[2]) : 5;
    if (rounds < 1) return 2;
    static const int64_t sizes[][2] = {{768, 2304}, {768, 768}, {768, 3072}, {3072, 768}};
    printf("%s\n", quern_tier_name(tier));
    const int64_t m = count > 3 ? atol(arguments[3]) : 256;
    if (m < 1) return 2;
    double total[2] = {0, 0};
    for (int s = 0; s < 4; s++) measure(m, sizes[s][0], sizes[s][1], MATRICES, tier, rounds, total);
    /* The head goes by chunks of rows. */
    const int64_t chunks = (m + 255) / 256;
    double head[2] = {0, 0};
    measure((m + chunks - 1) / chunks, 768, 50257, 1, tier, rounds, head);
    for (int kind = 0; kind < 2; kind++) total[kind] += (double)chunks * head[kind];
    printf("%5ld rows, all: %.2f ms, stored %.2f ms, %.2f ms less\n", (long)m, 1e3 * total[0], 1e3 * total[1],
           1e3 * (total[0] - total[1]));
    return 0;
}
