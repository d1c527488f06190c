/*
 * matmul_int8 beside matmul_f32 and, of stored weights, matmul_bf16, one thread: medians of CPU times taken
 * in turn, and the rate at which weights are read.
 * Usage: matmul_int8 [seconds for each shape [tier]]
 */
#define _GNU_SOURCE
#include <quern.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { F32, BF16, ROWS, GROUPS, KINDS, MOST_RUNS = 1000 };

static const char *const names[KINDS] = {"f32", "bf16", "int8 by rows", "int8 by 32"};
static const double weight_bytes[KINDS] = {4, 2, 1, 1.125};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Numbers around 1: whatever the bytes, none is subnormal. */
static void *filled(size_t bytes) {
    float *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p) exit(1);
    uint32_t state = 1;
    for (size_t i = 0; i < bytes / 4; i++) {
        state = state * 1664525u + 1013904223u;
        p[i] = 1 + (float)(state >> 8) * 0x1p-24f;
    }
    return p;
}

static int rising(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(int64_t m, int64_t n, int64_t k, int tier, double seconds) {
    static double times[KINDS][MOST_RUNS];
    float *a = filled((size_t)(m * k) * 4), *out = filled((size_t)(m * n) * 4);
    float *scales = filled((size_t)(n * (k + 31) / 32) * 4);
    void *weights[KINDS], *work = filled(QUERN_WORK_BYTES);
    quern_step step = {0};
    quern_barrier barrier = {0};
    quern_record records[KINDS];
    for (int i = 0; i < KINDS; i++) {
        weights[i] = filled((size_t)((double)(n * k) * (weight_bytes[i] < 2 ? 1 : weight_bytes[i])));
        const int64_t last = i == F32 ? QUERN_TRANSPOSE_B : i == BF16 ? QUERN_TRANSPOSE_B | QUERN_STORED_BF16
                             : i == ROWS ? k : 32;
        records[i] = (quern_record){.kernel = i == F32    ? QUERN_KERNEL_matmul_f32
                                              : i == BF16 ? QUERN_KERNEL_matmul_bf16
                                                          : QUERN_KERNEL_matmul_int8,
                                    .step = &step,
                                    .work = work,
                                    .pointers = {out, a, weights[i], NULL, scales},
                                    .integers = {m, n, k, k, k, n, last}};
    }
    int runs = 0;
    for (double spent = 0; runs < MOST_RUNS && (runs < 3 || spent < seconds); runs++) {
        for (int i = 0; i < KINDS; i++) {
            const quern_program program = {&records[i], 1, &step, &barrier, tier, 1, NULL};
            const double from = now();
            if (quern_run(&program, 0, 0, 1) != QUERN_OK) exit(1);
            times[i][runs] = now() - from;
            spent += times[i][runs];
        }
    }
    printf("%5ld %6ld %6ld", (long)m, (long)n, (long)k);
    double f32 = 0;
    for (int i = 0; i < KINDS; i++) {
        qsort(times[i], (size_t)runs, sizeof times[i][0], rising);
        const double time = times[i][runs / 2];
        if (i == F32) f32 = time;
        printf("  %s %.2fx %.1f GFLOP/s", names[i], f32 / time, 2e-9 * (double)m * (double)n * (double)k / time);
        if (m <= 8) printf(" %.1f GB/s", 1e-9 * (double)n * (double)k * weight_bytes[i] / time);
        free(weights[i]);
    }
    printf("\n");
    free(a), free(out), free(scales), free(work);
}

int main(int count, char **arguments) {
    const double seconds = count > 1 ? atof(arguments[1]) : 2;
    const int tier = count > 2 ? atoi(arguments[2]) : quern_cpu_tier();
    printf("%s; m, n, k; speed beside f32, medians\n", quern_tier_name(tier));
    static const int64_t sizes[][2] = {{1536, 576}, {5632, 2048}, {2048, 5632}, {32000, 2048}};
    static const int64_t rows[] = {1, 2, 4, 8, 9, 64, 512};
    for (int r = 0; r < 7; r++) {
        for (int s = 0; s < (rows[r] > 8 ? 3 : 4); s++) measure(rows[r], sizes[s][0], sizes[s][1], tier, seconds);
    }
    return 0;
}
