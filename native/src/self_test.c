/*
 * Whether a tier computes rightly on the calling thread. An illegal instruction cannot be caught
 * here; what can is a tier that runs but gives wrong numbers, as under a faulty emulator.
 */
/* For MAP_ANONYMOUS under -std=c11. */
#define _DEFAULT_SOURCE

#include "cpu.h"
#include "error.h"
#include "tiers.h"

#include <math.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

/* Sizes that need whole vectors and a tail in each tier. */
enum { M = 19, N = 37, K = 5, ROWS = 3, CHANNELS = 21 };

static float small_integer(int index, int factor) {
    return (float)((index * factor) % 11 - 5);
}

/* Sums of products of small integers are exact, in BF16 too, so they are compared exactly. */
static int matmul_is_right(quern_function *matmul, quern_record *record) {
    float a[M * K];
    float b[K * N];
    float bias[N];
    float out[M * N];
    for (int i = 0; i < M * K; i++) {
        a[i] = small_integer(i, 7);
    }
    for (int i = 0; i < K * N; i++) {
        b[i] = small_integer(i, 3);
    }
    for (int i = 0; i < N; i++) {
        bias[i] = small_integer(i, 5);
    }
    memset(out, 0xff, sizeof out);
    record->pointers[0] = out;
    record->pointers[1] = a;
    record->pointers[2] = b;
    record->pointers[3] = bias;
    record->integers[0] = M;
    record->integers[1] = N;
    record->integers[2] = K;
    record->integers[3] = K;
    record->integers[4] = N;
    record->integers[5] = N;
    if (matmul(record, 0, 1) != QUERN_OK) {
        return 0;
    }
    for (int m = 0; m < M; m++) {
        for (int n = 0; n < N; n++) {
            float sum = bias[n];
            for (int k = 0; k < K; k++) {
                sum += a[m * K + k] * b[k * N + n];
            }
            if (out[m * N + n] != sum) {
                return 0;
            }
        }
    }
    return 1;
}

/* Each row has a 127 and each column a scale of one, so that numbers are integers, and compared exactly. */
static int matmul_int8_is_right(quern_function *matmul, quern_record *record) {
    float a[M * K];
    int8_t b[N * K];
    float scales[N];
    float out[M * N];
    for (int i = 0; i < M * K; i++) {
        a[i] = i % K == 0 ? 127 : small_integer(i, 7);
    }
    for (int i = 0; i < N * K; i++) {
        b[i] = i % K == 1 ? -128 : (int8_t)small_integer(i, 3);
    }
    for (int i = 0; i < N; i++) {
        scales[i] = 1;
    }
    memset(out, 0xff, sizeof out);
    record->pointers[0] = out;
    record->pointers[1] = a;
    record->pointers[2] = b;
    record->pointers[4] = scales;
    record->integers[0] = M;
    record->integers[1] = N;
    record->integers[2] = K;
    record->integers[3] = K;
    record->integers[4] = K;
    record->integers[5] = N;
    record->integers[6] = K;
    if (matmul(record, 0, 1) != QUERN_OK) {
        return 0;
    }
    for (int m = 0; m < M; m++) {
        for (int n = 0; n < N; n++) {
            float sum = 0;
            for (int k = 0; k < K; k++) {
                sum += a[m * K + k] * b[n * K + k];
            }
            if (out[m * N + n] != sum) {
                return 0;
            }
        }
    }
    return 1;
}

static int layer_norm_is_right(quern_function *layer_norm, quern_record *record) {
    float out[ROWS * CHANNELS];
    float mean[ROWS];
    float rstd[ROWS];
    float x[ROWS * CHANNELS];
    float gamma[CHANNELS];
    float beta[CHANNELS];
    for (int i = 0; i < ROWS * CHANNELS; i++) {
        x[i] = 0.25f * small_integer(i, 9);
    }
    for (int c = 0; c < CHANNELS; c++) {
        gamma[c] = 1.0f + 0.125f * small_integer(c, 4);
        beta[c] = 0.5f * small_integer(c, 6);
    }
    memset(out, 0xff, sizeof out);
    record->pointers[0] = out;
    record->pointers[1] = mean;
    record->pointers[2] = rstd;
    record->pointers[3] = x;
    record->pointers[4] = gamma;
    record->pointers[5] = beta;
    record->integers[0] = ROWS;
    record->integers[1] = CHANNELS;
    record->floats[0] = 1e-5f;
    if (layer_norm(record, 0, 1) != QUERN_OK) {
        return 0;
    }
    for (int n = 0; n < ROWS; n++) {
        const float *row = x + n * CHANNELS;
        double average = 0;
        for (int c = 0; c < CHANNELS; c++) {
            average += row[c];
        }
        average /= CHANNELS;
        double variance = 0;
        for (int c = 0; c < CHANNELS; c++) {
            variance += (row[c] - average) * (row[c] - average);
        }
        double scale = 1 / sqrt(variance / CHANNELS + 1e-5);
        for (int c = 0; c < CHANNELS; c++) {
            double expected = (row[c] - average) * scale * gamma[c] + beta[c];
            if (!(fabs(out[n * CHANNELS + c] - expected) <= 1e-5 * (1 + fabs(expected)))) {
                return 0;
            }
        }
    }
    return 1;
}

/* With the step and the scratch that a kernel expects; 1 if right. */
static int is_right(int32_t tier, void *work) {
    quern_step step;
    memset(&step, 0, sizeof step);
    quern_record record;
    memset(&record, 0, sizeof record);
    record.step = &step;
    record.work = work;
    const char *name = quern_tier_name(tier);
    const int32_t products[] = {QUERN_KERNEL_matmul_f32, QUERN_KERNEL_matmul_bf16};
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        if (!matmul_is_right(quern_function_of(tier, products[i]), &record)) {
            quern_fail(QUERN_BAD_PROGRAM, "tier %s gives wrong products on this machine", name);
            return 0;
        }
        memset(&record, 0, sizeof record);
        record.step = &step;
        record.work = work;
    }
    if (!matmul_int8_is_right(quern_function_of(tier, QUERN_KERNEL_matmul_int8), &record)) {
        quern_fail(QUERN_BAD_PROGRAM, "tier %s gives wrong products of INT8 on this machine", name);
        return 0;
    }
    memset(&record, 0, sizeof record);
    record.step = &step;
    record.work = work;
    if (!layer_norm_is_right(quern_function_of(tier, QUERN_KERNEL_layer_norm_f32), &record)) {
        quern_fail(QUERN_BAD_PROGRAM, "tier %s gives wrong norms on this machine", name);
        return 0;
    }
    return 1;
}

int32_t quern_tier_check(int32_t tier) {
    quern_error_clear();
    if (!quern_tier_usable(tier)) {
        const char *name = quern_tier_name(tier);
        quern_fail(QUERN_BAD_PROGRAM, "tier %d (%s) cannot run on this machine", tier,
                   name == NULL ? "unknown" : name);
        return 0;
    }
    /* More than a thread's stack may hold; only the pages that are touched become memory. */
    void *work = mmap(NULL, QUERN_WORK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
    if (work == MAP_FAILED) {
        quern_fail(QUERN_BAD_PROGRAM, "there is no memory for the self-test of a tier");
        return 0;
    }
    int right = is_right(tier, work);
    munmap(work, QUERN_WORK_BYTES);
    return right;
}
