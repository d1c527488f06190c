/*
 * matmul_int8: out [M,N] = a [M,K] b [N,K]^T + bias, b INT8 with a scale for each row and group of steps,
 * a rounded to INT8 likewise.
 *
 * The naive version, q(m, k) being a's integers, s(m, g) and t(n, g) the scales of group g of a and b:
 *   for m, n: out[m][n] = bias[n]; for g: out[m][n] += (sum of q(m, k) b[n][k] in g) s(m, g) t(n, g)
 *
 * The blocking is Goto's, as in matmul.c, over lanes of QUERN_INT8_STEPS steps in the place of floats.
 */
#include "matmul/few_rows.h"
#include "matmul/gemm.h"
#include "matmul/int8.h"
#include "matmul/region.h"

#define BLOCK_ROWS (QUERN_TILE_ROWS * (168 / QUERN_TILE_ROWS))
#define BLOCK_COLUMNS 1024
/* Lanes of a block; a row of a's is longer, so that rows do not meet in the same lines of the cache. */
#define BLOCK_LANES (QUERN_INT8_CHUNK / QUERN_INT8_STEPS)
#define ROW_LANES (BLOCK_LANES + 2 * QUERN_LANES)

/* Steps of an element that take as long as packing one. */
#define STEPS_PACKED 16

/* What packed blocks hold. */
typedef struct blocks {
    int32_t a[BLOCK_ROWS][ROW_LANES];
    /* Of each row and chunk. */
    float a_scales[QUERN_INT8_MOST_CHUNKS][BLOCK_ROWS];
    int32_t starts[QUERN_INT8_MOST_CHUNKS][BLOCK_ROWS];
    /* Panel by panel, lane by lane. */
    int32_t b[BLOCK_COLUMNS * BLOCK_LANES];
    /* Panel by panel, chunk by chunk. */
    float b_scales[BLOCK_COLUMNS * QUERN_INT8_MOST_CHUNKS];
    int8_scale kept[QUERN_INT8_ROWS];
} blocks;

_Static_assert(sizeof(blocks) <= QUERN_WORK_BYTES, "packed blocks fit into a worker's scratch memory");
_Static_assert(QUERN_INT8_DEPTH * QUERN_FEW_ROWS * 2 + QUERN_INT8_DEPTH / 32 * QUERN_FEW_ROWS * 8 +
                       QUERN_FEW_ROWS * 2 * QUERN_INT8_WIDTH * 2 <=
                   QUERN_WORK_BYTES,
               "few rows, rounded, fit into a worker's scratch memory");
_Static_assert(BLOCK_COLUMNS % QUERN_TILE_COLUMNS == 0, "blocks are made of whole panels");

/* What a tile is called with; the same for all tiles of a block but for a, b, c and their scales. */
typedef struct tile_call {
    const int32_t *a;
    const float *a_scales;
    const int32_t *starts;
    const int32_t *b;
    const float *b_scales;
    const float *bias;
    float *c;
    int64_t c_stride;
    int64_t columns;
    /* Lanes of the block and of a chunk. */
    int64_t lanes;
    int64_t chunk;
    int add;
} tile_call;

/* One tile of c: rows and vectors are constants wherever this is inlined, so sums stay in registers. */
QUERN_INLINE void tile(const tile_call *call, const int rows, const int vectors) {
    const int32_t *a = call->a;
    const int32_t *b = call->b;
    float *c = call->c;
    const int64_t c_stride = call->c_stride;
    int64_t k = 0;
    for (int64_t chunk = 0; k < call->lanes; chunk++) {
        const int64_t last = quern_min(call->lanes, k + call->chunk);
        vint sum[QUERN_TILE_ROWS][QUERN_TILE_VECTORS];
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            const vint start =
                vi_splat(QUERN_INT8_OFFSET ? call->starts[chunk * BLOCK_ROWS + i] : 0);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) sum[i][v] = start;
        }
#pragma GCC unroll 4
        for (; k < last; k++) {
            vint row[QUERN_TILE_VECTORS];
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) row[v] = vi_load(b + v * QUERN_LANES);
#pragma GCC unroll 16
            for (int i = 0; i < rows; i++) {
                const vint factor = vi_splat(a[i * ROW_LANES + k]);
#pragma GCC unroll 2
                for (int v = 0; v < vectors; v++) sum[i][v] = int8_dot(sum[i][v], row[v], factor);
            }
            b += QUERN_TILE_COLUMNS;
        }
        const int add = call->add || chunk > 0;
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            const int64_t n = call->columns - v * QUERN_LANES;
            const int whole = n >= QUERN_LANES;
            const vfloat scale = v_load(call->b_scales + chunk * QUERN_TILE_COLUMNS + v * QUERN_LANES);
            const vfloat bias = call->bias ? v_load_first(call->bias + v * QUERN_LANES, n) : v_zero();
#pragma GCC unroll 16
            for (int i = 0; i < rows; i++) {
                float *to = c + i * c_stride + v * QUERN_LANES;
                const vfloat before = !add ? bias : whole ? v_load(to) : v_load_first(to, n);
                const vfloat x = v_fma(v_floats(sum[i][v]),
                                       v_splat(call->a_scales[chunk * BLOCK_ROWS + i]) * scale, before);
                if (whole) {
                    v_store(to, x);
                } else {
                    v_store_first(to, x, n);
                }
            }
        }
    }
}

typedef void tile_function(const tile_call *call);

typedef struct tile_entry {
    int64_t rows;
    /* By vectors - 1. */
    tile_function *functions[QUERN_TILE_VECTORS];
} tile_entry;

#define TILE(rows)                                                              \
    static void tile_##rows##_1(const tile_call *call) { tile(call, rows, 1); } \
    static void tile_##rows##_2(const tile_call *call) { tile(call, rows, 2); }
#define TILE_ENTRY(rows) {rows, {tile_##rows##_1, tile_##rows##_2}},

QUERN_FOR_TILE_ROWS(TILE)
static const tile_entry tiles[] = {QUERN_FOR_TILE_ROWS(TILE_ENTRY)};

/* Rounds rows of a from step `first` on; whole groups, or a part of one. */
static void pack_a(blocks *to, const int8_product *p, const int8_scale *kept, int64_t row, int64_t rows,
                   int64_t first, int64_t last) {
    for (int64_t i = 0; i < rows; i++) {
        const float *a = p->a + (row + i) * p->a_stride;
        quern_integer *integers = (quern_integer *)to->a[i];
        for (int64_t k = first, chunk = 0; k < last; k += p->chunk, chunk++) {
            const int8_scale scale = kept ? kept[i] : int8_group_scale(p, row + i, k);
            to->a_scales[chunk][i] = scale.scale;
            to->starts[chunk][i] =
                int8_round(integers + (k - first), a + k, scale.inverse, quern_min(p->chunk, last - k));
        }
    }
}

#if QUERN_LANES == 8
/* By squares of 4, 2 and 1: those off the diagonal change places. */
QUERN_INLINE void transpose(vint x[8]) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const vint low = x[i], high = x[i + 4];
        x[i] = __builtin_shufflevector(low, high, 0, 1, 2, 3, 8, 9, 10, 11);
        x[i + 4] = __builtin_shufflevector(low, high, 4, 5, 6, 7, 12, 13, 14, 15);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        if (i & 2) continue;
        const vint low = x[i], high = x[i + 2];
        x[i] = __builtin_shufflevector(low, high, 0, 1, 8, 9, 4, 5, 12, 13);
        x[i + 2] = __builtin_shufflevector(low, high, 2, 3, 10, 11, 6, 7, 14, 15);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        if (i & 1) continue;
        const vint low = x[i], high = x[i + 1];
        x[i] = __builtin_shufflevector(low, high, 0, 8, 2, 10, 4, 12, 6, 14);
        x[i + 1] = __builtin_shufflevector(low, high, 1, 9, 3, 11, 5, 13, 7, 15);
    }
}
#elif QUERN_LANES == 16
#include "matmul/pairs.h"
QUERN_INLINE void transpose(vint x[16]) { transpose_16(x); }
#else
QUERN_INLINE void transpose(vint x[1]) {}
#endif

/* Panels of columns: of each step of lanes those of all columns, and of each chunk their scales. */
static void pack_b(blocks *to, const int8_product *p, int64_t column, int64_t columns, int64_t first,
                   int64_t last) {
    const int64_t lanes = (last - first + QUERN_INT8_STEPS - 1) / QUERN_INT8_STEPS;
    for (int64_t j = 0; j < columns; j += QUERN_LANES) {
        const int64_t panel = j / QUERN_TILE_COLUMNS * QUERN_TILE_COLUMNS;
        int32_t *packed = to->b + panel * lanes + (j - panel);
        for (int64_t k = first; k < last; k += QUERN_INT8_WIDTH) {
            vint line[QUERN_LANES];
#pragma GCC unroll 16
            for (int i = 0; i < QUERN_LANES; i++) {
                const int8_t *from = p->b + (column + j + i) * p->b_stride + k;
                line[i] = j + i >= columns               ? vi_splat(0)
                          : last - k >= QUERN_INT8_WIDTH ? int8_weights(from)
                                                         : int8_weights_first(from, last - k);
            }
            transpose(line);
            const int64_t count = quern_min(QUERN_LANES, lanes - (k - first) / QUERN_INT8_STEPS);
            for (int64_t i = 0; i < count; i++) vi_store(packed + i * QUERN_TILE_COLUMNS, line[i]);
            packed += QUERN_LANES * QUERN_TILE_COLUMNS;
        }
        float *scales = to->b_scales + panel * QUERN_INT8_MOST_CHUNKS + (j - panel);
        for (int64_t k = first; k < last; k += p->chunk) {
            for (int64_t i = 0; i < QUERN_LANES; i++) {
                scales[i] = j + i < columns ? p->scales[(column + j + i) * p->groups + k / p->group] : 0;
            }
            scales += QUERN_TILE_COLUMNS;
        }
    }
}

static void multiply(const blocks *from, const int8_product *p, int64_t row, int64_t rows, int64_t column,
                     int64_t columns, int64_t first, int64_t last) {
    tile_call call = {.c_stride = p->out_stride,
                      .lanes = (last - first + QUERN_INT8_STEPS - 1) / QUERN_INT8_STEPS,
                      .chunk = (p->chunk + QUERN_INT8_STEPS - 1) / QUERN_INT8_STEPS,
                      .add = first > 0};
    for (int64_t j = 0; j < columns; j += QUERN_TILE_COLUMNS) {
        call.columns = quern_min(columns - j, QUERN_TILE_COLUMNS);
        call.b = from->b + j * call.lanes;
        call.b_scales = from->b_scales + j * QUERN_INT8_MOST_CHUNKS;
        call.bias = p->bias ? p->bias + column + j : NULL;
        const int vectors = call.columns > QUERN_LANES ? 2 : 1;
        int64_t i = 0;
        for (const tile_entry *entry = tiles; i < rows; entry++) {
            for (; i + entry->rows <= rows; i += entry->rows) {
                call.a = from->a[i];
                call.a_scales = &from->a_scales[0][i];
                call.starts = &from->starts[0][i];
                call.c = p->out + (row + i) * p->out_stride + column + j;
                entry->functions[vectors - 1](&call);
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
    void *work = quern_work(record, part);
    if (p.m <= QUERN_FEW_ROWS) {
        const quern_range own = quern_share(p.n, QUERN_TILE_COLUMNS, part, parts);
        quern_few_rows_int8(p.out + own.first, p.out_stride, p.a, p.a_stride, p.b + own.first * p.b_stride,
                            p.b_stride, p.scales + own.first * p.groups, p.groups, p.group,
                            p.bias ? p.bias + own.first : NULL, p.m, own.last - own.first, p.k, work);
        return QUERN_OK;
    }
    blocks *packed = work;
    const quern_region own =
        quern_divide(p.m, p.n, QUERN_TILE_ROWS, QUERN_TILE_COLUMNS, STEPS_PACKED, part, parts);
    for (int64_t j = own.columns.first; j < own.columns.last; j += BLOCK_COLUMNS) {
        const int64_t columns = quern_min(own.columns.last - j, BLOCK_COLUMNS);
        for (int64_t r = own.rows.first; r < own.rows.last; r += QUERN_INT8_ROWS) {
            const quern_range together = {r, quern_min(r + QUERN_INT8_ROWS, own.rows.last)};
            for (int64_t first = 0, last; first < p.k; first = last) {
                if (quern_cancelled(record)) return QUERN_CANCELLED;
                last = int8_block_end(&p, first, QUERN_INT8_CHUNK / p.chunk);
                multiply_blocks(packed, &p, together, j, columns, first, last);
            }
        }
    }
    return QUERN_OK;
}
