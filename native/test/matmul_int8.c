/* matmul_int8 on every tier against loops in double, of integers rounded as the contract says. */
#include "kernel_check.h"

typedef struct int8_case {
    int64_t m, n, k, group;
    int bias;
    /* Elements that each row is longer than it need be. */
    int64_t beyond;
} int8_case;

static int64_t storage(int64_t rows, int64_t columns, int64_t stride) {
    return rows > 0 ? (rows - 1) * stride + columns : 0;
}

/* Room for so many bytes, flush at the guard page. */
static int8_t *bytes(int64_t n) {
    const int64_t room = (n + 3) / 4 * 4;
    return (int8_t *)check_alloc((size_t)room) + (room - n);
}

/* What a group of a counts as: integers in q, and what one of them stands for. */
static float round_group(const float *a, int64_t n, int8_t *q) {
    float most = 0;
    int finite = 1;
    for (int64_t k = 0; k < n; k++) {
        if (!isfinite(a[k])) finite = 0;
        if (fabsf(a[k]) > most) most = fabsf(a[k]);
    }
    const int counts = finite && most >= 0x1p-100f;
    const float inverse = counts ? 127.0f / most : 0;
    for (int64_t k = 0; k < n; k++) q[k] = counts ? (int8_t)rintf(a[k] * inverse) : 0;
    return !finite ? NAN : counts ? most / 127.0f : 0;
}

enum { RANDOM, EXTREME, SPECIAL };

static void check_case(const int8_case *c, int kind, int32_t kernel) {
    const int64_t groups = (c->k + c->group - 1) / c->group;
    const int64_t a_stride = c->k + c->beyond, b_stride = c->k + 3 * c->beyond, out_stride = c->n + c->beyond;
    float *a = check_random(storage(c->m, c->k, a_stride), 3);
    int8_t *b = bytes(storage(c->n, c->k, b_stride));
    float *scales = check_random(c->n * groups, 0.1f);
    float *bias = c->bias ? check_random(c->n, 1) : NULL;
    for (int64_t i = 0; i < storage(c->n, c->k, b_stride); i++) b[i] = (int8_t)(check_below(256) - 128);
    if (kind == EXTREME) {
        /* All products of a column have one sign and are as large as they can be. */
        for (int64_t i = 0; i < storage(c->m, c->k, a_stride); i++) a[i] = i % 2 ? 127 : -127;
        for (int64_t j = 0; j < c->n; j++) {
            for (int64_t k = 0; k < c->k; k++) b[j * b_stride + k] = (j + k) % 2 ? 127 : -128;
        }
    } else if (kind == SPECIAL) {
        for (int64_t k = 0; k < c->k; k++) {
            a[k] = 0;
            if (c->m > 1) a[a_stride + k] = 1e-38f;
            if (c->m > 4) a[4 * a_stride + k] *= 1e30f;
        }
        if (c->m > 2) a[2 * a_stride + c->k / 2] = NAN;
        if (c->m > 3) a[3 * a_stride + c->k - 1] = -INFINITY;
    }
    const int64_t size = storage(c->m, c->n, out_stride);
    output out = output_of(size);
    /* What lies between rows stays. */
    for (int64_t i = 0; i < size; i++) {
        out.initial[i] = i % out_stride < c->n ? NAN : 7;
        out.expected[i] = 7;
    }
    int8_t *q = check_heap((size_t)c->k);
    for (int64_t i = 0; i < c->m; i++) {
        for (int64_t j = 0; j < c->n; j++) {
            expect(&out, i * out_stride + j, bias ? bias[j] : 0, 0);
        }
        for (int64_t g = 0; g < groups; g++) {
            const int64_t first = g * c->group;
            const int64_t n = c->k - first < c->group ? c->k - first : c->group;
            const double scale = round_group(a + i * a_stride + first, n, q);
            for (int64_t j = 0; j < c->n; j++) {
                const int64_t at = i * out_stride + j;
                double sum = 0, most = 0;
                for (int64_t k = 0; k < n; k++) {
                    const double x = q[k] * b[j * b_stride + first + k];
                    sum += x;
                    most += fabs(x);
                }
                const double factor = scale * scales[j * groups + g];
                expect(&out, at, out.expected[at] + factor * sum, out.scale[at] + fabs(factor * most));
            }
        }
    }
    char what[128];
    snprintf(what, sizeof what, "m %ld n %ld k %ld group %ld bias %d beyond %ld kind %d", (long)c->m, (long)c->n,
             (long)c->k, (long)c->group, c->bias, (long)c->beyond, kind);
    quern_record record = {.pointers = {out.p, a, b, bias, scales},
                           .integers = {c->m, c->n, c->k, a_stride, b_stride, out_stride, c->group}};
    /* Two scales, their product, the sum: by chunk; then the lanes. */
    check_kernel_runs(what, kernel, &record, &out, 1, (double)(groups + c->k / 512) + 8);
    free(q);
    free_outputs(&out, 1);
    check_free(0);
}

/* Scales of one and few steps: every number is an integer, and so are all sums. */
static void check_exact(int64_t m) {
    enum { N = 37, K = 500 };
    float *a = check_floats(m * K), *out = check_floats(m * N), *scales = check_floats(N);
    int8_t *b = bytes(N * K);
    for (int64_t i = 0; i < m * K; i++) a[i] = i % K == 13 ? 127 : (float)(check_below(255) - 127);
    for (int i = 0; i < N * K; i++) b[i] = (int8_t)(check_below(256) - 128);
    for (int i = 0; i < N; i++) scales[i] = 1;
    quern_record record = {.pointers = {out, a, b, NULL, scales}, .integers = {m, N, K, K, K, N, K}};
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, QUERN_KERNEL_matmul_int8)) continue;
        check_run(QUERN_KERNEL_matmul_int8, tier, &record, 2);
        int zeros = 0;
        for (int64_t i = 0; i < m; i++) {
            for (int j = 0; j < N; j++) {
                int32_t sum = 0;
                for (int k = 0; k < K; k++) sum += (int32_t)a[i * K + k] * b[j * K + k];
                CHECK(out[i * N + j] == (float)sum, "%s [%d][%d] = %g, not %d", check_tier_names[tier],
                      (int)i, j, (double)out[i * N + j], sum);
                zeros += sum == 0;
            }
        }
        CHECK(zeros < m * N / 4, "mostly zeros");
    }
    check_free(0);
}

static void check_cancel(void) {
    float *x = check_random(64 * 64, 1), *out = check_floats(64 * 64);
    int8_t *b = bytes(64 * 64);
    memset(b, 1, 64 * 64);
    quern_step step = {.cancel = 1};
    quern_record record = {
        .step = &step, .pointers = {out, x, b, NULL, x}, .integers = {64, 64, 64, 64, 64, 64, 64}};
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, QUERN_KERNEL_matmul_int8)) continue;
        CHECK(check_run(QUERN_KERNEL_matmul_int8, tier, &record, 1) == QUERN_CANCELLED, "cancelled");
        record.flags = QUERN_COMMITTED;
        CHECK(check_run(QUERN_KERNEL_matmul_int8, tier, &record, 1) == QUERN_OK, "committed");
        record.flags = 0;
    }
    check_free(0);
}

int main(void) {
    const int32_t kernel = QUERN_KERNEL_matmul_int8;
    static const int64_t sizes[] = {1, 2, 3, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 31, 32, 33, 35, 67, 97};
    static const int64_t groups[] = {32, 64, 96, 128, 1024, 65536};
    const int64_t count = sizeof sizes / sizeof *sizes;
    for (int bias = 0; bias < 2; bias++) {
        for (int i = 0; i < 200; i++) {
            const int8_case c = {sizes[check_below(count)], sizes[check_below(count)], sizes[check_below(count)],
                                 groups[i % 6], bias, check_below(3) * 3};
            check_case(&c, i % 3, kernel);
        }
        /* A group as long as a row, whatever its length. */
        for (int64_t k = 1; k < 70; k += 4) check_case(&(int8_case){1 + k % 12, 11, k, k, bias, 0}, RANDOM, kernel);
        for (int g = 0; g < 6; g++) {
            for (int64_t m = 1; m <= 9; m++) {
                check_case(&(int8_case){m, 67, 35, groups[g], bias, 5}, RANDOM, kernel);
                check_case(&(int8_case){m, 37, 1027, groups[g], bias, 1}, g % 2, kernel);
                check_case(&(int8_case){m, 9, 4096 + 130, groups[g], bias, 0}, EXTREME, kernel);
            }
            /* Beyond one block of each dimension, or of tiles. */
            check_case(&(int8_case){187, 37, 1187, groups[g], bias, 3}, RANDOM, kernel);
            check_case(&(int8_case){11, 1061, 130, groups[g], bias, 0}, RANDOM, kernel);
            check_case(&(int8_case){49, 35, 2100, groups[g], bias, 0}, EXTREME, kernel);
        }
    }
    /* More rows than have their scales kept at a time, in groups of several blocks. */
    check_case(&(int8_case){2 * 4096 + 5, 3, 1100, 1100, 0, 0}, RANDOM, kernel);
    check_case(&(int8_case){4097, 2, 2300, 1056, 1, 0}, RANDOM, kernel);
    for (int64_t m = 1; m <= 40; m += 3) check_exact(m);
    check_cancel();
    return check_result();
}
