/* Floats to BF16 and back: what is kept from the forward pass for the backward pass. */
#include "elements.h"

/* `same`: where the rounded numbers go as floats too, or null. */
QUERN_INLINE void round_some(uint16_t *y, float *same, const float *x, int64_t count) {
    const vfloat rounded = v_round_bf16(load_up_to(x, count));
    store_bf16_up_to(y, rounded, count);
    if (same) store_up_to(same, rounded, count);
}

QUERN_INLINE void round_all(uint16_t *y, float *same, const float *x, quern_range own) {
    int64_t i = own.first;
    for (; i + QUERN_LANES <= own.last; i += QUERN_LANES) {
        round_some(y + i, same ? same + i : NULL, x + i, QUERN_LANES);
    }
    if (i < own.last) {
        round_some(y + i, same ? same + i : NULL, x + i, own.last - i);
    }
}

QUERN_KERNEL_DEFINE(round_f32) {
    uint16_t *y = record->pointers[0];
    float *same = record->pointers[1];
    const float *x = record->pointers[2];
    const quern_range own = quern_share(record->integers[0], SHARE_MULTIPLE, part, parts);
    if (same) {
        round_all(y, same, x, own);
    } else {
        round_all(y, NULL, x, own);
    }
    return QUERN_OK;
}

QUERN_KERNEL_DEFINE(widen_bf16) {
    float *y = record->pointers[0];
    const uint16_t *x = record->pointers[1];
    const quern_range own = quern_share(record->integers[0], SHARE_MULTIPLE, part, parts);
    int64_t i = own.first;
    for (; i + QUERN_LANES <= own.last; i += QUERN_LANES) {
        v_store(y + i, v_load_bf16(x + i));
    }
    if (i < own.last) {
        v_store_first(y + i, v_load_bf16_first(x + i, own.last - i), own.last - i);
    }
    return QUERN_OK;
}
