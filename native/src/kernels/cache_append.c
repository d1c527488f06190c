/* Writes a step's keys or values behind those that a sequence's cache holds. */
#include "error.h"
#include "kernel.h"

#include <inttypes.h>
#include <string.h>

QUERN_KERNEL_DEFINE(cache_append_f32) {
    float *cache = record->pointers[0];
    const float *x = record->pointers[1];
    const int32_t *starts = record->pointers[2];
    int64_t time = record->integers[1];
    int64_t channels = record->integers[2];
    int64_t size = record->integers[3];
    int64_t stride = record->integers[4];
    quern_range rows = quern_share(record->integers[0] * time, 1, part, parts);
    for (int64_t n = rows.first; n < rows.last; n++) {
        int64_t sequence = n / time;
        int64_t position = (starts != NULL ? starts[sequence] : 0) + n % time;
        if (position < 0 || position >= size) {
            return quern_fail(QUERN_BAD_INDEX,
                              "node %" PRId32 ", sequence %" PRId64 ": position %" PRId64
                              " is not within the cache, 0 to %" PRId64,
                              record->node, sequence, position, size - 1);
        }
        memcpy(cache + (sequence * size + position) * channels, x + n * stride,
               (size_t)channels * sizeof(float));
    }
    return QUERN_OK;
}
