/*
 * Operands of BF16 products, from floats or stored BF16, as instructions want them: in lines of 16
 * pairs, a pair being two neighbours in k. A panel of a has a line for each row, one of b for each pair:
 *   a's: line i, pair p: a[i][2p], a[i][2p + 1]      b's: line p, pair j: b[2p][j], b[2p + 1][j]
 * so a matrix given one way round is read straight into lines, and the other way round read into the
 * other kind of lines, of which 16 are then transposed.
 */
#ifndef QUERN_PAIRS_H
#define QUERN_PAIRS_H

#include "matmul/few_rows.h"
#include "matmul/operand.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

typedef uint16_t vshort __attribute__((vector_size(32)));
typedef uint16_t vshort_unaligned __attribute__((vector_size(32), aligned(2), may_alias));

/* A matrix to be read: floats, or BF16 if `stored`. */
typedef struct quern_operand {
    const void *from;
    int64_t stride;
    int stored;
} quern_operand;

/* What a record of matmul_bf16 asks for. */
typedef struct quern_bf16_product {
    float *out;
    const float *bias;
    quern_operand a;
    quern_operand b;
    int64_t m;
    int64_t n;
    int64_t k;
    int64_t out_stride;
    int a_transposed;
    int b_transposed;
    int accumulate;
} quern_bf16_product;

QUERN_INLINE quern_bf16_product bf16_product_of(const quern_record *record) {
    const int64_t flags = record->integers[6];
    return (quern_bf16_product){
        .out = record->pointers[0],
        .bias = record->pointers[3],
        .a = {record->pointers[1], record->integers[3], (flags & QUERN_STORED_A_BF16) != 0},
        .b = {record->pointers[2], record->integers[4], (flags & QUERN_STORED_BF16) != 0},
        .m = record->integers[0],
        .n = record->integers[1],
        .k = record->integers[2],
        .out_stride = record->integers[5],
        .a_transposed = (flags & QUERN_TRANSPOSE_A) != 0,
        .b_transposed = (flags & QUERN_TRANSPOSE_B) != 0,
        .accumulate = (flags & QUERN_ACCUMULATE) != 0 && quern_adds(record, 0)};
}

/* Whether reading b is what bounds it: the tier below does these. */
QUERN_INLINE int has_few_rows(const quern_bf16_product *p) {
    return p->m <= QUERN_FEW_ROWS && !(p->a_transposed && p->b_transposed) && !p->a.stored;
}

/* What begins at this row and column of the operand, which may be stored transposed. */
QUERN_INLINE quern_operand operand_block(const quern_operand *x, int transposed, int64_t row,
                                         int64_t column) {
    const int64_t at = transposed ? column * x->stride + row : row * x->stride + column;
    return (quern_operand){operand_at(x->from, at, x->stored), x->stride, x->stored};
}

/* The upper halves of the rounded floats. Denormals may become zero. */
QUERN_INLINE vshort to_bf16(vfloat x) {
#if defined(__AVX512BF16__)
    return (vshort)_mm512_cvtneps_pbh((__m512)x);
#else
    return __builtin_convertvector((vuint)v_bits(v_round_bf16(x)) >> 16, vshort);
#endif
}

/* 16 elements from `at` on; those from the n-th on are zero, and not read. */
QUERN_INLINE vshort read_16(const quern_operand *x, int64_t at, int64_t n) {
    if (n <= 0) return (vshort){0};
    if (!x->stored) {
        const float *p = (const float *)x->from + at;
        return to_bf16(n >= 16 ? v_load(p) : v_load_first(p, n));
    }
    const uint16_t *p = (const uint16_t *)x->from + at;
    if (n >= 16) return *(const vshort_unaligned *)p;
    vshort y = {0};
    memcpy(&y, p, (size_t)n * sizeof *p);
    return y;
}

/* 16 pairs of neighbours in a row. */
QUERN_INLINE vint pairs_along(const quern_operand *x, int64_t at, int64_t n) {
    const vshort low = read_16(x, at, n);
    const vshort high = read_16(x, at + 16, n - 16);
    return (vint)__builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                                         16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
                                         31);
}

/* 16 pairs of an element and the one below it, which counts as zero unless `both`. */
QUERN_INLINE vint pairs_across(const quern_operand *x, int64_t at, int64_t n, int both) {
    const vuint low = v_widen((vhalf)read_16(x, at, n));
    const vuint high = v_widen((vhalf)read_16(x, at + x->stride, both ? n : 0));
    return (vint)(low | high << 16);
}

/* By squares of 8, 4, 2 and 1: those off the diagonal change places. */
QUERN_INLINE void transpose_16(vint x[16]) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        const vint low = x[i], high = x[i + 8];
        x[i] = __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22,
                                       23);
        x[i + 8] = __builtin_shufflevector(low, high, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28,
                                           29, 30, 31);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        if (i & 4) continue;
        const vint low = x[i], high = x[i + 4];
        x[i] = __builtin_shufflevector(low, high, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26,
                                       27);
        x[i + 4] = __builtin_shufflevector(low, high, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28,
                                           29, 30, 31);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        if (i & 2) continue;
        const vint low = x[i], high = x[i + 2];
        x[i] = __builtin_shufflevector(low, high, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28,
                                       29);
        x[i + 2] = __builtin_shufflevector(low, high, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14,
                                           15, 30, 31);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        if (i & 1) continue;
        const vint low = x[i], high = x[i + 1];
        x[i] = __builtin_shufflevector(low, high, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14,
                                       30);
        x[i + 1] = __builtin_shufflevector(low, high, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29,
                                           15, 31);
    }
}

/* Pairs in a line, and the elements they are: a step of depth. */
#define QUERN_PAIRS 16
#define QUERN_PAIR_STEP 32

/* The depth of blocks that are equal, at most `most`, and made of whole steps. */
QUERN_INLINE int64_t block_depth(int64_t k, int64_t most) {
    const int64_t blocks = quern_max(1, (k + most - 1) / most);
    const int64_t depth = (k + blocks - 1) / blocks;
    return quern_max(1, (depth + QUERN_PAIR_STEP - 1) / QUERN_PAIR_STEP) * QUERN_PAIR_STEP;
}

/*
 * Packs the first `lines` <= 16 lines, `apart` pairs from each other, of a step of the matrix at x, of
 * which `others` <= 16 rows of a, or columns of b, and `depth` steps of k count; the rest is zero, and not
 * read. along: whether k runs along x's rows (a as it is, b transposed). turned: whether x is transposed.
 */
QUERN_INLINE void pack_lines(uint16_t *to, const int64_t apart, const int lines, const quern_operand *x,
                             const int along, const int turned, int64_t others, int64_t depth) {
    vint line[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        line[i] = along ? (i < others ? pairs_along(x, i * x->stride, depth) : (vint){0})
                        : pairs_across(x, 2 * i * x->stride, 2 * i < depth ? others : 0,
                                       2 * i + 1 < depth);
    }
    if (turned) transpose_16(line);
#pragma GCC unroll 16
    for (int i = 0; i < lines; i++) vi_store((int32_t *)to + i * apart, line[i]);
}

#endif
