/* Stochastic gradient descent with momentum and weight decay, as torch.optim.SGD computes it. */
#include "elements.h"
#include "optimizer.h"

QUERN_INLINE void sgd(float *parameter, const float *gradient, float *momentum, uint16_t *copy, vfloat clip,
                      vfloat decay, vfloat keep, vfloat rate, int64_t count) {
    vfloat p = load_up_to(parameter, count);
    vfloat g = v_fma(p, decay, load_up_to(gradient, count) * clip);
    vfloat m = v_fma(load_up_to(momentum, count), keep, g);
    store_up_to(momentum, m, count);
    p = v_fnma(rate, m, p);
    store_up_to(parameter, p, count);
    if (copy) store_bf16_up_to(copy, v_round_bf16(p), count);
}

QUERN_KERNEL_DEFINE(sgd_f32) {
    float *p = record->pointers[0];
    const float *grad = record->pointers[1];
    float *m = record->pointers[2];
    uint16_t *copy = record->pointers[4];
    const quern_step *step = record->step;
    float factor;
    if (!quern_may_update(record, record->pointers[3], &factor)) {
        return QUERN_OK;
    }
    vfloat clip = v_splat(factor);
    vfloat keep = v_splat(record->floats[0]);
    vfloat decay = v_splat(record->floats[1]);
    vfloat rate = v_splat(step->learning_rate);
    quern_range own = quern_share(record->integers[0], SHARE_MULTIPLE, part, parts);
    int64_t i = own.first;
    for (; i + QUERN_LANES <= own.last; i += QUERN_LANES) {
        sgd(p + i, grad + i, m + i, copy ? copy + i : NULL, clip, decay, keep, rate, QUERN_LANES);
    }
    if (i < own.last) {
        sgd(p + i, grad + i, m + i, copy ? copy + i : NULL, clip, decay, keep, rate, own.last - i);
    }
    return QUERN_OK;
}
