/*
 * Matrix products of BF16 out of cache, as gemm.h has them of floats, where a tier has instructions for them.
 * matmul_bf16 blocks whole matrices into such products, attention_bf16 its heads. b is packed in panels of
 * 32 columns, a in panels of QUERN_PANEL_ROWS rows, step by step of QUERN_PAIR_STEP in k (pairs.h), the last
 * one filled up with zeros.
 */
#ifndef QUERN_GEMM_BF16_H
#define QUERN_GEMM_BF16_H

#include "matmul/gemm.h"
#include "matmul/pairs.h"

/* quern_products_begin and _end stand around all that a kernel calls of the below. */
#if defined(QUERN_ISA_amx)
#include "amx/tiles.h"
#define QUERN_PANEL_ROWS 32
QUERN_INLINE void quern_products_begin(void) { quern_tiles_begin(); }
QUERN_INLINE void quern_products_end(void) { quern_tiles_end(); }
#else
#define QUERN_PANEL_ROWS QUERN_TILE_ROWS
QUERN_INLINE void quern_products_begin(void) {}
QUERN_INLINE void quern_products_end(void) {}
#endif
#define QUERN_PANEL_COLUMNS 32

/* Floats that quern_gemm_bf16 keeps sums in before it adds them to the edges of c. */
#define QUERN_PANEL_SUMS (32 * 32)

#define quern_pack_a_pairs QUERN_NAME(pack_a_pairs)
#define quern_pack_b_pairs QUERN_NAME(pack_b_pairs)
#define quern_gemm_bf16 QUERN_NAME(gemm_bf16)

/* Steps of k. */
QUERN_INLINE int64_t quern_pair_steps(int64_t depth) { return (depth + QUERN_PAIR_STEP - 1) / QUERN_PAIR_STEP; }

/* BF16 elements that a [rows, depth] takes when packed. */
QUERN_INLINE int64_t quern_packed_a_pairs(int64_t rows, int64_t depth) {
    return (rows + QUERN_PANEL_ROWS - 1) / QUERN_PANEL_ROWS * QUERN_PANEL_ROWS * quern_pair_steps(depth) *
           QUERN_PAIR_STEP;
}

/* BF16 elements that b [depth, columns] takes when packed. */
QUERN_INLINE int64_t quern_packed_b_pairs(int64_t depth, int64_t columns) {
    return (columns + QUERN_PANEL_COLUMNS - 1) / QUERN_PANEL_COLUMNS * QUERN_PANEL_COLUMNS *
           quern_pair_steps(depth) * QUERN_PAIR_STEP;
}

/* Packs a [rows, depth], given as it is or transposed, [depth, rows]. */
void quern_pack_a_pairs(uint16_t *packed, const quern_operand *a, int transposed, int64_t rows, int64_t depth);

/* Packs b [depth, columns], given as it is or transposed, [columns, depth]. */
void quern_pack_b_pairs(uint16_t *packed, const quern_operand *b, int transposed, int64_t columns,
                        int64_t depth);

/*
 * c [rows, columns] = a b + bias, or += if `add`; bias [columns] or null. Of b's b_steps steps those of `depth`
 * count; what it has beyond is multiplied by zeros, and has to be finite. sums: QUERN_PANEL_SUMS floats.
 */
void quern_gemm_bf16(float *c, int64_t c_stride, const uint16_t *a, const uint16_t *b, int64_t b_steps,
                     const float *bias, int add, int64_t rows, int64_t columns, int64_t depth, float *sums);

#endif
