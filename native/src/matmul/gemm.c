#include "matmul/gemm.h"

#include "matmul/operand.h"

/* What a tile is called with; the same for all tiles of a quern_gemm but for a, b, c and bias. */
typedef struct tile_call {
    const float *a;
    const float *b;
    float *c;
    const float *bias;
    int64_t a_stride;
    int64_t c_stride;
    int64_t depth;
    int64_t columns;
    int add;
} tile_call;

/*
 * Steps of k that a turn of the loop takes: with fewer the instructions around the multiply-adds are more than
 * a CPU decodes in time when two threads share a core.
 */
#define TILE_STEPS 4

/* One step of k: a's elements are `apart` floats from each other. */
QUERN_INLINE void add_step(vfloat sum[QUERN_TILE_ROWS][QUERN_TILE_VECTORS], const float *a, int64_t apart,
                           const float *b, const int rows, const int vectors) {
    vfloat row[QUERN_TILE_VECTORS];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) row[v] = v_load(b + v * QUERN_LANES);
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        const vfloat factor = v_splat(a[i * apart]);
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) v_add_product(&sum[i][v], factor, row[v]);
    }
}

/* One tile of c: rows, vectors and layout are constants wherever this is inlined, so the sums stay in registers. */
QUERN_INLINE void tile(const tile_call *call, const int rows, const int vectors, const quern_layout layout) {
    const float *a = call->a;
    const float *b = call->b;
    float *c = call->c;
    const int64_t c_stride = call->c_stride;
    const int64_t depth = call->depth;
    const int64_t apart = layout == QUERN_ROWS ? call->a_stride : 1;
    const int64_t next = layout == QUERN_PACKED ? QUERN_TILE_ROWS : layout == QUERN_ROWS ? 1 : call->a_stride;
    const float *bias = call->bias;
    const int add = call->add;
    vfloat sum[QUERN_TILE_ROWS][QUERN_TILE_VECTORS];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        __builtin_prefetch(c + i * c_stride, 1);
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) sum[i][v] = v_zero();
    }
    int64_t k = 0;
    for (; k + TILE_STEPS <= depth; k += TILE_STEPS) {
#pragma GCC unroll 4
        for (int step = 0; step < TILE_STEPS; step++) {
            add_step(sum, a + step * next, apart, b + step * QUERN_TILE_COLUMNS, rows, vectors);
        }
        a += TILE_STEPS * next;
        b += TILE_STEPS * QUERN_TILE_COLUMNS;
    }
    for (; k < depth; k++) {
        add_step(sum, a, apart, b, rows, vectors);
        a += next;
        b += QUERN_TILE_COLUMNS;
    }
    /* Every vector but the last of a short tile is whole. */
    const int64_t last = call->columns - (vectors - 1) * QUERN_LANES;
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) {
        const int64_t n = v < vectors - 1 ? QUERN_LANES : last;
        const vfloat first = bias ? v_load_first(bias + v * QUERN_LANES, n) : v_zero();
        float *to = c + v * QUERN_LANES;
        if (n >= QUERN_LANES) {
#pragma GCC unroll 16
            for (int i = 0; i < rows; i++) {
                vfloat x = bias ? sum[i][v] + first : sum[i][v];
                v_store(to + i * c_stride, add ? v_load(to + i * c_stride) + x : x);
            }
        } else {
#pragma GCC unroll 16
            for (int i = 0; i < rows; i++) {
                vfloat x = bias ? sum[i][v] + first : sum[i][v];
                if (add) x = v_load_first(to + i * c_stride, n) + x;
                v_store_first(to + i * c_stride, x, n);
            }
        }
    }
}

typedef void tile_function(const tile_call *call);

#define TILE_OF(rows, layout, name)                                                          \
    static void tile_##rows##_1_##name(const tile_call *call) { tile(call, rows, 1, layout); } \
    static void tile_##rows##_2_##name(const tile_call *call) { tile(call, rows, 2, layout); }
#define TILE(rows)                         \
    TILE_OF(rows, QUERN_PACKED, packed)    \
    TILE_OF(rows, QUERN_ROWS, by_rows)     \
    TILE_OF(rows, QUERN_COLUMNS, by_columns)
#define TILE_ENTRY(rows)                                                      \
    {rows,                                                                    \
     {{tile_##rows##_1_packed, tile_##rows##_1_by_rows, tile_##rows##_1_by_columns}, \
      {tile_##rows##_2_packed, tile_##rows##_2_by_rows, tile_##rows##_2_by_columns}}},

typedef struct tile_entry {
    int64_t rows;
    /* By vectors - 1 and layout. */
    tile_function *functions[QUERN_TILE_VECTORS][3];
} tile_entry;

QUERN_FOR_TILE_ROWS(TILE)
static const tile_entry tiles[] = {QUERN_FOR_TILE_ROWS(TILE_ENTRY)};

void quern_gemm(float *c, int64_t c_stride, quern_layout layout, const float *a, int64_t a_stride,
                const float *b, int64_t b_depth, const float *bias, int add, int64_t rows,
                int64_t columns, int64_t depth) {
    /* From a's one panel of rows to the next. */
    const int64_t next = layout == QUERN_PACKED ? depth * QUERN_TILE_ROWS
                         : layout == QUERN_ROWS ? a_stride * QUERN_TILE_ROWS
                                                : QUERN_TILE_ROWS;
    tile_call call = {.a_stride = a_stride, .c_stride = c_stride, .depth = depth, .add = add};
    for (int64_t j = 0; j < columns; j += QUERN_TILE_COLUMNS) {
        call.columns = quern_min(columns - j, QUERN_TILE_COLUMNS);
        call.b = b + j * b_depth;
        call.bias = bias ? bias + j : NULL;
        call.a = a;
        const int vectors = call.columns > QUERN_LANES ? 2 : 1;
        for (int64_t i = 0; i < rows; i += QUERN_TILE_ROWS) {
            const float *panel = call.a;
            int64_t done = i;
            const int64_t last = quern_min(rows, i + QUERN_TILE_ROWS);
            for (const tile_entry *entry = tiles; done < last; entry++) {
                for (; done + entry->rows <= last; done += entry->rows) {
                    call.c = c + done * c_stride + j;
                    entry->functions[vectors - 1][layout](&call);
                    call.a += layout == QUERN_ROWS ? entry->rows * a_stride : entry->rows;
                }
            }
            call.a = panel + next;
        }
    }
}

#if QUERN_LANES > 1

/* Transposing goes by squares of eight in both vector tiers. */
typedef float square_row __attribute__((vector_size(32)));
typedef float square_row_unaligned __attribute__((vector_size(32), aligned(4), may_alias));

typedef uint16_t square_half __attribute__((vector_size(16)));
typedef uint16_t square_half_unaligned __attribute__((vector_size(16), aligned(2), may_alias));
typedef uint32_t square_bits __attribute__((vector_size(32)));

QUERN_INLINE square_row load_row(const void *x, int64_t at, const int stored) {
    if (!stored) return *(const square_row_unaligned *)((const float *)x + at);
    const square_half half = *(const square_half_unaligned *)((const uint16_t *)x + at);
    return (square_row)(__builtin_convertvector(half, square_bits) << 16);
}

QUERN_INLINE void store_row(float *p, square_row x) { *(square_row_unaligned *)p = x; }

QUERN_INLINE void transpose(square_row x[8]) {
    square_row y[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        y[i] = __builtin_shufflevector(x[i], x[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        y[i + 1] = __builtin_shufflevector(x[i], x[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
        x[i] = __builtin_shufflevector(y[i], y[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        x[i + 1] = __builtin_shufflevector(y[i], y[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        x[i + 2] = __builtin_shufflevector(y[i + 1], y[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
        x[i + 3] = __builtin_shufflevector(y[i + 1], y[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        y[i] = __builtin_shufflevector(x[i], x[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        y[i + 4] = __builtin_shufflevector(x[i], x[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) x[i] = y[i];
}

#endif

/* Element `at` of floats, or of BF16 if stored. */
QUERN_INLINE float element(const void *x, int64_t at, const int stored) {
    if (!stored) return ((const float *)x)[at];
    const uint32_t bits = (uint32_t)((const uint16_t *)x)[at] << 16;
    float y;
    memcpy(&y, &bits, sizeof y);
    return y;
}

/* A vector, of which the first n elements count. */
QUERN_INLINE vfloat load_up_to(const void *x, int64_t at, int64_t n, const int stored) {
    return n >= QUERN_LANES ? operand_load(x, at, stored)
                            : operand_load_first(x, at, quern_max(0, n), stored);
}

/*
 * Packs `rows` <= panel rows of x [rows, depth] column by column, each column `panel` floats apart.
 * What lies between a column's end and the next column's start may be written over.
 */
QUERN_INLINE void pack_transposed(float *packed, const int panel, const void *x, const int stored,
                                  int64_t stride, int64_t rows, int64_t depth) {
    int64_t k = 0;
#if QUERN_LANES > 1
    for (; k + 8 <= depth; k += 8) {
        /* Columns in rising order, so that what one square writes too much the next one mends. */
        square_row square[(QUERN_TILE_COLUMNS + 7) / 8][8];
#pragma GCC unroll 4
        for (int first = 0; first < panel; first += 8) {
#pragma GCC unroll 8
            for (int i = 0; i < 8; i++) {
                square[first / 8][i] =
                    first + i < rows ? load_row(x, (first + i) * stride + k, stored) : (square_row){0};
            }
            transpose(square[first / 8]);
        }
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
#pragma GCC unroll 4
            for (int first = 0; first < panel; first += 8) {
                store_row(packed + (k + i) * panel + first, square[first / 8][i]);
            }
        }
    }
#endif
    for (; k < depth; k++) {
        for (int64_t i = 0; i < panel; i++) {
            packed[k * panel + i] = i < rows ? element(x, i * stride + k, stored) : 0.0f;
        }
    }
}

/* The next QUERN_TILE_ROWS elements of BF16; what lies behind them may be written over. */
QUERN_INLINE void widen_tile_rows(float *packed, const void *a, int64_t at) {
#pragma GCC unroll 4
    for (int r = 0; r < QUERN_TILE_ROWS; r += QUERN_LANES) {
        v_store(packed + r, operand_load_first(a, at + r, QUERN_TILE_ROWS - r, 1));
    }
}

QUERN_INLINE void pack_a(float *packed, const void *a, const int stored, int64_t stride, int transposed,
                         int64_t rows, int64_t depth) {
    for (int64_t i = 0; i < rows; i += QUERN_TILE_ROWS) {
        const int64_t count = quern_min(rows - i, QUERN_TILE_ROWS);
        if (!transposed) {
            pack_transposed(packed, QUERN_TILE_ROWS, operand_at(a, i * stride, stored), stored, stride,
                            count, depth);
        } else if (count == QUERN_TILE_ROWS && stored) {
            for (int64_t k = 0; k < depth; k++) {
                widen_tile_rows(packed + k * QUERN_TILE_ROWS, a, k * stride + i);
            }
        } else if (count == QUERN_TILE_ROWS) {
            for (int64_t k = 0; k < depth; k++) {
                memcpy(packed + k * QUERN_TILE_ROWS, operand_at(a, k * stride + i, 0),
                       QUERN_TILE_ROWS * sizeof(float));
            }
        } else {
            for (int64_t k = 0; k < depth; k++) {
                for (int64_t r = 0; r < count; r++) {
                    packed[k * QUERN_TILE_ROWS + r] = element(a, k * stride + i + r, stored);
                }
            }
        }
        packed += QUERN_TILE_ROWS * depth;
    }
}

void quern_pack_a(float *packed, const float *a, int64_t stride, int transposed, int64_t rows,
                  int64_t depth) {
    pack_a(packed, a, 0, stride, transposed, rows, depth);
}

void quern_pack_a_bf16(float *packed, const uint16_t *a, int64_t stride, int transposed, int64_t rows,
                       int64_t depth) {
    pack_a(packed, a, 1, stride, transposed, rows, depth);
}

/* Rows of b that are copied together: each page of b is then met once for all panels. */
#define PACK_ROWS 8

QUERN_INLINE void pack_b(float *packed, const void *b, const int stored, int64_t stride, int transposed,
                         int64_t depth, int64_t columns) {
    if (transposed) {
        for (int64_t j = 0; j < columns; j += QUERN_TILE_COLUMNS) {
            pack_transposed(packed + j * depth, QUERN_TILE_COLUMNS, operand_at(b, j * stride, stored),
                            stored, stride, quern_min(columns - j, QUERN_TILE_COLUMNS), depth);
        }
        return;
    }
    for (int64_t first = 0; first < depth; first += PACK_ROWS) {
        const int64_t last = quern_min(depth, first + PACK_ROWS);
        for (int64_t j = 0; j < columns; j += QUERN_TILE_COLUMNS) {
            const int64_t count = quern_min(columns - j, QUERN_TILE_COLUMNS);
            float *panel = packed + j * depth;
            if (count == QUERN_TILE_COLUMNS) {
                for (int64_t k = first; k < last; k++) {
                    v_store(panel + k * QUERN_TILE_COLUMNS,
                            load_up_to(b, k * stride + j, QUERN_LANES, stored));
                    v_store(panel + k * QUERN_TILE_COLUMNS + QUERN_LANES,
                            load_up_to(b, k * stride + j + QUERN_LANES, QUERN_LANES, stored));
                }
            } else {
                for (int64_t k = first; k < last; k++) {
                    v_store(panel + k * QUERN_TILE_COLUMNS, load_up_to(b, k * stride + j, count, stored));
                    v_store(panel + k * QUERN_TILE_COLUMNS + QUERN_LANES,
                            load_up_to(b, k * stride + j + QUERN_LANES, count - QUERN_LANES, stored));
                }
            }
        }
    }
}

void quern_pack_b(float *packed, const float *b, int64_t stride, int transposed, int64_t depth,
                  int64_t columns) {
    pack_b(packed, b, 0, stride, transposed, depth, columns);
}

void quern_pack_b_bf16(float *packed, const uint16_t *b, int64_t stride, int transposed, int64_t depth,
                       int64_t columns) {
    pack_b(packed, b, 1, stride, transposed, depth, columns);
}

void quern_round_bf16(float *x, int64_t count) {
    for (int64_t i = 0; i < count; i += QUERN_LANES) v_store(x + i, v_round_bf16(v_load(x + i)));
}
