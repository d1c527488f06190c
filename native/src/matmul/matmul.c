/*
 * matmul_f32 and, where a tier has no instruction for it, matmul_bf16: out [M,N] = op(a) [M,K] op(b) [K,N] + bias, or out += with QUERN_ACCUMULATE.
 *
 * The naive version, and the order of every sum: blocks of BLOCK_DEPTH rising, within each k rising.
 *   for m, n: out[m][n] = bias[n]; for k: out[m][n] += a[m][k] * b[k][n]
 */
#include "kernels/fused.h"
#include "matmul/few_rows.h"
#include "matmul/gemm.h"
#include "matmul/operand.h"
#include "matmul/region.h"

/*
 * A panel of b (BLOCK_DEPTH by QUERN_TILE_COLUMNS) stays in the first-level cache, the block of a in
 * the second-level one, the block of b in the third-level one. Deeper blocks pass over out less often; a panel
 * of 16 lanes' columns has no room for them.
 */
#define BLOCK_DEPTH (QUERN_LANES == 8 ? 384 : 256)
#define BLOCK_ROWS (QUERN_TILE_ROWS * (168 / QUERN_TILE_ROWS))
#define BLOCK_COLUMNS (QUERN_LANES == 8 ? 768 : 1536)

/* Steps of an element that take as long as packing one. */
#define STEPS_PACKED 16

_Static_assert((BLOCK_DEPTH * (BLOCK_ROWS + BLOCK_COLUMNS) + QUERN_PACK_SLACK) * 4 <= QUERN_WORK_BYTES,
               "packed blocks fit into a worker's scratch memory");
_Static_assert(BLOCK_COLUMNS % QUERN_TILE_COLUMNS == 0, "blocks are made of whole panels");

/* In whole vectors, which the slack behind a's panels has room for. */
static int64_t whole(int64_t count) {
    return (count + QUERN_LANES - 1) / QUERN_LANES * QUERN_LANES;
}

/*
 * Slices of K that few rows by a b [K,N] are summed in, whoever does so: workers who share columns then read rows
 * of b from end to end, each in slices of its own, where columns of its own would be a short piece of each row.
 */
#define SLICES 4
#define LEAST_SLICED_DEPTH 256
#define MOST_SLICED_ROWS 16
#define MOST_SLICED_COLUMNS 12288
#define MOST_SLICED_SIZE (QUERN_FEW_ROWS * MOST_SLICED_COLUMNS)

_Static_assert((QUERN_FEW_ROWS_SUMS + SLICES * MOST_SLICED_SIZE) * 4 <= QUERN_WORK_BYTES,
               "slices fit into a worker's scratch memory");

_Static_assert(sizeof(((quern_step *)0)->arrived) == QUERN_SHARED_COLUMNS * sizeof(int32_t), "each group has a counter");

/* How many workers share columns. They read each other's scratch memory, so no next record may begin before. */
static int32_t sharers_of(const quern_record *record, int32_t parts) {
    const quern_record *last = record;
    while (last->flags & QUERN_FUSED) last++;
    if (!(last->flags & QUERN_BARRIER) || record->step == NULL) return 1;
    for (int32_t sharers = SLICES; sharers > 1; sharers /= 2) {
        if (parts % sharers == 0 && parts / sharers <= QUERN_SHARED_COLUMNS) return sharers;
    }
    return 1;
}

/* Where the worker that has this slice of these columns leaves its sums. */
static float *slice_of(const quern_record *record, int32_t group, int32_t sharers, int32_t slice, int64_t size) {
    const int32_t each = SLICES / sharers;
    return quern_work(record, group * sharers + slice / each) + QUERN_FEW_ROWS_SUMS + slice % each * size;
}

/* out [rows, columns] (+)= the sum of slices + bias */
static void add_slices(float *out, int64_t out_stride, const float *const slices[SLICES], const float *bias,
                       int add, int64_t rows, int64_t columns) {
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j += QUERN_LANES) {
            const int64_t at = i * columns + j, n = columns - j;
            vfloat x[SLICES];
            for (int s = 0; s < SLICES; s++) x[s] = v_load_first(slices[s] + at, n);
            vfloat sum = (x[0] + x[1]) + (x[2] + x[3]);
            if (bias) sum = sum + v_load_first(bias + j, n);
            if (add) sum = v_load_first(out + i * out_stride + j, n) + sum;
            v_store_first(out + i * out_stride + j, sum, n);
        }
    }
}

/* Few rows by a b [K,N]: of the workers who share columns, the last to be done adds up what all have summed. */
static int32_t sliced(const quern_record *record, int32_t part, int32_t parts, int accumulate, int a_stored, int stored) {
    const void *a = record->pointers[1];
    const float *bias = record->pointers[3];
    const int64_t m = record->integers[0], n = record->integers[1], k = record->integers[2];
    const int64_t a_stride = record->integers[3], b_stride = record->integers[4], out_stride = record->integers[5];
    const int a_transposed = (record->integers[6] & QUERN_TRANSPOSE_A) != 0;
    const int64_t a_row = a_transposed ? 1 : a_stride, a_step = a_transposed ? a_stride : 1;
    const int32_t sharers = sharers_of(record, parts);
    const int32_t group = part / sharers, each = SLICES / sharers;
    const quern_range own = quern_share(n, QUERN_TILE_COLUMNS, group, parts / sharers);
    const int64_t columns = own.last - own.first;
    if (columns == 0) return QUERN_OK;
    for (int32_t s = part % sharers * each, end = s + each; s < end; s++) {
        if (quern_cancelled(record)) return QUERN_CANCELLED;
        const quern_range steps = quern_share(k, QUERN_FEW_ROWS_STEPS, s, SLICES);
        quern_few_rows(slice_of(record, group, sharers, s, m * columns), columns,
                       operand_at(a, steps.first * a_step, a_stored), a_stored, a_row, a_step,
                       operand_at(record->pointers[2], steps.first * b_stride + own.first, stored), stored,
                       b_stride, 0, NULL, 0, m, columns, steps.last - steps.first, quern_work(record, part));
    }
    if (sharers > 1) {
        int32_t *arrived = &record->step->arrived[group];
        if (__atomic_add_fetch(arrived, 1, __ATOMIC_ACQ_REL) < sharers) return QUERN_OK;
        __atomic_store_n(arrived, 0, __ATOMIC_RELAXED);
    }
    const float *slices[SLICES];
    for (int32_t s = 0; s < SLICES; s++) slices[s] = slice_of(record, group, sharers, s, m * columns);
    add_slices((float *)record->pointers[0] + own.first, out_stride, slices, bias ? bias + own.first : NULL,
               accumulate, m, columns);
    return quern_finish(record, own.first, out_stride, m, columns);
}

QUERN_INLINE int32_t matmul(const quern_record *record, int32_t part, int32_t parts, const int rounded) {
    float *out = record->pointers[0];
    const void *a = record->pointers[1];
    const void *b = record->pointers[2];
    const float *bias = record->pointers[3];
    const int64_t m = record->integers[0];
    const int64_t n = record->integers[1];
    const int64_t k = record->integers[2];
    const int64_t a_stride = record->integers[3];
    const int64_t b_stride = record->integers[4];
    const int64_t out_stride = record->integers[5];
    const int a_transposed = (record->integers[6] & QUERN_TRANSPOSE_A) != 0;
    const int b_transposed = (record->integers[6] & QUERN_TRANSPOSE_B) != 0;
    const int accumulate = (record->integers[6] & QUERN_ACCUMULATE) != 0 && quern_adds(record, 0);
    const int stored = (record->integers[6] & QUERN_STORED_BF16) != 0;
    const int a_stored = (record->integers[6] & QUERN_STORED_A_BF16) != 0;
    const int64_t a_row = a_transposed ? 1 : a_stride;
    const int64_t a_step = a_transposed ? a_stride : 1;
    const int64_t b_row = b_transposed ? 1 : b_stride;
    const int64_t b_step = b_transposed ? b_stride : 1;
    float *work = quern_work(record, part);

    /* Which way is taken, and what is rounded, depends on the whole product, never on this worker's share of it. */
    const int rounds = rounded && (a_stored || m > QUERN_FEW_ROWS);
    const int a_form = a_stored ? QUERN_BF16 : rounds ? QUERN_ROUNDED_FLOATS : QUERN_FLOATS;
    const int b_form = stored ? QUERN_BF16 : rounds ? QUERN_ROUNDED_FLOATS : QUERN_FLOATS;
    const int plain = !b_transposed && m <= MOST_SLICED_ROWS && !rounds;
    const int transposed = b_transposed && m <= QUERN_UNPACKED_ROWS && !a_transposed;
    if (plain && k >= LEAST_SLICED_DEPTH && n <= MOST_SLICED_COLUMNS && m * n <= MOST_SLICED_SIZE) {
        return sliced(record, part, parts, accumulate, a_form, b_form);
    }
    if ((plain && m <= QUERN_FEW_ROWS) ||
        (transposed && (quern_rows_fit(m, k) || (m <= QUERN_FEW_ROWS && a_form == QUERN_FLOATS)))) {
        if (quern_cancelled(record)) return QUERN_CANCELLED;
        quern_range columns = quern_share(n, QUERN_TILE_COLUMNS, part, parts);
        if (columns.first < columns.last) {
            quern_few_rows(out + columns.first, out_stride, a, a_form, a_row, a_step,
                           operand_at(b, columns.first * b_step, b_form), b_form, b_stride, b_transposed,
                           bias ? bias + columns.first : NULL, accumulate, m,
                           columns.last - columns.first, k, work);
            return quern_finish(record, columns.first, out_stride, m, columns.last - columns.first);
        }
        return QUERN_OK;
    }

    const quern_region own =
        quern_divide(m, n, QUERN_TILE_ROWS, QUERN_TILE_COLUMNS, STEPS_PACKED, part, parts);
    float *packed_a = work;
    float *packed_b = work + BLOCK_ROWS * BLOCK_DEPTH + QUERN_PACK_SLACK;
    for (int64_t j = own.columns.first; j < own.columns.last; j += BLOCK_COLUMNS) {
        const int64_t columns = quern_min(own.columns.last - j, BLOCK_COLUMNS);
        /* Once even where K is 0: the bias, or zero, is still to be written. */
        int64_t p = 0;
        do {
            if (quern_cancelled(record)) return QUERN_CANCELLED;
            const int64_t depth = quern_min(k - p, BLOCK_DEPTH);
            const void *block = operand_at(b, p * b_row + j * b_step, stored);
            if (stored) {
                quern_pack_b_bf16(packed_b, block, b_stride, b_transposed, depth, columns);
            } else {
                quern_pack_b(packed_b, block, b_stride, b_transposed, depth, columns);
                if (rounded) quern_round_bf16(packed_b, quern_packed_b(depth, columns));
            }
            for (int64_t i = own.rows.first; i < own.rows.last; i += BLOCK_ROWS) {
                const int64_t rows = quern_min(own.rows.last - i, BLOCK_ROWS);
                const void *panels = operand_at(a, i * a_row + p * a_step, a_stored);
                if (a_stored) {
                    quern_pack_a_bf16(packed_a, panels, a_stride, a_transposed, rows, depth);
                } else {
                    quern_pack_a(packed_a, panels, a_stride, a_transposed, rows, depth);
                    if (rounded) quern_round_bf16(packed_a, whole(quern_packed_a(rows, depth) - QUERN_PACK_SLACK));
                }
                quern_gemm(out + i * out_stride + j, out_stride, QUERN_PACKED, packed_a, 0, packed_b,
                           depth, bias && p == 0 ? bias + j : NULL, accumulate || p > 0, rows, columns,
                           depth);
                if (p + BLOCK_DEPTH < k) continue;
                const int32_t status = quern_finish(record, i * out_stride + j, out_stride, rows, columns);
                if (status != QUERN_OK) return status;
            }
            p += BLOCK_DEPTH;
        } while (p < k);
    }
    return QUERN_OK;
}

QUERN_KERNEL_DEFINE(matmul_f32) { return matmul(record, part, parts, 0); }

QUERN_KERNEL_DEFINE(matmul_bf16) { return matmul(record, part, parts, 1); }
