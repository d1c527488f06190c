/* Dropout (Srivastava et al. 2014), scaled while training; the backward is the same function. */
#include "elements.h"
#include "random.h"

QUERN_INLINE void drop(float *y, const float *x, const float *random, vfloat probability,
                       vfloat scale, int64_t count) {
    vint kept = v_less_equal(probability, load_up_to(random, count));
    store_up_to(y, v_select(kept, load_up_to(x, count) * scale, v_zero()), count);
}

QUERN_INLINE void drop_range(const quern_record *record, quern_range own) {
    float *y = record->pointers[0];
    const float *x = record->pointers[1];
    quern_random random = quern_random_of(record->step, record->integers[1]);
    vfloat probability = v_splat(record->floats[0]);
    vfloat scale = v_splat(1.0f / (1.0f - record->floats[0]));
    /* Groups of random numbers begin at multiples of four. */
    for (int64_t start = own.first & ~3; start < own.last; start += QUERN_RANDOM_GROUP) {
        float numbers[QUERN_RANDOM_GROUP];
        quern_random_group(&random, (uint64_t)start, numbers);
        int64_t end = quern_min(start + QUERN_RANDOM_GROUP, own.last);
        int64_t i = quern_max(start, own.first);
        for (; i + QUERN_LANES <= end; i += QUERN_LANES) {
            drop(y + i, x + i, numbers + (i - start), probability, scale, QUERN_LANES);
        }
        if (i < end) {
            drop(y + i, x + i, numbers + (i - start), probability, scale, end - i);
        }
    }
}

QUERN_KERNEL_DEFINE(dropout_f32) {
    return quern_elements(record, record->integers[2], drop_range, part, parts);
}
