/* The global norm of all gradients, and what clipping by it multiplies them with (Pascanu 2013). */
#include "kernel.h"

#include <math.h>

QUERN_KERNEL_DEFINE(square_sum_f32) {
    float *out = record->pointers[0];
    const float *x = record->pointers[1];
    int64_t n = record->integers[0];
    quern_range blocks = quern_share((n + QUERN_SQUARE_SUM_BLOCK - 1) / QUERN_SQUARE_SUM_BLOCK, 1,
                                     part, parts);
    for (int64_t j = blocks.first; j < blocks.last; j++) {
        const float *block = x + j * QUERN_SQUARE_SUM_BLOCK;
        int64_t count = quern_min(QUERN_SQUARE_SUM_BLOCK, n - j * QUERN_SQUARE_SUM_BLOCK);
        /* Sums in a fixed number of lanes, whatever the tier's: the same bits in all. */
        double sums[16] = {0};
        int64_t i = 0;
        for (; i + 16 <= count; i += 16) {
            for (int lane = 0; lane < 16; lane++) {
                double value = block[i + lane];
                sums[lane] += value * value;
            }
        }
        double total = 0;
        for (int lane = 0; lane < 16; lane++) {
            total += sums[lane];
        }
        for (; i < count; i++) {
            total += (double)block[i] * block[i];
        }
        out[j] = (float)total;
    }
    return QUERN_OK;
}

QUERN_KERNEL_DEFINE(gradient_norm_f32) {
    if (part != 0) {
        return QUERN_OK;
    }
    float *out = record->pointers[0];
    const float *partial = record->pointers[1];
    int64_t n = record->integers[0];
    quern_step *step = record->step;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += partial[i];
    }
    double norm = sqrt(sum);
    double clip = step->max_norm > 0 ? step->max_norm / (norm + 1e-6) : 1;
    out[0] = (float)norm;
    step->grad_norm = (float)norm;
    step->clip_scale = clip < 1 ? (float)clip : 1.0f;
    if (!step->nonfinite && (!isfinite(step->grad_norm) || !isfinite(step->loss))) {
        step->nonfinite = record->node + 1;
    }
    return QUERN_OK;
}
