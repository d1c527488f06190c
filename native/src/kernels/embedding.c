/* Token and learned position embeddings, forward and backward. N rows, C channels, V ids, T time. */
#include "elements.h"
#include "error.h"
#include "matmul/operand.h"

#include <inttypes.h>
#include <string.h>

static int32_t bad_id(const quern_record *record, int64_t row, int64_t id, int64_t ids) {
    return quern_fail(QUERN_BAD_INDEX,
                      "node %" PRId32 ", row %" PRId64 ": token id %" PRId64
                      " is not within the vocabulary, 0 to %" PRId64,
                      record->node, row, id, ids - 1);
}

static int32_t bad_position(const quern_record *record, int64_t row, int64_t position,
                            int64_t positions) {
    return quern_fail(QUERN_BAD_INDEX,
                      "node %" PRId32 ", row %" PRId64 ": position %" PRId64
                      " is not within the table of positions, 0 to %" PRId64,
                      record->node, row, position, positions - 1);
}

QUERN_INLINE void add_rows(float *out, const float *a, const float *b, int64_t channels) {
    int64_t c = 0;
    for (; c + QUERN_LANES <= channels; c += QUERN_LANES) {
        v_store(out + c, v_load(a + c) + v_load(b + c));
    }
    if (c < channels) {
        int64_t count = channels - c;
        v_store_first(out + c, v_load_first(a + c, count) + v_load_first(b + c, count), count);
    }
}

QUERN_INLINE void widen_row(float *out, const uint16_t *x, int64_t channels) {
    int64_t c = 0;
    for (; c + QUERN_LANES <= channels; c += QUERN_LANES) v_store(out + c, v_load_bf16(x + c));
    if (c < channels) v_store_first(out + c, v_load_bf16_first(x + c, channels - c), channels - c);
}

QUERN_KERNEL_DEFINE(embedding_f32) {
    float *out = record->pointers[0];
    const int32_t *ids = record->pointers[1];
    const void *table = record->pointers[2];
    const float *positions = record->pointers[3];
    const int32_t *starts = record->pointers[4];
    int64_t channels = record->integers[1];
    int64_t id_count = record->integers[2];
    int64_t time = record->integers[3];
    int64_t position_count = record->integers[4];
    const int stored = (record->integers[5] & QUERN_STORED_BF16) != 0;
    quern_range rows = quern_share(record->integers[0], 1, part, parts);
    for (int64_t n = rows.first; n < rows.last; n++) {
        int64_t id = ids[n];
        if (id < 0 || id >= id_count) {
            return bad_id(record, n, id, id_count);
        }
        float *to = out + n * channels;
        const void *from = operand_at(table, id * channels, stored);
        if (stored) {
            widen_row(to, from, channels);
            from = to;
        }
        if (positions == NULL) {
            if (!stored) memcpy(to, from, (size_t)channels * sizeof(float));
            continue;
        }
        int64_t position = (starts != NULL ? starts[n / time] : 0) + n % time;
        if (position < 0 || position >= position_count) {
            return bad_position(record, n, position, position_count);
        }
        add_rows(to, from, positions + position * channels, channels);
    }
    return QUERN_OK;
}

/* A worker's channels of all rows of a table. */
static void clear(float *table, int64_t rows, int64_t channels, int64_t count) {
    for (int64_t n = 0; n < rows; n++) {
        memset(table + n * channels, 0, (size_t)count * sizeof(float));
    }
}

/* out[n] = table[ids[n]] + positions[n % T], so each row of dout is added to both. */
QUERN_KERNEL_DEFINE(embedding_backward_f32) {
    float *dtable = record->pointers[0];
    const int32_t *ids = record->pointers[1];
    const float *dout = record->pointers[2];
    float *dpositions = record->pointers[3];
    int64_t rows = record->integers[0];
    int64_t channels = record->integers[1];
    int64_t id_count = record->integers[2];
    int64_t time = record->integers[3];
    int64_t position_count = record->integers[4];
    quern_range own = quern_share(channels, SHARE_MULTIPLE, part, parts);
    int64_t count = own.last - own.first;
    if (dtable != NULL && !quern_adds(record, 0)) {
        clear(dtable + own.first, id_count, channels, count);
    }
    if (dpositions != NULL && !quern_adds(record, 3)) {
        clear(dpositions + own.first, position_count, channels, count);
    }
    for (int64_t n = 0; n < rows; n++) {
        const float *from = dout + n * channels + own.first;
        if (dtable != NULL) {
            int64_t id = ids[n];
            if (id < 0 || id >= id_count) {
                return bad_id(record, n, id, id_count);
            }
            float *to = dtable + id * channels + own.first;
            add_rows(to, to, from, count);
        }
        if (dpositions != NULL) {
            int64_t position = n % time;
            if (position >= position_count) {
                return bad_position(record, n, position, position_count);
            }
            float *to = dpositions + position * channels + own.first;
            add_rows(to, to, from, count);
        }
    }
    return QUERN_OK;
}
