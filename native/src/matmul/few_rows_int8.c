/* Products of few rows by INT8 weights, as in decoding: weights are read once, in order. */
#include "matmul/few_rows.h"
#include "matmul/int8.h"

/* Columns computed together. */
#define MOST_COLUMNS 8

/* Steps of the groups that are common, as in Q8_0: their loops are unrolled. */
#define SMALL 32

/* a, rounded: the integers of each row, and of each of its chunks the scale and what sums begin with. */
typedef struct rounded {
    const quern_integer *integers;
    const float *scales;
    const int32_t *starts;
    int64_t stride;
    int64_t chunks;
} rounded;

/* b with its scales, `groups` for each column. */
typedef struct weights {
    const int8_t *b;
    const float *scales;
    int64_t stride;
    int64_t groups;
    int64_t depth;
    int64_t group;
} weights;

/* Adds to sums the products of n <= QUERN_INT8_WIDTH steps from the k-th on. */
QUERN_INLINE void add_steps(vint sum[QUERN_FEW_ROWS][MOST_COLUMNS], const rounded *a, const int8_t *b,
                            int64_t next, int64_t k, const int64_t n, const int rows, const int count) {
    vint x[MOST_COLUMNS];
#pragma GCC unroll 8
    for (int i = 0; i < count; i++) {
        const int8_t *from = b + i * next + k;
        x[i] = n == QUERN_INT8_WIDTH ? int8_weights(from) : int8_weights_first(from, n);
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
        const vint y = vi_load((const int32_t *)(a->integers + i * a->stride + k));
#pragma GCC unroll 8
        for (int j = 0; j < count; j++) sum[i][j] = int8_dot(sum[i][j], x[j], y);
    }
}

/*
 * Dot products of `rows` rows of a with `count` columns, which stand `apart` rows of b from each other.
 * Sums of a chunk are integers in lanes; they are scaled and added up as floats, chunk by chunk in rising
 * order, and lanes at the end, so a sum does not depend on the company it is computed in. small: whether all
 * groups have 32 steps.
 */
QUERN_INLINE void dots(float *out, int64_t out_stride, const rounded *a, const weights *w, const float *bias,
                       int64_t j, int64_t apart, const int rows, const int count, const int small) {
    vfloat total[QUERN_FEW_ROWS][MOST_COLUMNS];
    const int8_t *b = w->b + j * w->stride;
    const float *scales = w->scales + j * w->groups;
    const int64_t next = apart * w->stride;
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 8
        for (int n = 0; n < count; n++) total[i][n] = v_zero();
    }
    int64_t chunk = 0;
    for (int64_t first = 0, g = 0; first < w->depth; g++) {
        const int64_t group_end = small ? first + SMALL : quern_min(w->depth, first + w->group);
        for (; first < group_end; chunk++) {
            const int64_t last = small ? group_end : quern_min(group_end, first + QUERN_INT8_CHUNK);
            vint sum[QUERN_FEW_ROWS][MOST_COLUMNS];
#pragma GCC unroll 8
            for (int i = 0; i < rows; i++) {
                vint start = vi_splat(0);
#if QUERN_INT8_OFFSET
                start[0] = a->starts[i * a->chunks + chunk];
#endif
#pragma GCC unroll 8
                for (int n = 0; n < count; n++) sum[i][n] = start;
            }
            if (small) {
#pragma GCC unroll 2
                for (int step = 0; step < SMALL; step += QUERN_INT8_WIDTH) {
                    add_steps(sum, a, b, next, first + step, quern_min(SMALL, QUERN_INT8_WIDTH), rows, count);
                }
            } else {
                int64_t k = first;
                for (; k + QUERN_INT8_WIDTH <= last; k += QUERN_INT8_WIDTH) {
                    add_steps(sum, a, b, next, k, QUERN_INT8_WIDTH, rows, count);
                }
                if (k < last) add_steps(sum, a, b, next, k, last - k, rows, count);
            }
#pragma GCC unroll 8
            for (int n = 0; n < count; n++) {
                const vfloat scale = v_splat(scales[n * apart * w->groups + g]);
#pragma GCC unroll 8
                for (int i = 0; i < rows; i++) {
                    total[i][n] = v_fma(v_floats(sum[i][n]), v_splat(a->scales[i * a->chunks + chunk]) * scale,
                                        total[i][n]);
                }
            }
            first = last;
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 8
        for (int n = 0; n < count; n++) {
            const int64_t column = j + n * apart;
            const float x = v_sum(total[i][n]);
            out[i * out_stride + column] = bias ? x + bias[column] : x;
        }
    }
}

/* As in few_rows.c: columns computed together are far apart, and each is one long stream. */
#define DOTS(rows, count)                                                                \
    case rows: {                                                                         \
        const int64_t apart = columns / count;                                           \
        for (int64_t j = 0; j < apart; j++) {                                            \
            if (small) {                                                                 \
                dots(out, out_stride, &left, &right, bias, j, apart, rows, count, 1);    \
            } else {                                                                     \
                dots(out, out_stride, &left, &right, bias, j, apart, rows, count, 0);    \
            }                                                                            \
        }                                                                                \
        for (int64_t j = apart * count; j < columns; j++) {                              \
            dots(out, out_stride, &left, &right, bias, j, 0, rows, 1, 0);                 \
        }                                                                                \
        break;                                                                           \
    }

void quern_few_rows_int8(float *out, int64_t out_stride, const float *a, int64_t a_stride, const int8_t *b,
                         int64_t b_stride, const float *scales, int64_t groups, int64_t group,
                         const float *bias, int64_t rows, int64_t columns, int64_t depth, void *work) {
    if (rows == 0 || columns == 0) return;
    const int64_t stride = (depth + 2 * QUERN_INT8_WIDTH) / QUERN_INT8_WIDTH * QUERN_INT8_WIDTH;
    const int64_t in_group = (quern_min(group, depth) + QUERN_INT8_CHUNK - 1) / QUERN_INT8_CHUNK;
    const int64_t chunks = groups * in_group;
    quern_integer *integers = work;
    float *a_scales = (float *)(integers + rows * stride);
    int32_t *starts = (int32_t *)(a_scales + rows * chunks);
    for (int64_t i = 0; i < rows; i++) {
        int64_t chunk = i * chunks;
        for (int64_t first = 0; first < depth;) {
            const int64_t last = quern_min(depth, first + group);
            const int8_scale scale = int8_scale_of(int8_highest(a + i * a_stride + first, last - first));
            for (; first < last; chunk++) {
                const int64_t count = quern_min(last - first, QUERN_INT8_CHUNK);
                a_scales[chunk] = scale.scale;
                starts[chunk] = int8_round(integers + i * stride + first, a + i * a_stride + first,
                                           scale.inverse, count);
                first += count;
            }
        }
    }
    const rounded left = {integers, a_scales, starts, stride, chunks};
    const weights right = {b, scales, b_stride, groups, depth, group};
    const int small = QUERN_LANES > 1 && group == SMALL && depth % SMALL == 0;
    switch (rows) {
        DOTS(1, 4)
        DOTS(2, 4)
        DOTS(3, 2)
        DOTS(4, 2)
        DOTS(5, 1)
        DOTS(6, 1)
        DOTS(7, 1)
        DOTS(8, 1)
        default:
            break;
    }
}
