/*
 * Elementwise records and norms on blocks of their operands, right after the kernel that made the block.
 * Each does the block as if it were all there is: the same function with other pointers, so that an
 * element has the same bits as without fusing.
 */
#include "kernels/fused.h"

#include "error.h"

#include <inttypes.h>

#define FUSED(name) int32_t QUERN_NAME(name)(const quern_record *record, int32_t part, int32_t parts);
FUSED(activation_f32)
FUSED(activation_backward_f32)
FUSED(gated_activation_f32)
FUSED(gated_activation_backward_f32)
FUSED(add_f32)
FUSED(round_f32)
FUSED(widen_bf16)
FUSED(layer_norm_f32)
FUSED(rms_norm_f32)
#undef FUSED

static int32_t run(const quern_record *record) {
    switch (record->kernel) {
    case QUERN_KERNEL_activation_f32:
        return QUERN_NAME(activation_f32)(record, 0, 1);
    case QUERN_KERNEL_activation_backward_f32:
        return QUERN_NAME(activation_backward_f32)(record, 0, 1);
    case QUERN_KERNEL_gated_activation_f32:
        return QUERN_NAME(gated_activation_f32)(record, 0, 1);
    case QUERN_KERNEL_gated_activation_backward_f32:
        return QUERN_NAME(gated_activation_backward_f32)(record, 0, 1);
    case QUERN_KERNEL_add_f32:
        return QUERN_NAME(add_f32)(record, 0, 1);
    case QUERN_KERNEL_round_f32:
        return QUERN_NAME(round_f32)(record, 0, 1);
    case QUERN_KERNEL_widen_bf16:
        return QUERN_NAME(widen_bf16)(record, 0, 1);
    case QUERN_KERNEL_layer_norm_f32:
        return QUERN_NAME(layer_norm_f32)(record, 0, 1);
    case QUERN_KERNEL_rms_norm_f32:
        return QUERN_NAME(rms_norm_f32)(record, 0, 1);
    default:
        return quern_fail(QUERN_BAD_PROGRAM, "kernel %" PRId32 " cannot be fused with the one before it",
                          record->kernel);
    }
}

static int is_norm(int32_t kernel) {
    return kernel == QUERN_KERNEL_layer_norm_f32 || kernel == QUERN_KERNEL_rms_norm_f32;
}

/* How far a norm's statistics, one number a row, go on with so many elements, in bytes. */
static int64_t of_rows(const quern_record *record, int64_t elements) {
    return elements / quern_max(1, record->integers[1]) * 4;
}

/* How far operand p goes on with so many elements, in bytes. */
static int64_t distance(const quern_record *record, int p, int64_t elements) {
    switch (record->kernel) {
    case QUERN_KERNEL_round_f32:
        return elements * (p == 0 ? 2 : 4);
    case QUERN_KERNEL_widen_bf16:
        return elements * (p == 1 ? 2 : 4);
    case QUERN_KERNEL_layer_norm_f32: /* out, mean, rstd, x, gamma, beta */
        return p == 0 || p == 3 ? elements * 4 : p < 3 ? of_rows(record, elements) : 0;
    case QUERN_KERNEL_rms_norm_f32: /* out, rstd, x, gamma */
        return p == 0 || p == 2 ? elements * 4 : p == 1 ? of_rows(record, elements) : 0;
    default:
        return elements * 4;
    }
}

/* Moves all operands on by so many elements. */
static void advance(quern_record *record, int64_t elements) {
    for (int p = 0; p < (int)(sizeof record->pointers / sizeof *record->pointers); p++) {
        if (record->pointers[p] != NULL) {
            record->pointers[p] = (char *)record->pointers[p] + distance(record, p, elements);
        }
    }
}

int32_t quern_finish(const quern_record *record, int64_t first, int64_t stride, int64_t rows,
                     int64_t columns) {
    const int64_t pieces = columns == stride ? 1 : rows;
    const int64_t piece_rows = rows / quern_max(1, pieces);
    const int is_product = record->kernel == QUERN_KERNEL_matmul_f32 || record->kernel == QUERN_KERNEL_matmul_bf16;
    while (record->flags & QUERN_FUSED) {
        record++;
        quern_record piece = *record;
        piece.flags &= ~QUERN_FUSED;
        if (is_norm(piece.kernel) && (is_product || columns != piece.integers[1])) {
            return quern_fail(QUERN_BAD_PROGRAM, "kernel %" PRId32 " cannot be fused with parts of rows",
                              piece.kernel);
        }
        piece.integers[0] = is_norm(piece.kernel) ? piece_rows : piece_rows * columns;
        advance(&piece, first);
        for (int64_t i = 0; i < pieces; i++) {
            const int32_t status = run(&piece);
            if (status != QUERN_OK) return status;
            advance(&piece, stride);
        }
    }
    return QUERN_OK;
}
