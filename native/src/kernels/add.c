/* Elementwise sum: residual connections. */
#include "elements.h"

QUERN_INLINE void add(float *y, const float *a, const float *b, int64_t count) {
    store_up_to(y, load_up_to(a, count) + load_up_to(b, count), count);
}

QUERN_INLINE void add_range(const quern_record *record, quern_range own) {
    float *y = record->pointers[0];
    const float *a = record->pointers[1];
    const float *b = record->pointers[2];
    int64_t i = own.first;
    for (; i + QUERN_LANES <= own.last; i += QUERN_LANES) {
        add(y + i, a + i, b + i, QUERN_LANES);
    }
    if (i < own.last) {
        add(y + i, a + i, b + i, own.last - i);
    }
}

QUERN_KERNEL_DEFINE(add_f32) {
    return quern_elements(record, record->integers[1], add_range, part, parts);
}
