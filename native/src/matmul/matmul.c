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
 * the second-level one, the block of b in the third-level one.
 */
#define BLOCK_DEPTH 256
#define BLOCK_ROWS (QUERN_TILE_ROWS * (168 / QUERN_TILE_ROWS))
#define BLOCK_COLUMNS 1536

/*
 * Rows up to which a transposed b is not packed, since that would take as long as it gains: of floats and of BF16
 * alike, so that both have the same bits.
 */
#define UNPACKED_ROWS 24

/* Steps of an element that take as long as packing one. */
#define STEPS_PACKED 16

_Static_assert((BLOCK_DEPTH * (BLOCK_ROWS + BLOCK_COLUMNS) + QUERN_PACK_SLACK) * 4 <= QUERN_WORK_BYTES,
               "packed blocks fit into a worker's scratch memory");
_Static_assert(BLOCK_COLUMNS % QUERN_TILE_COLUMNS == 0, "blocks are made of whole panels");

/* In whole vectors, which the slack behind a's panels has room for. */
static int64_t whole(int64_t count) {
    return (count + QUERN_LANES - 1) / QUERN_LANES * QUERN_LANES;
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

    /* Which way is taken depends on the whole product, never on this worker's share of it. */
    const int few = m <= QUERN_FEW_ROWS && !(a_transposed && b_transposed);
    const int unpacked =
        m <= UNPACKED_ROWS && b_transposed && !a_transposed && !rounded && quern_rows_fit(m, k);
    if ((few || unpacked) && !a_stored) {
        if (quern_cancelled(record)) return QUERN_CANCELLED;
        quern_range columns = quern_share(n, QUERN_TILE_COLUMNS, part, parts);
        if (columns.first < columns.last) {
            quern_few_rows(out + columns.first, out_stride, a, a_row, a_step,
                           operand_at(b, columns.first * b_step, stored), stored, b_stride, b_transposed,
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
