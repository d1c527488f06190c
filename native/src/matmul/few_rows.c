#include "matmul/few_rows.h"

#include "matmul/operand.h"

/* out[i] (+)= x + bias */
QUERN_INLINE void put(float *out, float x, const float *bias, int64_t j, int add) {
    if (bias) x += bias[j];
    out[j] = add ? out[j] + x : x;
}

/*
 * Rows and columns whose sums are in registers together. Of a row or two, four columns: eight would be one
 * more stream of b than fit beside a into a set of the first-level cache, which is where all are whose rows
 * are as long as pages. Of more rows, as many columns as there is room for: up to 12 sums in 16 registers, or
 * 24 in 32. Five and six rows are one group, others groups of four.
 */
#define STREAM_ROWS 2
#define STREAM_COLUMNS 4
#define GROUP_ROWS 4
#define GROUP_COLUMNS (QUERN_LANES == 16 ? 6 : 3)
#define TALL_ROWS 6
#define TALL_COLUMNS (QUERN_LANES == 16 ? 4 : 2)
#define MOST_ROWS TALL_ROWS
#define MOST_COLUMNS QUERN_FEW_ROWS_COLUMNS

/* Bytes of a stream that are asked for ahead: the CPU itself does not look beyond a page. */
#define AHEAD 384

/* Where vectors of a stand: element (i, k), k a multiple of QUERN_LANES, at first[i * row + k * step]. */
typedef struct left {
    const float *first;
    int64_t row;
    int64_t step;
} left;

/* sum[i][n] += `steps` <= QUERN_LANES steps of row i times those of b's row n, from step k on. */
QUERN_INLINE void add_products(vfloat sum[MOST_ROWS][MOST_COLUMNS], const left *a, const void *b,
                               const int stored, int64_t next, int64_t k, int64_t steps, const int rows,
                               const int count) {
    const int whole = steps >= QUERN_LANES;
    vfloat x[MOST_COLUMNS];
#pragma GCC unroll 6
    for (int n = 0; n < count; n++) {
        const int64_t at = n * next + k;
        x[n] = whole ? operand_load(b, at, stored) : operand_load_first(b, at, steps, stored);
    }
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) {
        const float *from = a->first + i * a->row + k * a->step;
        const vfloat y = whole ? v_load(from) : v_load_first(from, steps);
#pragma GCC unroll 6
        for (int n = 0; n < count; n++) sum[i][n] = v_fma(y, x[n], sum[i][n]);
    }
}

/*
 * Dot products of `rows` rows of a with `count` columns of op(b), the first of which stands at b and is column j
 * of out; each other is `next` elements further, and `apart` columns. Each sum runs over k in steps of
 * QUERN_LANES in one accumulator, so it does not depend on the company it is computed in. first: whether
 * nothing has read these columns yet.
 */
QUERN_INLINE void dots(float *out, int64_t out_stride, left a, const void *b, const int stored,
                       int64_t next, const float *bias, int64_t j, int64_t apart, int add, const int rows,
                       const int count, int first, int64_t depth) {
    const int line = 64 / (stored == QUERN_BF16 ? 2 : 4);
    vfloat sum[MOST_ROWS][MOST_COLUMNS];
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 6
        for (int n = 0; n < count; n++) sum[i][n] = v_zero();
    }
    int64_t k = 0;
    for (; k + line <= depth; k += line) {
        if (first) {
#pragma GCC unroll 6
            for (int n = 0; n < count; n++) {
                __builtin_prefetch((const char *)operand_at(b, n * next + k, stored) + AHEAD);
            }
        }
#pragma GCC unroll 4
        for (int c = 0; c < line; c += QUERN_LANES) {
            add_products(sum, &a, b, stored, next, k + c, QUERN_LANES, rows, count);
        }
    }
    for (; k + QUERN_LANES <= depth; k += QUERN_LANES) {
        add_products(sum, &a, b, stored, next, k, QUERN_LANES, rows, count);
    }
    if (k < depth) add_products(sum, &a, b, stored, next, k, depth - k, rows, count);
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 6
        for (int n = 0; n < count; n++) {
            put(out + i * out_stride, v_sum(sum[i][n]), bias, j + n * apart, add);
        }
    }
}

/*
 * The columns computed together are not neighbours but a `count`-th of all apart: each then reads b as one
 * long stream, which the CPU fetches ahead. Rows of neighbours end before it has caught up.
 */
QUERN_INLINE void streams(float *out, int64_t out_stride, const float *a, int64_t a_row, const void *b,
                          const int stored, int64_t b_stride, const float *bias, int add, const int rows,
                          int64_t columns, int64_t depth) {
    const left rows_of_a = {a, a_row, 1};
    const int64_t apart = columns / STREAM_COLUMNS;
    for (int64_t j = 0; j < apart; j++) {
        dots(out, out_stride, rows_of_a, operand_at(b, j * b_stride, stored), stored, apart * b_stride, bias, j, apart,
             add, rows, STREAM_COLUMNS, 1, depth);
    }
    for (int64_t j = apart * STREAM_COLUMNS; j < columns; j++) {
        dots(out, out_stride, rows_of_a, operand_at(b, j * b_stride, stored), stored, 0, bias, j, 0, add, rows, 1, 1, depth);
    }
}

/*
 * Packs a group of rows, a vector of each in turn, so that it is one stream: rows that are apart by powers
 * of two throw each other out of the cache. The last vectors are filled up with zeros. Returns its end.
 */
static float *pack_group(float *packed, const void *a, int a_stored, int64_t a_row, int64_t rows, int64_t depth) {
    for (int64_t k = 0; k < depth; k += QUERN_LANES) {
        for (int64_t i = 0; i < rows; i++) {
            const int64_t at = i * a_row + k;
            v_store(packed, depth - k >= QUERN_LANES ? operand_load(a, at, a_stored)
                                                     : operand_load_first(a, at, depth - k, a_stored));
            packed += QUERN_LANES;
        }
    }
    return packed;
}

#define GROUP_DOTS(rows, count)                                                                              \
    case rows:                                                                                               \
        dots(out, out_stride, group, b, stored, next, bias, j, apart, add, rows, count, first, depth); \
        break;

/* dots of a packed group of rows. */
QUERN_INLINE void group_dots(float *out, int64_t out_stride, const float *packed, const void *b,
                             const int stored, int64_t next, const float *bias, int64_t j, int64_t apart,
                             int add, int64_t rows, int first, int64_t depth) {
    const left group = {packed, QUERN_LANES, rows};
    switch (rows) {
        GROUP_DOTS(1, GROUP_COLUMNS)
        GROUP_DOTS(2, GROUP_COLUMNS)
        GROUP_DOTS(3, GROUP_COLUMNS)
        GROUP_DOTS(4, GROUP_COLUMNS)
        GROUP_DOTS(5, TALL_COLUMNS)
        GROUP_DOTS(6, TALL_COLUMNS)
        default:
            break;
    }
}

/* How rows of a are packed: in groups of so many, each of which takes so many columns of b together. */
typedef struct grouping {
    const float *packed;
    int64_t padded;
    int64_t rows;
    int64_t group;
    int64_t count;
} grouping;

/* All groups by their columns of b, as dots says. */
QUERN_INLINE void column_dots(float *out, int64_t out_stride, const grouping *a, const void *b, const int stored,
                              int64_t next, const float *bias, int64_t j, int64_t apart, int add, int64_t depth) {
    for (int64_t i = 0; i < a->rows; i += a->group) {
        group_dots(out + i * out_stride, out_stride, a->packed + i * a->padded, b, stored, next, bias, j, apart, add,
                   quern_min(a->rows - i, a->group), i == 0, depth);
    }
}

/* All rows by a single column. */
QUERN_INLINE void single_dots(float *out, int64_t out_stride, const grouping *a, const void *b, const int stored,
                              const float *bias, int64_t j, int add, int64_t depth) {
    for (int64_t i = 0; i < a->rows; i++) {
        const int64_t first = i / a->group * a->group, together = quern_min(a->rows - first, a->group);
        const left row = {a->packed + first * a->padded + (i - first) * QUERN_LANES, 0, together};
        dots(out + i * out_stride, 0, row, b, stored, 0, bias, j, 0, add, 1, 1, i == 0, depth);
    }
}

/* Rounds columns of b that stand `next` apart, so that it is done once for all rows. */
static void round_columns(float *rounded, int64_t padded, const void *b, int64_t next, int64_t count, int64_t depth) {
    for (int64_t n = 0; n < count; n++) {
        for (int64_t k = 0; k < depth; k += QUERN_LANES) {
            const int64_t at = n * next + k;
            v_store(rounded + n * padded + k,
                    depth - k >= QUERN_LANES ? operand_load(b, at, QUERN_ROUNDED_FLOATS)
                                             : operand_load_first(b, at, depth - k, QUERN_ROUNDED_FLOATS));
        }
    }
}

/* From three rows on, where arithmetic takes as long as reading. */
QUERN_INLINE void groups(float *out, int64_t out_stride, const void *a, int a_stored, int64_t a_row, const void *b,
                         const int stored, int64_t b_stride, const float *bias, int add, int64_t rows,
                         int64_t columns, int64_t depth, float *work) {
    const int tall = rows > GROUP_ROWS && rows <= TALL_ROWS;
    const int64_t group = tall ? TALL_ROWS : GROUP_ROWS, count = tall ? TALL_COLUMNS : GROUP_COLUMNS;
    const int64_t padded = (depth + QUERN_LANES - 1) / QUERN_LANES * QUERN_LANES;
    float *end = work;
    for (int64_t i = 0; i < rows; i += group) {
        end = pack_group(end, operand_at(a, i * a_row, a_stored), a_stored, a_row, quern_min(rows - i, group), depth);
    }
    const grouping packed = {work, padded, rows, group, count};
    const int64_t apart = columns / count;
    for (int64_t j = 0; j < apart; j++) {
        const void *first = operand_at(b, j * b_stride, stored);
        if (stored == QUERN_ROUNDED_FLOATS) {
            round_columns(end, padded, first, apart * b_stride, count, depth);
            column_dots(out, out_stride, &packed, end, 0, padded, bias, j, apart, add, depth);
        } else {
            column_dots(out, out_stride, &packed, first, stored, apart * b_stride, bias, j, apart, add, depth);
        }
    }
    for (int64_t j = apart * count; j < columns; j++) {
        single_dots(out, out_stride, &packed, operand_at(b, j * b_stride, stored), stored, bias, j, add, depth);
    }
}

QUERN_INLINE void transposed_rows(float *out, int64_t out_stride, const void *left_operand, int a_stored, int64_t a_row,
                                  const void *b, const int stored, int64_t b_stride, const float *bias,
                                  int add, int64_t rows, int64_t columns, int64_t depth, float *work) {
    if (a_stored || (rows > STREAM_ROWS && quern_rows_fit(rows, depth))) {
        groups(out, out_stride, left_operand, a_stored, a_row, b, stored, b_stride, bias, add, rows, columns, depth, work);
        return;
    }
    const float *a = left_operand;
    for (; rows >= STREAM_ROWS; rows -= STREAM_ROWS) {
        streams(out, out_stride, a, a_row, b, stored, b_stride, bias, add, STREAM_ROWS, columns, depth);
        out += STREAM_ROWS * out_stride;
        a += STREAM_ROWS * a_row;
    }
    if (rows > 0) {
        streams(out, out_stride, a, a_row, b, stored, b_stride, bias, add, 1, columns, depth);
    }
}

/* Between the sums of two rows: such that they are not all in one set of the first-level cache. */
#define SUM_STRIDE (QUERN_FEW_ROWS_SUMS / QUERN_UNPACKED_ROWS)

#define MOST_GROUPS ((QUERN_UNPACKED_ROWS + MOST_ROWS - 1) / MOST_ROWS)

/* Vectors of a row of b that are multiplied together by all rows of a group: a line of the cache, of floats with AVX2. */
#define TOGETHER 2

/* sum[i] += factors[s][i] b[s] for so many rows, steps and vectors; of the last vector, the first n elements. */
QUERN_INLINE void add_vectors(float *sum, const float *factors, const void *b, const int stored, int64_t b_stride,
                              int64_t n, const int rows, const int vectors, const int steps) {
    vfloat x[MOST_ROWS][TOGETHER];
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) x[i][v] = v_load(sum + i * SUM_STRIDE + v * QUERN_LANES);
    }
#pragma GCC unroll 8
    for (int s = 0; s < steps; s++) {
        vfloat y[TOGETHER];
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            const int64_t at = s * b_stride + v * QUERN_LANES;
            y[v] = n < QUERN_LANES ? operand_load_first(b, at, n, stored) : operand_load(b, at, stored);
        }
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) {
            const vfloat factor = v_splat(factors[s * MOST_ROWS + i]);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) x[i][v] = v_fma(factor, y[v], x[i][v]);
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) v_store(sum + i * SUM_STRIDE + v * QUERN_LANES, x[i][v]);
    }
}

#define ADD_VECTORS(rows)                                                                                    \
    case rows:                                                                                               \
        add_vectors(sum, factors, b, stored, b_stride, n, rows, vectors, steps);                       \
        break;

QUERN_INLINE void add_group(float *sum, const float *factors, const void *b, const int stored,
                            int64_t b_stride, int64_t n, int64_t rows, const int vectors, const int steps) {
    switch (rows) {
        ADD_VECTORS(1)
        ADD_VECTORS(2)
        ADD_VECTORS(3)
        ADD_VECTORS(4)
        ADD_VECTORS(5)
        ADD_VECTORS(6)
        default:
            break;
    }
}

/* Rows that are multiplied together, of so many: as even as can be. */
QUERN_INLINE int64_t group_of(int64_t rows) {
    const int64_t groups = (rows + MOST_ROWS - 1) / MOST_ROWS;
    return (rows + groups - 1) / groups;
}

/* All rows, a group after the other, so that b is read from memory once for all. */
QUERN_INLINE void add_groups(float *sum, const float *factors, const void *b, const int stored,
                             int64_t b_stride, int64_t n, int64_t rows, const int vectors, const int steps) {
    const int64_t group = group_of(rows);
    for (int64_t i = 0; i < rows; i += group) {
        add_group(sum + i * SUM_STRIDE, factors, b, stored, b_stride, n, quern_min(rows - i, group), vectors, steps);
        factors += QUERN_FEW_ROWS_STEPS * MOST_ROWS;
    }
}

/* factors[group][s][i] = a(i, s), all of a group at fixed places. */
QUERN_INLINE void take_factors(float *factors, const void *a, int a_stored, int64_t a_row, int64_t a_step,
                               int64_t rows, const int steps) {
    const int64_t group = group_of(rows);
    for (int64_t i = 0; i < rows; i++) {
        float *to = factors + i / group * QUERN_FEW_ROWS_STEPS * MOST_ROWS + i % group;
        for (int s = 0; s < steps; s++) {
            const int64_t at = i * a_row + s * a_step;
            to[s * MOST_ROWS] = a_stored ? operand_element(a, at, a_stored) : ((const float *)a)[at];
        }
    }
}

/* One row: its factors stay in registers. */
QUERN_INLINE void add_row(float *sum, const void *a, int a_stored, int64_t a_step, const void *b, const int stored,
                          int64_t b_stride, int64_t columns, const int steps) {
    vfloat factor[QUERN_FEW_ROWS_STEPS];
#pragma GCC unroll 8
    for (int s = 0; s < steps; s++) factor[s] = v_splat(operand_element(a, s * a_step, a_stored));
    int64_t j = 0;
    for (; j + QUERN_LANES <= columns; j += QUERN_LANES) {
        vfloat x = v_load(sum + j);
#pragma GCC unroll 8
        for (int s = 0; s < steps; s++) x = v_fma(factor[s], operand_load(b, s * b_stride + j, stored), x);
        v_store(sum + j, x);
    }
    if (j < columns) {
        vfloat x = v_load(sum + j);
#pragma GCC unroll 8
        for (int s = 0; s < steps; s++) {
            x = v_fma(factor[s], operand_load_first(b, s * b_stride + j, columns - j, stored), x);
        }
        v_store(sum + j, x);
    }
}

/* sum[i][0..columns) += a(i, 0..steps) b[0..steps] for all rows. */
QUERN_INLINE void add_rows(float *sum, const void *a, int a_stored, int64_t a_row, int64_t a_step, const void *b,
                           const int stored, int64_t b_stride, int64_t rows, int64_t columns, const int steps) {
    if (rows == 1) {
        add_row(sum, a, a_stored, a_step, b, stored, b_stride, columns, steps);
        return;
    }
    float factors[MOST_GROUPS * QUERN_FEW_ROWS_STEPS * MOST_ROWS];
    take_factors(factors, a, a_stored, a_row, a_step, rows, steps);
    int64_t j = 0;
    for (; j + TOGETHER * QUERN_LANES <= columns; j += TOGETHER * QUERN_LANES) {
        add_groups(sum + j, factors, operand_at(b, j, stored), stored, b_stride, QUERN_LANES, rows, TOGETHER,
                   steps);
    }
    for (; j < columns; j += QUERN_LANES) {
        add_groups(sum + j, factors, operand_at(b, j, stored), stored, b_stride, columns - j, rows, 1, steps);
    }
}

QUERN_INLINE void plain_rows(float *out, int64_t out_stride, const void *a, int a_stored, int64_t a_row,
                             int64_t a_step, const void *b, const int stored, int64_t b_stride,
                             const float *bias, int add, int64_t rows, int64_t columns,
                             int64_t depth, float *sum) {
    for (int64_t first = 0; first < columns; first += QUERN_FEW_ROWS_PANEL) {
        const int64_t count = quern_min(columns - first, QUERN_FEW_ROWS_PANEL);
        const int64_t whole = (count + QUERN_LANES - 1) / QUERN_LANES * QUERN_LANES;
        for (int64_t i = 0; i < rows; i++) memset(sum + i * SUM_STRIDE, 0, (size_t)whole * sizeof(float));
        int64_t k = 0;
        for (; k + QUERN_FEW_ROWS_STEPS <= depth; k += QUERN_FEW_ROWS_STEPS) {
            add_rows(sum, operand_at(a, k * a_step, a_stored), a_stored, a_row, a_step, operand_at(b, k * b_stride + first, stored),
                     stored, b_stride, rows, count, QUERN_FEW_ROWS_STEPS);
        }
        for (; k < depth; k++) {
            add_rows(sum, operand_at(a, k * a_step, a_stored), a_stored, a_row, a_step, operand_at(b, k * b_stride + first, stored),
                     stored, b_stride, rows, count, 1);
        }
        for (int64_t i = 0; i < rows; i++) {
            for (int64_t j = 0; j < count; j++) {
                put(out + i * out_stride, sum[i * SUM_STRIDE + j], bias, first + j, add);
            }
        }
    }
}

QUERN_INLINE void any_rows(float *out, int64_t out_stride, const void *a, int a_stored, int64_t a_row, int64_t a_step,
                           const void *b, const int stored, int64_t b_stride, int transposed, const float *bias,
                           int add, int64_t rows, int64_t columns, int64_t depth, float *work) {
    if (transposed) {
        transposed_rows(out, out_stride, a, a_stored, a_row, b, stored, b_stride, bias, add, rows, columns, depth,
                        work);
    } else {
        plain_rows(out, out_stride, a, a_stored, a_row, a_step, b, stored, b_stride, bias, add, rows, columns, depth,
                   work);
    }
}

#define ANY_ROWS(stored)                                                                                         \
    any_rows(out, out_stride, a, a_stored, a_row, a_step, b, stored, b_stride, transposed, bias, add, rows, columns, \
             depth, work)

void quern_few_rows(float *out, int64_t out_stride, const void *a, int a_stored, int64_t a_row, int64_t a_step,
                    const void *b, int stored, int64_t b_stride, int transposed, const float *bias, int add,
                    int64_t rows, int64_t columns, int64_t depth, float *work) {
    if (rows == 0) return;
    switch (stored) {
        case QUERN_FLOATS:
            ANY_ROWS(QUERN_FLOATS);
            break;
        case QUERN_BF16:
            ANY_ROWS(QUERN_BF16);
            break;
        default:
            ANY_ROWS(QUERN_ROUNDED_FLOATS);
            break;
    }
}
