/*
 * Rotary position embedding (Su et al. 2021), with the halves of a head paired as GPT-NeoX and Llama
 * do. The backward rotates by the negated angle: the same kernel with `inverse`.
 */
#include "elements.h"
#include "error.h"

#include <inttypes.h>
#include <string.h>

/* Both halves are read before either is written, so that y may be x. */
QUERN_INLINE void rotate(float *y, const float *x, const float *cosines, const float *sines,
                         int64_t half, vfloat sign, int64_t count) {
    vfloat low = load_up_to(x, count);
    vfloat high = load_up_to(x + half, count);
    vfloat c = load_up_to(cosines, count);
    vfloat s = load_up_to(sines, count) * sign;
    store_up_to(y, v_fnma(high, s, low * c), count);
    store_up_to(y + half, v_fma(low, s, high * c), count);
}

QUERN_KERNEL_DEFINE(rope_f32) {
    float *y = record->pointers[0];
    const float *x = record->pointers[1];
    const float *table = record->pointers[2];
    const int32_t *starts = record->pointers[3];
    int64_t time = record->integers[1];
    int64_t heads = record->integers[2];
    int64_t head_size = record->integers[3];
    int64_t positions = record->integers[4];
    vfloat sign = v_splat(record->integers[5] ? -1.0f : 1.0f);
    int64_t rotated = record->integers[6];
    int64_t half = rotated / 2;
    quern_range rows = quern_share(record->integers[0], 1, part, parts);
    for (int64_t n = rows.first; n < rows.last; n++) {
        int64_t position = (starts != NULL ? starts[n / time] : 0) + n % time;
        if (position < 0 || position >= positions) {
            return quern_fail(QUERN_BAD_INDEX,
                              "node %" PRId32 ", row %" PRId64 ": position %" PRId64
                              " is not within the table of angles, 0 to %" PRId64,
                              record->node, n, position, positions - 1);
        }
        const float *cosines = table + position * rotated;
        const float *sines = cosines + half;
        for (int64_t h = 0; h < heads; h++) {
            int64_t at = (n * heads + h) * head_size;
            int64_t d = 0;
            for (; d + QUERN_LANES <= half; d += QUERN_LANES) {
                rotate(y + at + d, x + at + d, cosines + d, sines + d, half, sign, QUERN_LANES);
            }
            if (d < half) {
                rotate(y + at + d, x + at + d, cosines + d, sines + d, half, sign, half - d);
            }
            if (y != x && rotated < head_size) {
                memcpy(y + at + rotated, x + at + rotated,
                       (size_t)(head_size - rotated) * sizeof(float));
            }
        }
    }
    return QUERN_OK;
}
