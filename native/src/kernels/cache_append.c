/* Writes a step's keys or values behind those that a sequence's cache holds. */
#include "elements.h"
#include "error.h"

#include <inttypes.h>
#include <string.h>

static void round_row(uint16_t *to, const float *x, int64_t size) {
    for (int64_t d = 0; d < size; d += QUERN_LANES) {
        const int64_t count = quern_min(size - d, QUERN_LANES);
        store_bf16_up_to(to + d, v_round_bf16(load_up_to(x + d, count)), count);
    }
}

QUERN_KERNEL_DEFINE(cache_append_f32) {
    const float *x = record->pointers[1];
    const int32_t *starts = record->pointers[2];
    const int64_t time = record->integers[1], groups = record->integers[2], keys = record->integers[3];
    const int64_t size = record->integers[4], stride = record->integers[5];
    const int stored = (record->integers[6] & QUERN_KEYS_BF16) != 0;
    const quern_range rows = quern_share(record->integers[0] * time, 1, part, parts);
    for (int64_t n = rows.first; n < rows.last; n++) {
        const int64_t sequence = n / time;
        const int64_t position = (starts != NULL ? starts[sequence] : 0) + n % time;
        if (position < 0 || position >= keys) {
            return quern_fail(QUERN_BAD_INDEX,
                              "node %" PRId32 ", sequence %" PRId64 ": position %" PRId64
                              " is not within the cache, 0 to %" PRId64,
                              record->node, sequence, position, keys - 1);
        }
        for (int64_t g = 0; g < groups; g++) {
            const float *from = x + n * stride + g * size;
            const int64_t at = ((sequence * groups + g) * keys + position) * size;
            if (stored) {
                round_row((uint16_t *)record->pointers[0] + at, from, size);
            } else {
                memcpy((float *)record->pointers[0] + at, from, (size_t)size * sizeof(float));
            }
        }
    }
    return QUERN_OK;
}
