/* matmul_f32 and matmul_bf16 on every tier against loops in double. */
#include "check.h"

/* The floats as BF16, flush at a guard page, to which they are rounded too. */
static uint16_t *stored_as_bf16(float *x, int64_t size) {
    uint16_t *stored = check_alloc((size_t)(size + size % 2) * sizeof *stored);
    stored += size % 2;
    for (int64_t i = 0; i < size; i++) {
        stored[i] = check_to_bf16(x[i]);
        x[i] = check_of_bf16(stored[i]);
    }
    return stored;
}

typedef struct matmul_case {
    int64_t m, n, k;
    int64_t flags;
    int bias;
    /* Elements that each row is longer than it need be. */
    int64_t beyond;
    int32_t kernel;
} matmul_case;

static int64_t storage(int64_t rows, int64_t columns, int64_t stride) {
    return rows > 0 && columns > 0 ? (rows - 1) * stride + columns : 0;
}

static void check_case(const matmul_case *c) {
    const int a_transposed = (c->flags & QUERN_TRANSPOSE_A) != 0;
    const int b_transposed = (c->flags & QUERN_TRANSPOSE_B) != 0;
    const int accumulate = (c->flags & QUERN_ACCUMULATE) != 0;
    const int64_t a_rows = a_transposed ? c->k : c->m, a_columns = a_transposed ? c->m : c->k;
    const int64_t b_rows = b_transposed ? c->n : c->k, b_columns = b_transposed ? c->k : c->n;
    const int64_t a_stride = a_columns + c->beyond, b_stride = b_columns + c->beyond;
    const int64_t out_stride = c->n + c->beyond;
    const int64_t out_size = storage(c->m, c->n, out_stride);
    const int64_t a_size = storage(a_rows, a_columns, a_stride);
    const int64_t b_size = storage(b_rows, b_columns, b_stride);
    float *a = check_random(a_size, 1);
    float *b = check_random(b_size, 1);
    const int a_stored = (c->flags & QUERN_STORED_A_BF16) != 0;
    void *left_operand = a_stored ? (void *)stored_as_bf16(a, a_size) : (void *)a;
    void *right_operand = c->flags & QUERN_STORED_BF16 ? (void *)stored_as_bf16(b, b_size) : (void *)b;
    /* What counts of a and b. */
    const int few = c->m <= 8 && !(a_transposed && b_transposed) && !a_stored;
    const int rounded = c->kernel == QUERN_KERNEL_matmul_bf16 && !few;
    const float *bias = c->bias ? check_random(c->n, 1) : NULL;
    const float *before = check_random(out_size, 1);
    float *out = check_floats(out_size);
    float *first = check_floats(out_size);
    double *expected = malloc((size_t)(out_size + 1) * sizeof(double));
    for (int64_t i = 0; i < out_size; i++) expected[i] = before[i];
    /* The magnitude of what is added, which the error is a multiple of. */
    double most = 1;
    for (int64_t i = 0; i < c->m; i++) {
        for (int64_t j = 0; j < c->n; j++) {
            double sum = bias ? bias[j] : 0, size = fabs(sum);
            for (int64_t p = 0; p < c->k; p++) {
                float left = a_transposed ? a[p * a_stride + i] : a[i * a_stride + p];
                float right = b_transposed ? b[j * b_stride + p] : b[p * b_stride + j];
                if (rounded) {
                    left = check_of_bf16(check_to_bf16(left));
                    right = check_of_bf16(check_to_bf16(right));
                }
                double x = (double)left * right;
                sum += x;
                size += fabs(x);
            }
            expected[i * out_stride + j] = sum + (accumulate ? before[i * out_stride + j] : 0);
            if (size > most) most = size;
        }
    }
    quern_step step = {0};
    quern_record record = {.step = &step,
                           .pointers = {out, left_operand, right_operand, (void *)bias},
                           .integers = {c->m, c->n, c->k, a_stride, b_stride, out_stride, c->flags}};
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, c->kernel)) continue;
        /* With a barrier after it, workers may share columns. */
        const int shared = c->m <= 16 && c->k >= 256 && !b_transposed;
        for (int run = 0; run < (shared ? 2 * CHECK_PARTS : 5); run++) {
            const int32_t parts = shared ? run / 2 + 1 : run + 1;
            record.flags = shared && run % 2 ? QUERN_BARRIER : 0;
            memcpy(out, before, (size_t)out_size * sizeof *out);
            int32_t status = check_run(c->kernel, tier, &record, parts);
            CHECK(status == QUERN_OK, "status %d", status);
            for (int i = 0; i < QUERN_SHARED_COLUMNS; i++) CHECK(step.arrived[i] == 0, "group %d", i);
            if (run == 0) {
                /* Rounding of k + 2 additions, each of at most `most`. */
                double bound = (double)(c->k + 3) * most * 5.97e-8;
                double worst = 0;
                for (int64_t i = 0; i < out_size; i++) {
                    double error = fabs(out[i] - expected[i]);
                    if (!(error <= worst)) worst = isnan(error) ? INFINITY : error;
                }
                CHECK(worst <= bound, "%s m %ld n %ld k %ld flags %ld bias %d beyond %ld: %g > %g",
                      check_tier_names[tier], (long)c->m, (long)c->n, (long)c->k, (long)c->flags,
                      c->bias, (long)c->beyond, worst, bound);
                memcpy(first, out, (size_t)out_size * sizeof *out);
            } else {
                CHECK(memcmp(first, out, (size_t)out_size * sizeof *out) == 0,
                      "%s m %ld n %ld k %ld flags %ld: %d parts differ from one, barrier %d",
                      check_tier_names[tier], (long)c->m, (long)c->n, (long)c->k, (long)c->flags,
                      parts, record.flags != 0);
            }
        }
    }
    free(expected);
    check_free(0);
}

/* A gradient is assigned by the first that contributes to it, and added to where the step says so. */
static void check_assigned(int32_t kernel, int64_t m, int64_t k) {
    enum { N = 35 };
    float *a = check_random(k * m, 1), *b = check_random(k * N, 1), *before = check_random(m * N, 1);
    float *out = check_floats(m * N), *expected = check_floats(m * N);
    const size_t bytes = (size_t)(m * N) * sizeof *out;
    quern_step step = {0};
    quern_record record = {.step = &step, .pointers = {expected, a, b}, .integers = {m, N, k, m, N, N}};
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, kernel)) continue;
        for (int64_t accumulate = 0; accumulate < 2; accumulate++) {
            memcpy(expected, before, bytes);
            record.pointers[0] = expected;
            record.assigned = 0;
            record.integers[6] = QUERN_TRANSPOSE_A | (accumulate ? QUERN_ACCUMULATE : 0);
            check_run(kernel, tier, &record, 2);
            memcpy(out, before, bytes);
            for (int64_t i = 0; !accumulate && i < m * N; i++) out[i] = NAN;
            record.pointers[0] = out;
            record.assigned = 1;
            record.integers[6] = QUERN_TRANSPOSE_A | QUERN_ACCUMULATE;
            step.accumulate = accumulate;
            check_run(kernel, tier, &record, 2);
            CHECK(memcmp(out, expected, bytes) == 0, "%s m %ld k %ld", check_tier_names[tier], (long)m,
                  (long)k);
        }
    }
    check_free(0);
}

/* Small whole numbers, whose sums are exact in any order. */
static void check_exact(int32_t kernel) {
    enum { M = 37, N = 51, K = 300 };
    float *a = check_floats(M * K), *b = check_floats(K * N), *out = check_floats(M * N);
    for (int i = 0; i < M * K; i++) a[i] = (float)(check_below(9) - 4);
    for (int i = 0; i < K * N; i++) b[i] = (float)(check_below(9) - 4);
    quern_step step = {0};
    quern_record record = {.step = &step, .pointers = {out, a, b}, .integers = {M, N, K, K, N, N, 0}};
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, kernel)) continue;
        check_run(kernel, tier, &record, 2);
        int zeros = 0;
        for (int i = 0; i < M; i++) {
            for (int j = 0; j < N; j++) {
                float sum = 0;
                for (int k = 0; k < K; k++) sum += a[i * K + k] * b[k * N + j];
                CHECK(out[i * N + j] == sum, "%s [%d][%d]", check_tier_names[tier], i, j);
                zeros += sum == 0;
            }
        }
        CHECK(zeros < M * N / 4, "mostly zeros");
    }
    check_free(0);
}

/* What is no number, or infinite, stays so in its row alone; denormals count as themselves or as zero. */
static void check_special(int32_t kernel) {
    enum { M = 15, N = 33, K = 35 };
    float *a = check_floats(M * K), *b = check_floats(K * N), *out = check_floats(M * N);
    for (int i = 0; i < M * K; i++) a[i] = i / K == 11 ? 0x1p-130f : 1;
    for (int i = 0; i < K * N; i++) b[i] = 1;
    a[3 * K + 34] = NAN;
    a[5 * K + 7] = INFINITY;
    quern_record record = {.pointers = {out, a, b}, .integers = {M, N, K, K, N, N, 0}};
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, kernel)) continue;
        check_run(kernel, tier, &record, 2);
        for (int i = 0; i < M * N; i++) {
            const float x = out[i];
            const int row = i / N;
            CHECK(row == 3    ? isnan(x)
                  : row == 5  ? isinf(x) && x > 0
                  : row == 11 ? x == K * 0x1p-130f || x == 0
                              : x == K,
                  "%s [%d][%d] = %g", check_tier_names[tier], row, i % N, (double)x);
        }
    }
    check_free(0);
}

/* A row has the same bits whatever rows it is computed with. */
static void check_company(int64_t n, int64_t k, int64_t flags) {
    enum { MOST = 8 };
    const int stored = (flags & QUERN_STORED_BF16) != 0;
    float *a = check_random(MOST * k, 1), *out = check_floats(MOST * n), *alone = check_floats(n);
    float *b = check_random(stored ? (n * k + 1) / 2 : n * k, 1);
    for (int64_t i = 0; stored && i < n * k; i++) {
        ((uint16_t *)b)[i] = (uint16_t)(0x3f80 ^ check_below(128) ^ check_below(2) << 15);
    }
    const int64_t b_stride = flags & QUERN_TRANSPOSE_B ? k : n;
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, QUERN_KERNEL_matmul_f32)) continue;
        for (int64_t m = 2; m <= MOST; m++) {
            quern_record record = {.pointers = {out, a, b}, .integers = {m, n, k, k, b_stride, n, flags}};
            check_run(QUERN_KERNEL_matmul_f32, tier, &record, 1);
            for (int64_t i = 0; i < m; i++) {
                quern_record single = {.pointers = {alone, a + i * k, b},
                                       .integers = {1, n, k, k, b_stride, n, flags}};
                check_run(QUERN_KERNEL_matmul_f32, tier, &single, 1);
                CHECK(memcmp(alone, out + i * n, (size_t)n * sizeof *out) == 0,
                      "%s row %ld of %ld, n %ld k %ld flags %ld",
                      check_tier_names[tier], (long)i, (long)m, (long)n, (long)k, (long)flags);
            }
        }
    }
    check_free(0);
}

/* More than a few rows in BF16: the same bits, whether operands are rounded as they are read or were before. */
static void check_kept(int64_t m, int64_t n, int64_t k, int64_t flags) {
    float *a = check_random(m * k, 1), *b = check_random(n * k, 1);
    float *out = check_floats(m * n), *expected = check_floats(m * n);
    const int64_t b_stride = flags & QUERN_TRANSPOSE_B ? k : n;
    quern_record record = {.pointers = {expected, a, b}, .integers = {m, n, k, k, b_stride, n, flags}};
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, QUERN_KERNEL_matmul_bf16)) continue;
        record.pointers[0] = expected;
        record.pointers[1] = a;
        record.pointers[2] = b;
        record.integers[6] = flags;
        check_run(QUERN_KERNEL_matmul_bf16, tier, &record, 2);
        record.pointers[0] = out;
        for (int kept = 1; kept < 4; kept++) {
            float *left = check_floats(m * k), *right = check_floats(n * k);
            memcpy(left, a, (size_t)(m * k) * sizeof *a);
            memcpy(right, b, (size_t)(n * k) * sizeof *b);
            if (kept & 1) record.pointers[1] = stored_as_bf16(left, m * k);
            if (kept & 2) record.pointers[2] = stored_as_bf16(right, n * k);
            record.integers[6] = flags | (kept & 1 ? QUERN_STORED_A_BF16 : 0) | (kept & 2 ? QUERN_STORED_BF16 : 0);
            check_run(QUERN_KERNEL_matmul_bf16, tier, &record, 3);
            CHECK(memcmp(out, expected, (size_t)(m * n) * sizeof *out) == 0, "%s m %ld n %ld k %ld flags %ld kept %d",
                  check_tier_names[tier], (long)m, (long)n, (long)k, (long)flags, kept);
            record.pointers[1] = a;
            record.pointers[2] = b;
            check_free(4);
        }
    }
    check_free(0);
}

static void check_cancel(int32_t kernel) {
    float *x = check_random(64 * 64, 1), *out = check_floats(64 * 64);
    quern_step step = {.cancel = 1};
    quern_record record = {.step = &step, .pointers = {out, x, x}, .integers = {64, 64, 64, 64, 64, 64, 0}};
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, kernel)) continue;
        CHECK(check_run(kernel, tier, &record, 1) == QUERN_CANCELLED, "cancelled");
        record.flags = QUERN_COMMITTED;
        CHECK(check_run(kernel, tier, &record, 1) == QUERN_OK, "committed");
        record.flags = 0;
    }
    check_free(0);
}

static void check_kernel(int32_t kernel) {
    static const int64_t sizes[] = {0, 1, 2, 3, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 31, 32, 33, 35, 67, 97};
    const int64_t count = sizeof sizes / sizeof *sizes;
    for (int64_t flags = 0; flags < 32; flags++) {
        for (int bias = 0; bias < 2; bias++) {
            for (int i = 0; i < 40; i++) {
                matmul_case c = {sizes[check_below(count)], sizes[check_below(count)],
                                 sizes[check_below(count)], flags, bias, check_below(3) * 3, kernel};
                check_case(&c);
            }
            for (int64_t m = 1; m <= 9; m++) {
                check_case(&(matmul_case){m, 67, 35, flags, bias, 5, kernel});
                check_case(&(matmul_case){m, 1030, 19, flags, bias, 0, kernel});
                check_case(&(matmul_case){m, 4133, 9, flags, bias, 0, kernel});
            }
            check_case(&(matmul_case){13, 17, 0, flags, bias, 1, kernel});
            check_case(&(matmul_case){0, 17, 5, flags, bias, 0, kernel});
            check_case(&(matmul_case){5, 0, 5, flags, bias, 0, kernel});
            /* In slices, or just not. */
            check_case(&(matmul_case){1, 35, 256, flags, bias, 1, kernel});
            check_case(&(matmul_case){2, 35, 255, flags, bias, 0, kernel});
            check_case(&(matmul_case){8, 97, 301, flags, bias, 3, kernel});
            check_case(&(matmul_case){9, 35, 256, flags, bias, 0, kernel});
            check_case(&(matmul_case){16, 83, 271, flags, bias, 3, kernel});
            check_case(&(matmul_case){17, 35, 256, flags, bias, 0, kernel});
            check_case(&(matmul_case){24, 35, 256, flags, bias, 0, kernel});
            /* Beyond one block of each dimension. */
            check_case(&(matmul_case){181, 37, 523, flags, bias, 3, kernel});
            check_case(&(matmul_case){11, 1553, 261, flags, bias, 0, kernel});
        }
    }
    for (int64_t m = 1; m <= 40; m += 13) {
        check_assigned(kernel, m, 5);
        check_assigned(kernel, m, 531);
    }
    check_exact(kernel);
    check_special(kernel);
    check_cancel(kernel);
}

int main(void) {
    check_kernel(QUERN_KERNEL_matmul_f32);
    check_kernel(QUERN_KERNEL_matmul_bf16);
    /* Beyond a block of tiles, or of pairs. */
    for (int64_t flags = 0; flags < 32; flags += 5) {
        check_case(&(matmul_case){531, 49, 70, flags, 1, 1, QUERN_KERNEL_matmul_bf16});
        check_case(&(matmul_case){33, 1061, 65, flags, 0, 0, QUERN_KERNEL_matmul_bf16});
        check_case(&(matmul_case){353, 39, 33, flags, 0, 2, QUERN_KERNEL_matmul_bf16});
        check_case(&(matmul_case){19, 2089, 37, flags, 1, 0, QUERN_KERNEL_matmul_bf16});
    }
    for (int64_t flags = 0; flags < 16; flags++) {
        if (flags & (QUERN_TRANSPOSE_A | QUERN_ACCUMULATE)) continue;
        check_company(19, 1, flags);
        check_company(37, 45, flags);
        check_company(13, 581, flags);
    }
    check_company(12289, 256, 0);
    check_company(12288, 256, 0);
    for (int64_t m = 9; m <= 25; m++) {
        check_kept(m, 37, 45, QUERN_TRANSPOSE_B);
        check_kept(m, 35, 301, QUERN_TRANSPOSE_B);
        check_kept(m, 35, 301, 0);
    }
    /* Slices of more columns than are summed in one pass. */
    check_case(&(matmul_case){3, 4133, 257, 0, 1, 1, QUERN_KERNEL_matmul_f32});
    check_case(&(matmul_case){3, 4133, 257, QUERN_TRANSPOSE_A | QUERN_STORED_BF16 | QUERN_ACCUMULATE, 0, 0, QUERN_KERNEL_matmul_bf16});
    /* Wider than slices of so many rows have room for. */
    check_case(&(matmul_case){16, 6144, 256, 0, 1, 0, QUERN_KERNEL_matmul_f32});
    check_case(&(matmul_case){16, 6145, 256, 0, 1, 0, QUERN_KERNEL_matmul_f32});
    check_case(&(matmul_case){8, 12289, 256, QUERN_STORED_BF16, 0, 0, QUERN_KERNEL_matmul_f32});
    /* Deeper than so many rows have room for in scratch memory. */
    static const int64_t deep[] = {1, 2, 3, 8, 13};
    for (int i = 0; i < 5; i++) {
        check_case(&(matmul_case){deep[i], 5, QUERN_WORK_BYTES / 4 / deep[i] + 3, QUERN_TRANSPOSE_B, 1, 0,
                                  QUERN_KERNEL_matmul_f32});
    }
    return check_result();
}
