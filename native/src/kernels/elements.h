/*
 * For loops over elements: a step written once serves whole vectors, with `count` the constant
 * QUERN_LANES, and the end, where it is less.
 */
#ifndef QUERN_ELEMENTS_H
#define QUERN_ELEMENTS_H

#include "error.h"
#include "kernels/fused.h"
#include "simd/simd.h"

#include <inttypes.h>

QUERN_INLINE vfloat load_up_to(const float *p, int64_t count) {
    return count == QUERN_LANES ? v_load(p) : v_load_first(p, count);
}

QUERN_INLINE void store_up_to(float *p, vfloat x, int64_t count) {
    if (count == QUERN_LANES) {
        v_store(p, x);
    } else {
        v_store_first(p, x, count);
    }
}

/* The upper halves: x is to be rounded to BF16. */
QUERN_INLINE void store_bf16_up_to(uint16_t *p, vfloat x, int64_t count) {
    if (count == QUERN_LANES) {
        v_store_bf16(p, x);
    } else {
        v_store_bf16_first(p, x, count);
    }
}

/*
 * Has STEP done for the elements from first to before last, which may use `i`, where it begins, `vectors`, a
 * constant, and `count`: so many whole vectors, or one of which so many elements are there.
 */
#define QUERN_FOR_VECTORS(first, last, STEP)                                                          \
    {                                                                                                 \
        int64_t i = (first);                                                                          \
        for (; i + QUERN_TOGETHER * QUERN_LANES <= (last); i += QUERN_TOGETHER * QUERN_LANES) {       \
            enum { vectors = QUERN_TOGETHER, count = QUERN_LANES };                                   \
            STEP;                                                                                     \
        }                                                                                             \
        for (; i < (last); i += QUERN_LANES) {                                                        \
            enum { vectors = 1 };                                                                     \
            const int64_t count = quern_min((last) - i, QUERN_LANES);                                 \
            STEP;                                                                                     \
        }                                                                                             \
    }

/* Shares are whole multiples of this many elements, which every tier's lanes divide: an element's
 * place in its vector does not depend on the number of workers. */
#define SHARE_MULTIPLE 16

/*
 * Has the worker's share of a record's elements done, whose number is its first integer: in one go, or,
 * where the record is fused, row by row of `channels`, each block finished as soon as it is there.
 */
QUERN_INLINE int32_t quern_elements(const quern_record *record, int64_t channels,
                                    void (*range)(const quern_record *, quern_range), int32_t part,
                                    int32_t parts) {
    const int64_t n = record->integers[0];
    if (!(record->flags & QUERN_FUSED)) {
        range(record, quern_share(n, SHARE_MULTIPLE, part, parts));
        return QUERN_OK;
    }
    if (channels < 1 || n % channels != 0) {
        return quern_fail(QUERN_BAD_PROGRAM, "%" PRId64 " elements are no rows of %" PRId64, n, channels);
    }
    const quern_range rows = quern_share(n / channels, 1, part, parts);
    for (int64_t r = rows.first; r < rows.last; r++) {
        range(record, (quern_range){r * channels, (r + 1) * channels});
        const int32_t status = quern_finish_rows(record, rows, r, channels);
        if (status != QUERN_OK) return status;
    }
    return QUERN_OK;
}

#endif
