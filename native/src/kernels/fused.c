/*
 * Elementwise records on blocks of their operands, right after the kernel that made the block. Each
 * does the block as if it were all there is: the same function with other pointers, so that an element
 * has the same bits as without fusing.
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
    default:
        return quern_fail(QUERN_BAD_PROGRAM, "kernel %" PRId32 " cannot be fused with the one before it",
                          record->kernel);
    }
}

/* The operand that is BF16, or -1. */
static int half_operand(int32_t kernel) {
    return kernel == QUERN_KERNEL_round_f32 ? 0 : kernel == QUERN_KERNEL_widen_bf16 ? 1 : -1;
}

/* Moves all operands on by so many elements. */
static void advance(quern_record *record, int64_t elements) {
    const int half = half_operand(record->kernel);
    for (int p = 0; p < (int)(sizeof record->pointers / sizeof *record->pointers); p++) {
        if (record->pointers[p] != NULL) {
            record->pointers[p] = (char *)record->pointers[p] + elements * (p == half ? 2 : 4);
        }
    }
}

int32_t quern_finish(const quern_record *record, int64_t first, int64_t stride, int64_t rows,
                     int64_t columns) {
    const int64_t pieces = columns == stride ? 1 : rows;
    while (record->flags & QUERN_FUSED) {
        record++;
        quern_record piece = *record;
        piece.integers[0] = rows * columns / quern_max(1, pieces);
        advance(&piece, first);
        for (int64_t i = 0; i < pieces; i++) {
            const int32_t status = run(&piece);
            if (status != QUERN_OK) return status;
            advance(&piece, stride);
        }
    }
    return QUERN_OK;
}
