/*
 * matmul_bf16 on AMX: tiles of 16 by 16 sums, four at a time, from operands packed as BF16. The
 * blocking is Goto's, as in matmul/matmul.c: a panel of b (BLOCK_DEPTH by 32, 32 KiB) stays in the
 * first-level cache, and the packed blocks of a and b in the second-level one. Of two tiles of a and
 * two of b, each is used twice: a product for every load.
 */
#include "kernels/fused.h"
#include "matmul/gemm_bf16.h"
#include "matmul/region.h"

/* Rows, and columns, of the four tiles. */
#define PANEL QUERN_PANEL_ROWS
#define BLOCK_DEPTH 512
#define BLOCK_ROWS 512
#define BLOCK_COLUMNS 1024

/* Steps of an element that take as long as packing one: an estimate, from 512 steps a cycle. */
#define STEPS_PACKED 256

/* Elements of a tile. */
#define TILE (QUERN_TILE_LINES * QUERN_TILE_DEPTH)

_Static_assert(BLOCK_DEPTH * (BLOCK_ROWS + BLOCK_COLUMNS) * 2 + QUERN_PANEL_SUMS * 4 <= QUERN_WORK_BYTES,
               "packed blocks and sums fit into a worker's scratch memory");

/* Few rows are bound by reading b; the tier below does them. */
int32_t quern_matmul_bf16__avx512(const quern_record *record, int32_t part, int32_t parts);

/*
 * A block of an operand as panels of two tiles' lines, each step by step: panel, step, tile. along and
 * turned as in pack_lines.
 */
QUERN_INLINE void pack_panels(uint16_t *packed, const quern_operand *x, const int along,
                              const int turned, int64_t others, int64_t depth) {
    const int64_t other = along ? x->stride : 1;
    const int64_t next = along ? 1 : x->stride;
    for (int64_t i = 0; i < others; i += PANEL) {
        for (int64_t k = 0; k < depth; k += QUERN_TILE_DEPTH) {
            for (int half = 0; half < 2; half++) {
                const int64_t first = i + half * QUERN_TILE_LINES;
                if (first < others) {
                    quern_operand at = *x;
                    at.from = operand_at(x->from, first * other + k * next, x->stored);
                    pack_lines(packed, QUERN_PAIRS, QUERN_TILE_LINES, &at, along, turned,
                               quern_min(others - first, QUERN_TILE_LINES),
                               quern_min(depth - k, QUERN_TILE_DEPTH));
                }
                packed += TILE;
            }
        }
    }
}

void quern_pack_a_pairs(uint16_t *packed, const quern_operand *a, int transposed, int64_t rows, int64_t depth) {
    if (transposed) {
        pack_panels(packed, a, 0, 1, rows, depth);
    } else {
        pack_panels(packed, a, 1, 0, rows, depth);
    }
}

void quern_pack_b_pairs(uint16_t *packed, const quern_operand *b, int transposed, int64_t columns,
                        int64_t depth) {
    if (transposed) {
        pack_panels(packed, b, 1, 1, columns, depth);
    } else {
        pack_panels(packed, b, 0, 0, columns, depth);
    }
}

/* Four tiles of sums, over `steps` of QUERN_TILE_DEPTH; those that `add` begin with what stands. */
QUERN_INLINE void sum_tiles(float *sums, int64_t stride, const uint16_t *a, const uint16_t *b,
                            int64_t steps, const int add, const int lower, const int right) {
    QUERN_TILES
    const int64_t bytes = stride * 4;
    float *below = sums + QUERN_TILE_LINES * stride;
    if (add) {
        QUERN_TILE_LOAD(0, sums, bytes);
        if (right) QUERN_TILE_LOAD(1, sums + 16, bytes);
        if (lower) QUERN_TILE_LOAD(2, below, bytes);
        if (lower && right) QUERN_TILE_LOAD(3, below + 16, bytes);
    } else {
        QUERN_TILE_ZERO(0);
        QUERN_TILE_ZERO(1);
        QUERN_TILE_ZERO(2);
        QUERN_TILE_ZERO(3);
    }
    for (int64_t step = 0; step < steps; step++) {
        QUERN_TILE_LOAD(4, a, 64);
        QUERN_TILE_LOAD(6, b, 64);
        QUERN_TILE_PRODUCT(0, 4, 6);
        if (right) {
            QUERN_TILE_LOAD(7, b + TILE, 64);
            QUERN_TILE_PRODUCT(1, 4, 7);
        }
        if (lower) {
            QUERN_TILE_LOAD(5, a + TILE, 64);
            QUERN_TILE_PRODUCT(2, 5, 6);
            if (right) QUERN_TILE_PRODUCT(3, 5, 7);
        }
        a += 2 * TILE;
        b += 2 * TILE;
    }
    QUERN_TILE_STORE(0, sums, bytes);
    if (right) QUERN_TILE_STORE(1, sums + 16, bytes);
    if (lower) QUERN_TILE_STORE(2, below, bytes);
    if (lower && right) QUERN_TILE_STORE(3, below + 16, bytes);
}

/* out (+)= sums + bias, where out is smaller than its tiles or starts from a bias. */
static void put(float *out, int64_t out_stride, const float *sums, const float *bias, int add,
                int64_t rows, int64_t columns) {
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j += QUERN_LANES) {
            const int64_t n = columns - j;
            vfloat x = v_load(sums + i * PANEL + j);
            if (bias) x = x + v_load_first(bias + j, n);
            if (add) x = v_load_first(out + i * out_stride + j, n) + x;
            v_store_first(out + i * out_stride + j, x, n);
        }
    }
}

void quern_gemm_bf16(float *out, int64_t out_stride, const uint16_t *a, const uint16_t *b, int64_t b_steps,
                     const float *bias, int add, int64_t rows, int64_t columns, int64_t depth, float *sums) {
    const int64_t steps = quern_pair_steps(depth);
    for (int64_t j = 0; j < columns; j += PANEL) {
        const uint16_t *right = b + j / PANEL * b_steps * 2 * TILE;
        const int64_t wide = quern_min(columns - j, PANEL);
        for (int64_t i = 0; i < rows; i += PANEL) {
            const uint16_t *left = a + i / PANEL * steps * 2 * TILE;
            const int64_t high = quern_min(rows - i, PANEL);
            float *to = out + i * out_stride + j;
            if (high == PANEL && wide == PANEL && !bias) {
                if (add) {
                    sum_tiles(to, out_stride, left, right, steps, 1, 1, 1);
                } else {
                    sum_tiles(to, out_stride, left, right, steps, 0, 1, 1);
                }
                continue;
            }
            if (high > QUERN_TILE_LINES) {
                if (wide > 16) {
                    sum_tiles(sums, PANEL, left, right, steps, 0, 1, 1);
                } else {
                    sum_tiles(sums, PANEL, left, right, steps, 0, 1, 0);
                }
            } else if (wide > 16) {
                sum_tiles(sums, PANEL, left, right, steps, 0, 0, 1);
            } else {
                sum_tiles(sums, PANEL, left, right, steps, 0, 0, 0);
            }
            put(to, out_stride, sums, bias ? bias + j : NULL, add, high, wide);
        }
    }
}

QUERN_KERNEL_DEFINE(matmul_bf16) {
    const quern_bf16_product p = bf16_product_of(record);
    if (has_few_rows(&p)) return quern_matmul_bf16__avx512(record, part, parts);
    const quern_region own = quern_divide(p.m, p.n, PANEL, PANEL, STEPS_PACKED, part, parts);
    uint16_t *packed_a = (uint16_t *)quern_work(record, part);
    uint16_t *packed_b = packed_a + BLOCK_ROWS * BLOCK_DEPTH;
    float *sums = (float *)(packed_b + BLOCK_COLUMNS * BLOCK_DEPTH);
    const int64_t deep = block_depth(p.k, BLOCK_DEPTH);
    int32_t status = QUERN_OK;
    quern_products_begin();
    for (int64_t j = own.columns.first; j < own.columns.last && status == QUERN_OK; j += BLOCK_COLUMNS) {
        const int64_t columns = quern_min(own.columns.last - j, BLOCK_COLUMNS);
        /* Once even where K is 0: the bias, or zero, is still to be written. */
        int64_t k = 0;
        do {
            if (quern_cancelled(record)) {
                status = QUERN_CANCELLED;
                break;
            }
            const int64_t depth = quern_min(p.k - k, deep);
            const quern_operand b = operand_block(&p.b, p.b_transposed, k, j);
            quern_pack_b_pairs(packed_b, &b, p.b_transposed, columns, depth);
            for (int64_t i = own.rows.first; i < own.rows.last && status == QUERN_OK; i += BLOCK_ROWS) {
                const int64_t rows = quern_min(own.rows.last - i, BLOCK_ROWS);
                const quern_operand a = operand_block(&p.a, p.a_transposed, i, k);
                quern_pack_a_pairs(packed_a, &a, p.a_transposed, rows, depth);
                quern_gemm_bf16(p.out + i * p.out_stride + j, p.out_stride, packed_a, packed_b,
                                quern_pair_steps(depth), p.bias && k == 0 ? p.bias + j : NULL,
                                p.accumulate || k > 0, rows, columns, depth, sums);
                if (k + deep >= p.k) {
                    status = quern_finish(record, i * p.out_stride + j, p.out_stride, rows, columns);
                }
            }
            k += deep;
        } while (k < p.k && status == QUERN_OK);
    }
    quern_products_end();
    return status;
}
