/*
 * Matrix products out of cache: packing of operands and the register tile, after Goto and van de
 * Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), and Van Zee and van de Geijn,
 * "BLIS" (2015). matmul_f32 blocks whole matrices into such products, attention_f32 its heads.
 *
 * b is packed into panels of QUERN_TILE_COLUMNS columns: panel by panel, row by row, short panels
 * filled up with zeros. a is packed likewise into panels of QUERN_TILE_ROWS rows, column by column, or
 * read where it stands.
 *
 * Each element of c is summed over k in rising order by one fused multiply-add a step, starting from
 * zero, wherever it stands in a tile: results do not depend on how c is divided.
 */
#ifndef QUERN_GEMM_H
#define QUERN_GEMM_H

#include "kernel.h"
#include "simd/simd.h"

/*
 * As many accumulators as registers allow: 12 of 16 (AVX2), 28 of 32 (AVX-512), beside two vectors
 * of b and one element of a. QUERN_FOR_TILE_ROWS lists in falling order what tiles there are: the last
 * rows of a panel are made of the largest that fit.
 */
#if QUERN_LANES == 16
#define QUERN_TILE_ROWS 14
#define QUERN_FOR_TILE_ROWS(TILE) TILE(14) TILE(8) TILE(4) TILE(2) TILE(1)
#elif QUERN_LANES == 8
#define QUERN_TILE_ROWS 6
#define QUERN_FOR_TILE_ROWS(TILE) TILE(6) TILE(5) TILE(4) TILE(3) TILE(2) TILE(1)
#else
#define QUERN_TILE_ROWS 4
#define QUERN_FOR_TILE_ROWS(TILE) TILE(4) TILE(2) TILE(1)
#endif
#define QUERN_TILE_VECTORS 2
#define QUERN_TILE_COLUMNS (QUERN_TILE_VECTORS * QUERN_LANES)

/* Floats that packing may write beyond a's panels. */
#define QUERN_PACK_SLACK 16

/* How quern_gemm reads a; element (i, k) of the panel whose first row is r. */
typedef enum quern_layout {
    /* a[r * depth + k * QUERN_TILE_ROWS + i] */
    QUERN_PACKED,
    /* a[(r + i) * a_stride + k] */
    QUERN_ROWS,
    /* a[k * a_stride + r + i] */
    QUERN_COLUMNS
} quern_layout;

#define quern_gemm QUERN_NAME(gemm)
#define quern_pack_a QUERN_NAME(pack_a)
#define quern_pack_a_bf16 QUERN_NAME(pack_a_bf16)
#define quern_pack_b QUERN_NAME(pack_b)
#define quern_pack_b_bf16 QUERN_NAME(pack_b_bf16)
#define quern_round_bf16 QUERN_NAME(round_bf16)

/* Floats that a [rows, depth] takes when packed. */
QUERN_INLINE int64_t quern_packed_a(int64_t rows, int64_t depth) {
    return (rows + QUERN_TILE_ROWS - 1) / QUERN_TILE_ROWS * QUERN_TILE_ROWS * depth + QUERN_PACK_SLACK;
}

/* Floats that b [depth, columns] takes when packed. */
QUERN_INLINE int64_t quern_packed_b(int64_t depth, int64_t columns) {
    return (columns + QUERN_TILE_COLUMNS - 1) / QUERN_TILE_COLUMNS * QUERN_TILE_COLUMNS * depth;
}

/* Packs a [rows, depth], given as it is or transposed, [depth, rows]. */
void quern_pack_a(float *packed, const float *a, int64_t stride, int transposed, int64_t rows,
                  int64_t depth);

/* The same of BF16. */
void quern_pack_a_bf16(float *packed, const uint16_t *a, int64_t stride, int transposed, int64_t rows,
                       int64_t depth);

/* Packs b [depth, columns], given as it is or transposed, [columns, depth]. */
void quern_pack_b(float *packed, const float *b, int64_t stride, int transposed, int64_t depth,
                  int64_t columns);

/* The same of BF16. */
void quern_pack_b_bf16(float *packed, const uint16_t *b, int64_t stride, int transposed, int64_t depth,
                       int64_t columns);

/* Rounds `count` floats, a multiple of QUERN_LANES, to what BF16 holds. */
void quern_round_bf16(float *x, int64_t count);

/*
 * c [rows, columns] = a b + bias, or += if `add`; bias [columns] or null. b was packed with b_depth rows,
 * of which the first `depth` count. a_stride counts for QUERN_ROWS and QUERN_COLUMNS only.
 */
void quern_gemm(float *c, int64_t c_stride, quern_layout layout, const float *a, int64_t a_stride,
                const float *b, int64_t b_depth, const float *bias, int add, int64_t rows,
                int64_t columns, int64_t depth);

#endif
