/*
 * matmul_int8 on AMX: tiles of 16 by 16 sums from 64 steps an instruction, four at a time, as in
 * amx/matmul_bf16.c. A chunk of a group is summed up in tiles; its sums are then scaled and added to out.
 */
#include "amx/tiles.h"
#include "matmul/few_rows.h"
#include "matmul/int8.h"
#include "matmul/pairs.h"
#include "matmul/region.h"

/* Rows, and columns, of the four tiles. */
#define PANEL 32
/* Bytes of a line of a tile: what one product sums up. */
#define STEP 64
#define TILE (QUERN_TILE_LINES * STEP)
#define BLOCK_STEPS (QUERN_INT8_CHUNK / STEP)
#define BLOCK_ROWS 256
#define BLOCK_COLUMNS 1024

/* Steps of an element that take as long as packing one: an estimate, from 1024 steps a cycle. */
#define STEPS_PACKED 512

/* What packed blocks hold; a chunk begins with a step of its own. */
typedef struct blocks {
    /* Longer than they need be, so that rows do not meet in the same lines of the cache. */
    int8_t a[BLOCK_ROWS][(BLOCK_STEPS + 1) * STEP];
    /* Tile by tile of columns, step by step. */
    int8_t b[BLOCK_COLUMNS / 16 * BLOCK_STEPS * TILE];
    float a_scales[BLOCK_STEPS][BLOCK_ROWS];
    float b_scales[BLOCK_STEPS][BLOCK_COLUMNS];
    int32_t sums[PANEL * PANEL];
    int8_scale kept[QUERN_INT8_ROWS];
} blocks;

_Static_assert(sizeof(blocks) <= QUERN_WORK_BYTES, "packed blocks fit into a worker's scratch memory");
_Static_assert(QUERN_INT8_WIDTH == STEP, "a vector of weights is a line");

/* Few rows are bound by reading b; the tier below does them. */
int32_t quern_matmul_int8__avx512_vnni(const quern_record *record, int32_t part, int32_t parts);

/* Steps of a tile that a chunk takes. */
QUERN_INLINE int64_t chunk_steps(const int8_product *p) { return (p->chunk + STEP - 1) / STEP; }

static void pack_a(blocks *to, const int8_product *p, const int8_scale *kept, int64_t row, int64_t rows,
                   int64_t first, int64_t last) {
    for (int64_t i = 0; i < rows; i++) {
        const float *a = p->a + (row + i) * p->a_stride;
        for (int64_t k = first, chunk = 0; k < last; k += p->chunk, chunk++) {
            const int8_scale scale = kept ? kept[i] : int8_group_scale(p, row + i, k);
            to->a_scales[chunk][i] = scale.scale;
            int8_round(to->a[i] + chunk * chunk_steps(p) * STEP, a + k, scale.inverse,
                       quern_min(p->chunk, last - k));
        }
    }
}

static void pack_b(blocks *to, const int8_product *p, int64_t column, int64_t columns, int64_t first,
                   int64_t last) {
    for (int64_t j = 0; j < columns; j += 16) {
        int8_t *packed = to->b + j / 16 * BLOCK_STEPS * TILE;
        for (int64_t k = first, chunk = 0; k < last; k += p->chunk, chunk++) {
            const int64_t end = quern_min(last, k + p->chunk);
            for (int64_t step = k; step < end; step += STEP) {
                vint line[16];
#pragma GCC unroll 16
                for (int i = 0; i < 16; i++) {
                    const int8_t *from = p->b + (column + j + i) * p->b_stride + step;
                    line[i] = j + i >= columns     ? vi_splat(0)
                              : end - step >= STEP ? int8_weights(from)
                                                   : int8_weights_first(from, end - step);
                }
                transpose_16(line);
#pragma GCC unroll 16
                for (int i = 0; i < 16; i++) vi_store((int32_t *)(packed + i * STEP), line[i]);
                packed += TILE;
            }
            for (int64_t i = j; i < quern_min(j + 16, columns); i++) {
                to->b_scales[chunk][i] = p->scales[(column + i) * p->groups + k / p->group];
            }
        }
    }
}

/* Four tiles of sums over `steps`; without the lower or right ones where these do not count. */
QUERN_INLINE void sum_tiles(int32_t *sums, const int8_t *a, const int8_t *b, int64_t steps, const int lower,
                            const int right) {
    QUERN_TILES
    const int64_t stride = sizeof(((blocks *)0)->a[0]);
    QUERN_TILE_ZERO(0);
    QUERN_TILE_ZERO(1);
    QUERN_TILE_ZERO(2);
    QUERN_TILE_ZERO(3);
    for (int64_t step = 0; step < steps; step++) {
        QUERN_TILE_LOAD(4, a, stride);
        QUERN_TILE_LOAD(6, b, STEP);
        QUERN_TILE_PRODUCT_INT8(0, 4, 6);
        if (right) {
            QUERN_TILE_LOAD(7, b + BLOCK_STEPS * TILE, STEP);
            QUERN_TILE_PRODUCT_INT8(1, 4, 7);
        }
        if (lower) {
            QUERN_TILE_LOAD(5, a + QUERN_TILE_LINES * stride, stride);
            QUERN_TILE_PRODUCT_INT8(2, 5, 6);
            if (right) QUERN_TILE_PRODUCT_INT8(3, 5, 7);
        }
        a += STEP;
        b += TILE;
    }
    QUERN_TILE_STORE(0, sums, PANEL * 4);
    if (right) QUERN_TILE_STORE(1, sums + 16, PANEL * 4);
    if (lower) QUERN_TILE_STORE(2, sums + 16 * PANEL, PANEL * 4);
    if (lower && right) QUERN_TILE_STORE(3, sums + 16 * PANEL + 16, PANEL * 4);
}

/* out (+)= scaled sums, starting from the bias or zero. */
static void put(float *out, int64_t out_stride, const int32_t *sums, const float *a_scales,
                const float *b_scales, const float *bias, int add, int64_t rows, int64_t columns) {
    for (int64_t j = 0; j < columns; j += QUERN_LANES) {
        const int64_t n = columns - j;
        const int whole = n >= QUERN_LANES;
        const vfloat start = bias ? v_load_first(bias + j, n) : v_zero();
        const vfloat scale = v_load_first(b_scales + j, n);
        for (int64_t i = 0; i < rows; i++) {
            float *to = out + i * out_stride + j;
            const vfloat before = !add ? start : whole ? v_load(to) : v_load_first(to, n);
            const vfloat x = v_fma(v_floats(vi_load(sums + i * PANEL + j)), v_splat(a_scales[i]) * scale, before);
            if (whole) {
                v_store(to, x);
            } else {
                v_store_first(to, x, n);
            }
        }
    }
}

static void multiply(blocks *from, const int8_product *p, int64_t row, int64_t rows, int64_t column,
                     int64_t columns, int64_t first, int64_t last) {
    for (int64_t j = 0; j < columns; j += PANEL) {
        const int64_t wide = quern_min(columns - j, PANEL);
        for (int64_t i = 0; i < rows; i += PANEL) {
            const int64_t high = quern_min(rows - i, PANEL);
            float *to = p->out + (row + i) * p->out_stride + column + j;
            int64_t at = 0;
            for (int64_t k = first, chunk = 0; k < last; k += p->chunk, chunk++) {
                const int64_t steps = (quern_min(p->chunk, last - k) + STEP - 1) / STEP;
                const int8_t *a = from->a[i] + at * STEP;
                const int8_t *b = from->b + j / 16 * BLOCK_STEPS * TILE + at * TILE;
                if (high > 16) {
                    if (wide > 16) {
                        sum_tiles(from->sums, a, b, steps, 1, 1);
                    } else {
                        sum_tiles(from->sums, a, b, steps, 1, 0);
                    }
                } else if (wide > 16) {
                    sum_tiles(from->sums, a, b, steps, 0, 1);
                } else {
                    sum_tiles(from->sums, a, b, steps, 0, 0);
                }
                put(to, p->out_stride, from->sums, &from->a_scales[chunk][i], &from->b_scales[chunk][j],
                    p->bias ? p->bias + column + j : NULL, k > 0, high, wide);
                at += steps;
            }
        }
    }
}

/* All rows by the columns from j on, over the steps of one block. */
static void multiply_blocks(blocks *packed, const int8_product *p, quern_range rows, int64_t j, int64_t columns,
                            int64_t first, int64_t last) {
    int8_keep_scales(packed->kept, p, rows, first);
    pack_b(packed, p, j, columns, first, last);
    for (int64_t i = rows.first; i < rows.last; i += BLOCK_ROWS) {
        const int64_t count = quern_min(rows.last - i, BLOCK_ROWS);
        const int8_scale *kept = p->group > QUERN_INT8_CHUNK ? packed->kept + (i - rows.first) : NULL;
        pack_a(packed, p, kept, i, count, first, last);
        multiply(packed, p, i, count, j, columns, first, last);
    }
}

QUERN_KERNEL_DEFINE(matmul_int8) {
    const int8_product p = int8_product_of(record);
    if (p.m <= QUERN_FEW_ROWS) return quern_matmul_int8__avx512_vnni(record, part, parts);
    blocks *packed = (blocks *)quern_work(record, part);
    const quern_region own = quern_divide(p.m, p.n, PANEL, PANEL, STEPS_PACKED, part, parts);
    int32_t status = QUERN_OK;
    quern_tiles_begin();
    for (int64_t j = own.columns.first; j < own.columns.last && status == QUERN_OK; j += BLOCK_COLUMNS) {
        const int64_t columns = quern_min(own.columns.last - j, BLOCK_COLUMNS);
        for (int64_t r = own.rows.first; r < own.rows.last && status == QUERN_OK; r += QUERN_INT8_ROWS) {
            const quern_range together = {r, quern_min(r + QUERN_INT8_ROWS, own.rows.last)};
            for (int64_t first = 0, last; first < p.k; first = last) {
                if (quern_cancelled(record)) {
                    status = QUERN_CANCELLED;
                    break;
                }
                last = int8_block_end(&p, first, BLOCK_STEPS / chunk_steps(&p));
                multiply_blocks(packed, &p, together, j, columns, first, last);
            }
        }
    }
    quern_tiles_end();
    return status;
}
