/* AdamW (Loshchilov and Hutter 2019, "Decoupled weight decay regularization", algorithm 2). */
#include "elements.h"
#include "optimizer.h"

#include <math.h>

/* What is the same for all elements of a call. */
typedef struct adamw_constants {
    vfloat clip;
    vfloat decay;
    vfloat beta1_rest;
    vfloat beta2;
    vfloat beta2_rest;
    vfloat step_size;
    vfloat correction;
    vfloat epsilon;
} adamw_constants;

/*
 * The operations and their order are those of torch.optim.AdamW, but for a product with the inverse of
 * the bias correction of sqrt(v) where it divides: m by linear interpolation, epsilon added last.
 */
QUERN_INLINE void adamw(float *parameter, const float *gradient, float *m, float *v, uint16_t *copy,
                        const adamw_constants *of, int64_t count) {
    vfloat g = load_up_to(gradient, count) * of->clip;
    vfloat p = load_up_to(parameter, count) * of->decay;
    vfloat first = load_up_to(m, count);
    first = v_fma(g - first, of->beta1_rest, first);
    vfloat second = v_fma(g * of->beta2_rest, g, load_up_to(v, count) * of->beta2);
    vfloat denominator = v_fma(v_sqrt(second), of->correction, of->epsilon);
    p = v_fnma(of->step_size, first / denominator, p);
    store_up_to(parameter, p, count);
    if (copy) store_bf16_up_to(copy, v_round_bf16(p), count);
    store_up_to(m, first, count);
    store_up_to(v, second, count);
}

QUERN_KERNEL_DEFINE(adamw_f32) {
    float *p = record->pointers[0];
    const float *grad = record->pointers[1];
    float *m = record->pointers[2];
    float *v = record->pointers[3];
    uint16_t *copy = record->pointers[5];
    const quern_step *step = record->step;
    float clip;
    if (!quern_may_update(record, record->pointers[4], &clip)) {
        return QUERN_OK;
    }
    double rate = step->learning_rate;
    double beta1 = record->floats[0];
    double beta2 = record->floats[1];
    double t = (double)step->step;
    adamw_constants of;
    of.clip = v_splat(clip);
    of.decay = v_splat((float)(1 - rate * record->floats[3]));
    of.beta1_rest = v_splat((float)(1 - beta1));
    of.beta2 = v_splat((float)beta2);
    of.beta2_rest = v_splat((float)(1 - beta2));
    of.step_size = v_splat((float)(rate / (1 - pow(beta1, t))));
    of.correction = v_splat((float)(1 / sqrt(1 - pow(beta2, t))));
    of.epsilon = v_splat(record->floats[2]);
    quern_range own = quern_share(record->integers[0], SHARE_MULTIPLE, part, parts);
    int64_t i = own.first;
    for (; i + QUERN_LANES <= own.last; i += QUERN_LANES) {
        adamw(p + i, grad + i, m + i, v + i, copy ? copy + i : NULL, &of, QUERN_LANES);
    }
    if (i < own.last) {
        adamw(p + i, grad + i, m + i, v + i, copy ? copy + i : NULL, &of, own.last - i);
    }
    return QUERN_OK;
}
