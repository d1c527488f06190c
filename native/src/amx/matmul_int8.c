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
} blocks;

_Static_assert(sizeof(blocks) <= QUERN_WORK_BYTES, "packed blocks fit into a worker's scratch memory");
_Static_assert(QUERN_INT8_WIDTH == STEP, "a vector of weights is a line");

/* Few rows are bound by reading b; the tier below does them. */
int32_t quern_matmul_int8__avx512_bf16(const quern_record *record, int32_t part, int32_t parts);

/* What the kernel is called with. */
typedef struct product {
    float *out;
    const float *a;
    const int8_t *b;
    const float *bias;
    const float *scales;
    int64_t k;
    int64_t a_stride;
    int64_t b_stride;
    int64_t out_stride;
    int64_t group;
    int64_t groups;
    /* Of k, and of tiles: what is summed up in them. */
    int64_t chunk;
    int64_t chunk_steps;
} product;

static void pack_a(blocks *to, const product *p, int64_t row, int64_t rows, int64_t first, int64_t last) {
    for (int64_t i = 0; i < rows; i++) {
        const float *a = p->a + (row + i) * p->a_stride;
        for (int64_t k = first, chunk = 0; k < last; k += p->chunk, chunk++) {
            /* Of a group that is more than a block, all counts. */
            const int64_t begin = k / p->group * p->group;
            const int64_t end = quern_min(p->k, begin + p->group);
            const int8_scale scale = int8_scale_of(int8_highest(a + begin, end - begin));
            to->a_scales[chunk][i] = scale.scale;
            int8_round(to->a[i] + chunk * p->chunk_steps * STEP, a + k, scale.inverse,
                       quern_min(p->chunk, last - k));
        }
    }
}

static void pack_b(blocks *to, const product *p, int64_t column, int64_t columns, int64_t first,
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

static void multiply(blocks *from, const product *p, int64_t row, int64_t rows, int64_t column,
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

/* Where the block that begins at `first` ends: after whole groups, or within one. */
static int64_t block_end(const product *p, int64_t first) {
    if (p->group <= QUERN_INT8_CHUNK) {
        return quern_min(p->k, first + BLOCK_STEPS / p->chunk_steps * p->chunk);
    }
    return quern_min(quern_min(p->k, first / p->group * p->group + p->group), first + p->chunk);
}

QUERN_KERNEL_DEFINE(matmul_int8) {
    const int64_t m = record->integers[0];
    const int64_t n = record->integers[1];
    if (m <= QUERN_FEW_ROWS) return quern_matmul_int8__avx512_bf16(record, part, parts);
    product p = {.out = record->pointers[0],
                 .a = record->pointers[1],
                 .b = record->pointers[2],
                 .bias = record->pointers[3],
                 .scales = record->pointers[4],
                 .k = record->integers[2],
                 .a_stride = record->integers[3],
                 .b_stride = record->integers[4],
                 .out_stride = record->integers[5],
                 .group = record->integers[6]};
    p.groups = (p.k + p.group - 1) / p.group;
    p.chunk = quern_min(p.group, QUERN_INT8_CHUNK);
    p.chunk_steps = (p.chunk + STEP - 1) / STEP;
    blocks *packed = (blocks *)quern_work(record, part);
    const quern_region own = quern_divide(m, n, PANEL, PANEL, STEPS_PACKED, part, parts);
    int32_t status = QUERN_OK;
    quern_tiles_begin();
    for (int64_t j = own.columns.first; j < own.columns.last && status == QUERN_OK; j += BLOCK_COLUMNS) {
        const int64_t columns = quern_min(own.columns.last - j, BLOCK_COLUMNS);
        for (int64_t first = 0; first < p.k;) {
            if (quern_cancelled(record)) {
                status = QUERN_CANCELLED;
                break;
            }
            const int64_t last = block_end(&p, first);
            pack_b(packed, &p, j, columns, first, last);
            for (int64_t i = own.rows.first; i < own.rows.last; i += BLOCK_ROWS) {
                const int64_t rows = quern_min(own.rows.last - i, BLOCK_ROWS);
                pack_a(packed, &p, i, rows, first, last);
                multiply(packed, &p, i, rows, j, columns, first, last);
            }
            first = last;
        }
    }
    quern_tiles_end();
    return status;
}
