/*
 * matmul_bf16 on vdpbf16ps, which adds the products of 32 pairs of BF16 to 16 sums. The blocking is
 * Goto's, as in matmul/matmul.c, with a pair of neighbours in k in the place of a float: of 32 registers
 * 28 hold sums, two b and one an element pair of a. A panel of b (BLOCK_DEPTH by 32, 24 KiB) stays in the
 * first-level cache, the block of a in the second-level one.
 */
#include "kernels/fused.h"
#include "matmul/gemm_bf16.h"
#include "matmul/region.h"
#include "simd/dot.h"

/* At most, in whole steps of pairs. */
#define BLOCK_DEPTH 384
#define BLOCK_ROWS (24 * QUERN_TILE_ROWS)
#define BLOCK_COLUMNS 2048

/* Steps of an element that take as long as packing one: an estimate, from 32 to 64 steps a cycle. */
#define STEPS_PACKED 48

_Static_assert(BLOCK_DEPTH * (BLOCK_ROWS + BLOCK_COLUMNS) * 2 <= QUERN_WORK_BYTES,
               "packed blocks fit into a worker's scratch memory");
_Static_assert(BLOCK_DEPTH % QUERN_PAIR_STEP == 0, "blocks are made of whole steps");
_Static_assert(BLOCK_COLUMNS % QUERN_TILE_COLUMNS == 0, "blocks are made of whole panels");

/* Few rows are bound by reading b; the tier below does them. */
int32_t quern_matmul_bf16__avx512(const quern_record *record, int32_t part, int32_t parts);

/* What a tile is called with; the same for all tiles of a block but for a, b, c and bias. */
typedef struct tile_call {
    const int32_t *a;
    const int32_t *b;
    float *c;
    const float *bias;
    int64_t c_stride;
    int64_t pairs;
    int64_t columns;
    int add;
} tile_call;

/*
 * One tile of c: rows and vectors are constants wherever this is inlined, so the sums stay in registers.
 * Each is summed over pairs in rising order, starting from zero, wherever it stands in a tile.
 */
QUERN_INLINE void tile(const tile_call *call, const int rows, const int vectors) {
    const int32_t *a = call->a;
    const int32_t *b = call->b;
    float *c = call->c;
    const int64_t c_stride = call->c_stride;
    vfloat sum[QUERN_TILE_ROWS][QUERN_TILE_VECTORS];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        __builtin_prefetch(c + i * c_stride, 1);
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) sum[i][v] = v_zero();
    }
    for (int64_t left = call->pairs; left > 0; left -= QUERN_PAIRS) {
        const int64_t count = quern_min(left, QUERN_PAIRS);
        for (int64_t p = 0; p < count; p++) {
            vint row[QUERN_TILE_VECTORS];
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) row[v] = vi_load(b + v * QUERN_LANES);
#pragma GCC unroll 16
            for (int i = 0; i < rows; i++) {
                const vint factor = vi_splat(a[i * QUERN_PAIRS + p]);
#pragma GCC unroll 2
                for (int v = 0; v < vectors; v++) sum[i][v] = v_dot_bf16(sum[i][v], factor, row[v]);
            }
            b += QUERN_TILE_COLUMNS;
        }
        a += QUERN_TILE_ROWS * QUERN_PAIRS;
    }
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) {
        const int64_t n = call->columns - v * QUERN_LANES;
        const vfloat bias = call->bias ? v_load_first(call->bias + v * QUERN_LANES, n) : v_zero();
        float *to = c + v * QUERN_LANES;
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            vfloat x = call->bias ? sum[i][v] + bias : sum[i][v];
            if (n >= QUERN_LANES) {
                v_store(to + i * c_stride, call->add ? v_load(to + i * c_stride) + x : x);
            } else {
                if (call->add) x = v_load_first(to + i * c_stride, n) + x;
                v_store_first(to + i * c_stride, x, n);
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

void quern_gemm_bf16(float *c, int64_t c_stride, const uint16_t *a, const uint16_t *b, int64_t b_steps,
                     const float *bias, int add, int64_t rows, int64_t columns, int64_t depth, float *sums) {
    const int64_t steps = quern_pair_steps(depth);
    tile_call call = {.c_stride = c_stride, .pairs = (depth + 1) / 2, .add = add};
    for (int64_t j = 0; j < columns; j += QUERN_TILE_COLUMNS) {
        call.columns = quern_min(columns - j, QUERN_TILE_COLUMNS);
        call.b = (const int32_t *)b + j * b_steps * QUERN_PAIRS;
        call.bias = bias ? bias + j : NULL;
        const int vectors = call.columns > QUERN_LANES ? 2 : 1;
        for (int64_t i = 0; i < rows; i += QUERN_TILE_ROWS) {
            call.a = (const int32_t *)a + i * steps * QUERN_PAIRS;
            const int64_t last = quern_min(rows, i + QUERN_TILE_ROWS);
            int64_t done = i;
            for (const tile_entry *entry = tiles; done < last; entry++) {
                for (; done + entry->rows <= last; done += entry->rows) {
                    call.c = c + done * c_stride + j;
                    entry->functions[vectors - 1](&call);
                    call.a += entry->rows * QUERN_PAIRS;
                }
            }
        }
    }
}

/* Panels of QUERN_TILE_ROWS lines, step by step. */
QUERN_INLINE void pack_a(uint16_t *packed, const quern_operand *a, const int transposed, int64_t rows,
                         int64_t depth) {
    const int64_t row = transposed ? 1 : a->stride;
    const int64_t next = transposed ? a->stride : 1;
    for (int64_t i = 0; i < rows; i += QUERN_TILE_ROWS) {
        for (int64_t k = 0; k < depth; k += QUERN_PAIR_STEP) {
            quern_operand at = *a;
            at.from = operand_at(a->from, i * row + k * next, a->stored);
            pack_lines(packed, QUERN_PAIRS, QUERN_TILE_ROWS, &at, !transposed, transposed,
                       quern_min(rows - i, QUERN_TILE_ROWS), quern_min(depth - k, QUERN_PAIR_STEP));
            packed += QUERN_TILE_ROWS * QUERN_PAIR_STEP;
        }
    }
}

/* Panels of QUERN_TILE_COLUMNS pairs a line, pair by pair. */
QUERN_INLINE void pack_b(uint16_t *packed, const quern_operand *b, const int transposed, int64_t columns,
                         int64_t depth) {
    const int64_t column = transposed ? b->stride : 1;
    const int64_t next = transposed ? 1 : b->stride;
    for (int64_t j = 0; j < columns; j += QUERN_TILE_COLUMNS) {
        for (int64_t k = 0; k < depth; k += QUERN_PAIR_STEP) {
            for (int64_t first = j; first < quern_min(columns, j + QUERN_TILE_COLUMNS); first += QUERN_LANES) {
                quern_operand at = *b;
                at.from = operand_at(b->from, first * column + k * next, b->stored);
                pack_lines(packed + 2 * (first - j), QUERN_TILE_COLUMNS, QUERN_PAIRS, &at, transposed, transposed,
                           quern_min(columns - first, QUERN_LANES), quern_min(depth - k, QUERN_PAIR_STEP));
            }
            packed += QUERN_TILE_COLUMNS * QUERN_PAIR_STEP;
        }
    }
}

void quern_pack_a_pairs(uint16_t *packed, const quern_operand *a, int transposed, int64_t rows, int64_t depth) {
    if (transposed) {
        pack_a(packed, a, 1, rows, depth);
    } else {
        pack_a(packed, a, 0, rows, depth);
    }
}

void quern_pack_b_pairs(uint16_t *packed, const quern_operand *b, int transposed, int64_t columns,
                        int64_t depth) {
    if (transposed) {
        pack_b(packed, b, 1, columns, depth);
    } else {
        pack_b(packed, b, 0, columns, depth);
    }
}

QUERN_KERNEL_DEFINE(matmul_bf16) {
    const quern_bf16_product p = bf16_product_of(record);
    if (has_few_rows(&p)) return quern_matmul_bf16__avx512(record, part, parts);
    const quern_region own = quern_divide(p.m, p.n, QUERN_TILE_ROWS, QUERN_TILE_COLUMNS, STEPS_PACKED, part, parts);
    uint16_t *packed_a = (uint16_t *)quern_work(record, part);
    uint16_t *packed_b = packed_a + BLOCK_ROWS * BLOCK_DEPTH;
    const int64_t deep = block_depth(p.k, BLOCK_DEPTH);
    for (int64_t j = own.columns.first; j < own.columns.last; j += BLOCK_COLUMNS) {
        const int64_t columns = quern_min(own.columns.last - j, BLOCK_COLUMNS);
        /* Once even where K is 0: the bias, or zero, is still to be written. */
        int64_t k = 0;
        do {
            if (quern_cancelled(record)) return QUERN_CANCELLED;
            const int64_t depth = quern_min(p.k - k, deep);
            const quern_operand b = operand_block(&p.b, p.b_transposed, k, j);
            quern_pack_b_pairs(packed_b, &b, p.b_transposed, columns, depth);
            for (int64_t i = own.rows.first; i < own.rows.last; i += BLOCK_ROWS) {
                const int64_t rows = quern_min(own.rows.last - i, BLOCK_ROWS);
                const quern_operand a = operand_block(&p.a, p.a_transposed, i, k);
                quern_pack_a_pairs(packed_a, &a, p.a_transposed, rows, depth);
                quern_gemm_bf16(p.out + i * p.out_stride + j, p.out_stride, packed_a, packed_b,
                                quern_pair_steps(depth), p.bias && k == 0 ? p.bias + j : NULL,
                                p.accumulate || k > 0, rows, columns, depth, NULL);
                if (k + deep < p.k) continue;
                const int32_t status = quern_finish(record, i * p.out_stride + j, p.out_stride, rows, columns);
                if (status != QUERN_OK) return status;
            }
            k += deep;
        } while (k < p.k);
    }
    return QUERN_OK;
}
