#include "matmul/few_rows.h"

#include "matmul/operand.h"

/* out[i] (+)= x + bias */
QUERN_INLINE void put(float *out, float x, const float *bias, int64_t j, int add) {
    if (bias) x += bias[j];
    out[j] = add ? out[j] + x : x;
}

/*
 * Dot products of `rows` rows of a with `count` columns of op(b), which stand `apart` rows of b from each
 * other. Each sum runs over k in steps of QUERN_LANES in one accumulator, so it does not depend on the
 * company it is computed in.
 */
QUERN_INLINE void dots(float *out, int64_t out_stride, const float *a, int64_t a_row, const void *b,
                       const int stored, int64_t b_stride, const float *bias, int64_t j, int64_t apart,
                       int add, const int rows, const int count, int64_t depth) {
    vfloat sum[QUERN_FEW_ROWS][8];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 8
        for (int n = 0; n < count; n++) sum[i][n] = v_zero();
    }
    b = operand_at(b, j * b_stride, stored);
    const int64_t next = apart * b_stride;
    int64_t k = 0;
    for (; k + QUERN_LANES <= depth; k += QUERN_LANES) {
        vfloat x[8];
#pragma GCC unroll 8
        for (int n = 0; n < count; n++) x[n] = operand_load(b, n * next + k, stored);
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            vfloat y = v_load(a + i * a_row + k);
#pragma GCC unroll 8
            for (int n = 0; n < count; n++) sum[i][n] = v_fma(y, x[n], sum[i][n]);
        }
    }
    if (k < depth) {
#pragma GCC unroll 8
        for (int n = 0; n < count; n++) {
            vfloat x = operand_load_first(b, n * next + k, depth - k, stored);
#pragma GCC unroll 8
            for (int i = 0; i < rows; i++) {
                sum[i][n] = v_fma(v_load_first(a + i * a_row + k, depth - k), x, sum[i][n]);
            }
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 8
        for (int n = 0; n < count; n++) {
            put(out + i * out_stride, v_sum(sum[i][n]), bias, j + n * apart, add);
        }
    }
}

/*
 * The columns computed together are not neighbours but a `count`-th of all apart: each then reads b as
 * one long stream, which the CPU fetches ahead. Rows of neighbours end before it has caught up.
 */
#define DOTS(rows, count)                                                                          \
    case rows: {                                                                                   \
        const int64_t apart = columns / count;                                                     \
        for (int64_t j = 0; j < apart; j++) {                                                      \
            dots(out, out_stride, a, a_row, b, stored, b_stride, bias, j, apart, add, rows, count, \
                 depth);                                                                           \
        }                                                                                          \
        for (int64_t j = apart * count; j < columns; j++) {                                        \
            dots(out, out_stride, a, a_row, b, stored, b_stride, bias, j, 0, add, rows, 1, depth); \
        }                                                                                          \
        break;                                                                                     \
    }

QUERN_INLINE void transposed_rows(float *out, int64_t out_stride, const float *a, int64_t a_row,
                                  const void *b, const int stored, int64_t b_stride,
                                  const float *bias, int add, int64_t rows, int64_t columns,
                                  int64_t depth) {
    switch (rows) {
        DOTS(1, 8)
        DOTS(2, 4)
        DOTS(3, 3)
        DOTS(4, 2)
        DOTS(5, 2)
        DOTS(6, 2)
        DOTS(7, 1)
        DOTS(8, 1)
        default:
            break;
    }
}

/* Sums that stay in the first-level cache, 16 KiB: of few rows, more columns. */
#define SUMS 4096

/* Rows of b added in one pass over the sums. */
#define STEPS 8

/* sum[i][0..columns) += a(i, k..k + steps) b[k..k + steps] for all rows; sums are `panel` apart. */
QUERN_INLINE void add_rows(float *sum, int64_t panel, const float *a, int64_t a_row, int64_t a_step,
                           const void *b, const int stored, int64_t b_stride, int64_t rows,
                           int64_t columns, const int steps) {
    for (int64_t i = 0; i < rows; i++) {
        float *to = sum + i * panel;
        vfloat factor[STEPS];
#pragma GCC unroll 8
        for (int s = 0; s < steps; s++) factor[s] = v_splat(a[i * a_row + s * a_step]);
        int64_t j = 0;
        for (; j + QUERN_LANES <= columns; j += QUERN_LANES) {
            vfloat x = v_load(to + j);
#pragma GCC unroll 8
            for (int s = 0; s < steps; s++) x = v_fma(factor[s], operand_load(b, s * b_stride + j, stored), x);
            v_store(to + j, x);
        }
        if (j < columns) {
            vfloat x = v_load(to + j);
#pragma GCC unroll 8
            for (int s = 0; s < steps; s++) {
                x = v_fma(factor[s], operand_load_first(b, s * b_stride + j, columns - j, stored), x);
            }
            v_store(to + j, x);
        }
    }
}

QUERN_INLINE void plain_rows(float *out, int64_t out_stride, const float *a, int64_t a_row,
                             int64_t a_step, const void *b, const int stored, int64_t b_stride,
                             const float *bias, int add, int64_t rows, int64_t columns,
                             int64_t depth, float *sum) {
    /* Whole vectors, so that the last one of a row does not reach into the next row. */
    const int64_t panel = SUMS / rows / QUERN_LANES * QUERN_LANES;
    for (int64_t first = 0; first < columns; first += panel) {
        const int64_t count = quern_min(columns - first, panel);
        memset(sum, 0, (size_t)(rows * panel) * sizeof(float));
        int64_t k = 0;
        for (; k + STEPS <= depth; k += STEPS) {
            add_rows(sum, panel, a + k * a_step, a_row, a_step, operand_at(b, k * b_stride + first, stored),
                     stored, b_stride, rows, count, STEPS);
        }
        for (; k < depth; k++) {
            add_rows(sum, panel, a + k * a_step, a_row, a_step, operand_at(b, k * b_stride + first, stored),
                     stored, b_stride, rows, count, 1);
        }
        for (int64_t i = 0; i < rows; i++) {
            for (int64_t j = 0; j < count; j++) {
                put(out + i * out_stride, sum[i * panel + j], bias, first + j, add);
            }
        }
    }
}

QUERN_INLINE void any_rows(float *out, int64_t out_stride, const float *a, int64_t a_row,
                           int64_t a_step, const void *b, const int stored, int64_t b_stride,
                           int transposed, const float *bias, int add, int64_t rows, int64_t columns,
                           int64_t depth, float *work) {
    if (transposed) {
        transposed_rows(out, out_stride, a, a_row, b, stored, b_stride, bias, add, rows, columns, depth);
    } else {
        plain_rows(out, out_stride, a, a_row, a_step, b, stored, b_stride, bias, add, rows, columns,
                   depth, work);
    }
}

void quern_few_rows(float *out, int64_t out_stride, const float *a, int64_t a_row, int64_t a_step,
                    const void *b, int stored, int64_t b_stride, int transposed, const float *bias,
                    int add, int64_t rows, int64_t columns, int64_t depth, float *work) {
    if (rows == 0) return;
    if (stored) {
        any_rows(out, out_stride, a, a_row, a_step, b, 1, b_stride, transposed, bias, add, rows,
                 columns, depth, work);
    } else {
        any_rows(out, out_stride, a, a_row, a_step, b, 0, b_stride, transposed, bias, add, rows,
                 columns, depth, work);
    }
}
