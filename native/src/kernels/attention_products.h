/*
 * The products within a block of attention: of floats, or, where the tier has instructions for it, of BF16, to
 * which either side is rounded as it is packed. Right sides are packed once for several products.
 */
#ifndef QUERN_ATTENTION_PRODUCTS_H
#define QUERN_ATTENTION_PRODUCTS_H

#include "kernels/attention.h"
#include "matmul/gemm.h"

#if QUERN_MULTIPLIES_BF16

#include "matmul/gemm_bf16.h"

/* Rows that products are made for at a time. */
#define PRODUCT_ROWS QUERN_PANEL_ROWS
#define PRODUCT_COLUMNS QUERN_PANEL_COLUMNS

/* Floats that a right side [depth, columns] takes when packed. */
QUERN_INLINE int64_t packed_right(int64_t depth, int64_t columns) { return quern_packed_b_pairs(depth, columns) / 2; }

/* Floats of scratch memory that a product with a left side [rows, depth] takes. */
QUERN_INLINE int64_t left_work(int64_t rows, int64_t depth) {
    return QUERN_PANEL_SUMS + quern_packed_a_pairs(rows, depth) / 2;
}

QUERN_INLINE void pack_right(float *packed, const void *from, int stored, int64_t stride, int transposed,
                             int64_t depth, int64_t columns) {
    const quern_operand right = {from, stride, stored};
    quern_pack_b_pairs((uint16_t *)packed, &right, transposed, columns, depth);
}

/* c (+)= left right; the left side is [depth, rows] if transposed, the right one packed with right_depth rows. */
QUERN_INLINE void multiply(float *c, int64_t c_stride, const float *left, int64_t left_stride, int transposed,
                           const float *right, int64_t right_depth, int add, int64_t rows, int64_t columns,
                           int64_t depth, float *work) {
    const quern_operand a = {left, left_stride, 0};
    uint16_t *packed = (uint16_t *)(work + QUERN_PANEL_SUMS);
    quern_pack_a_pairs(packed, &a, transposed, rows, depth);
    quern_gemm_bf16(c, c_stride, packed, (const uint16_t *)right, quern_pair_steps(right_depth), NULL, add, rows,
                    columns, depth, work);
}

#else

#define PRODUCT_ROWS QUERN_TILE_ROWS
#define PRODUCT_COLUMNS QUERN_TILE_COLUMNS

QUERN_INLINE int64_t packed_right(int64_t depth, int64_t columns) { return quern_packed_b(depth, columns); }

QUERN_INLINE int64_t left_work(int64_t rows, int64_t depth) { return 0; }

QUERN_INLINE void pack_right(float *packed, const void *from, int stored, int64_t stride, int transposed,
                             int64_t depth, int64_t columns) {
    if (stored) {
        quern_pack_b_bf16(packed, from, stride, transposed, depth, columns);
    } else {
        quern_pack_b(packed, from, stride, transposed, depth, columns);
    }
}

QUERN_INLINE void multiply(float *c, int64_t c_stride, const float *left, int64_t left_stride, int transposed,
                           const float *right, int64_t right_depth, int add, int64_t rows, int64_t columns,
                           int64_t depth, float *work) {
    quern_gemm(c, c_stride, transposed ? QUERN_COLUMNS : QUERN_ROWS, left, left_stride, right, right_depth, NULL,
               add, rows, columns, depth);
}

#endif

#endif
