/* Dropout (Srivastava et al. 2014), scaled while training; the backward is the same function. */
#include "elements.h"
#include "random.h"

QUERN_INLINE void drop(float *y, const float *x, const float *random, vfloat probability,
                       vfloat scale, int64_t count) {
    vint kept = v_less_equal(probability, load_up_to(random, count));
    store_up_to(y, v_select(kept, load_up_to(x, count) * scale, v_zero()), count);
}

QUERN_KERNEL_DEFINE(dropout_f32) {
    float *y = record->pointers[0];
    const float *x = record->pointers[1];
    quern_random random = quern_random_of(record->step, record->integers[1]);
    vfloat probability = v_splat(record->floats[0]);
    vfloat scale = v_splat(1.0f / (1.0f - record->floats[0]));
    quern_range own = quern_share(record->integers[0], SHARE_MULTIPLE, part, parts);
    for (int64_t start = own.first; start < own.last; start += QUERN_RANDOM_GROUP) {
        float numbers[QUERN_RANDOM_GROUP];
        quern_random_group(&random, (uint64_t)start, numbers);
        int64_t end = quern_min(start + QUERN_RANDOM_GROUP, own.last);
        int64_t i = start;
        for (; i + QUERN_LANES <= end; i += QUERN_LANES) {
            drop(y + i, x + i, numbers + (i - start), probability, scale, QUERN_LANES);
        }
        if (i < end) {
            drop(y + i, x + i, numbers + (i - start), probability, scale, end - i);
        }
    }
    return QUERN_OK;
}
