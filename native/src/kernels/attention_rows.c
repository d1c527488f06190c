/*
 * Keys and values are read in order and where they stand, a block of them once for all rows: scores of some
 * rows and keys, and then sums of some rows and parts of values, fill the registers.
 */
#include "kernels/attention_rows.h"

#include "kernels/attention_softmax.h"

/* Keys whose scores are there at a time; blocks begin at multiples of it. */
#define BLOCK_KEYS 128

/* Rows and keys whose scores are in registers together, at most. */
#define ROWS_TOGETHER 4
#define KEYS_TOGETHER 4

/* scores[r][i] = queries[r] . key i for i < count, each as dot has it. */
QUERN_INLINE void score_together(const float *const *queries, float *scores, const void *keys, const int stored,
                                 int64_t stride, int64_t size, const int rows, const int count) {
    vfloat sum[ROWS_TOGETHER][KEYS_TOGETHER];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (int i = 0; i < count; i++) sum[r][i] = v_zero();
    }
    for (int64_t d = 0; d < size; d += QUERN_LANES) {
        const int whole = d + QUERN_LANES <= size;
        vfloat x[KEYS_TOGETHER];
#pragma GCC unroll 4
        for (int i = 0; i < count; i++) {
            const int64_t at = i * stride + d;
            x[i] = whole ? operand_load(keys, at, stored) : operand_load_first(keys, at, size - d, stored);
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
            const float *query = queries[r] + d;
            const vfloat y = whole ? v_load(query) : v_load_first(query, size - d);
#pragma GCC unroll 4
            for (int i = 0; i < count; i++) sum[r][i] = v_fma(y, x[i], sum[r][i]);
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (int i = 0; i < count; i++) scores[r * BLOCK_KEYS + i] = v_sum(sum[r][i]);
    }
}

/* The scores of n keys that all rows see; `together` keys at a time, so that sums stay in registers. */
QUERN_INLINE void score_rows(const float *const *queries, float *scores, const void *keys, const int stored,
                             int64_t stride, int64_t n, int64_t size, const int rows, const int together) {
    int64_t i = 0;
    for (; i + together <= n; i += together) {
        for (int ahead = 0; ahead < together; ahead++) {
            prefetch_row(operand_at(keys, (i + ROWS_AHEAD + ahead) * stride, stored), size, stored);
        }
        score_together(queries, scores + i, operand_at(keys, i * stride, stored), stored, stride, size, rows,
                       together);
    }
    for (; i < n; i++) {
        score_together(queries, scores + i, operand_at(keys, i * stride, stored), stored, stride, size, rows, 1);
    }
}

/* outs[r] += the sum over i < n of scores[r][i] times value i, in order; `vectors` of a value at a time. */
QUERN_INLINE void add_values(float *const *outs, const float *scores, const void *values, const int stored,
                             int64_t stride, int64_t n, int64_t size, const int rows, const int vectors) {
    int64_t d = 0;
    for (; d + vectors * QUERN_LANES <= size; d += vectors * QUERN_LANES) {
        vfloat sum[ROWS_TOGETHER][ADD_VECTORS];
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++) sum[r][v] = v_load(outs[r] + d + v * QUERN_LANES);
        }
        for (int64_t i = 0; i < n; i++) {
            const void *value = operand_at(values, i * stride + d, stored);
            prefetch_row(operand_at(value, ROWS_AHEAD * stride, stored), vectors * QUERN_LANES, stored);
            vfloat weight[ROWS_TOGETHER];
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) weight[r] = v_splat(scores[r * BLOCK_KEYS + i]);
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++) {
                const vfloat x = operand_load(value, v * QUERN_LANES, stored);
#pragma GCC unroll 4
                for (int r = 0; r < rows; r++) sum[r][v] = v_fma(weight[r], x, sum[r][v]);
            }
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++) {
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++) v_store(outs[r] + d + v * QUERN_LANES, sum[r][v]);
        }
    }
    for (int r = 0; r < rows && d < size; r++) {
        add_weighted(outs[r] + d, 1.0f, scores + r * BLOCK_KEYS, operand_at(values, d, stored), stored, stride,
                     n, size - d);
    }
}

/* By rows: how many keys, and how many vectors of a value, are done together; their sums fill the registers. */
#define FOR_ROWS(EACH) EACH(1, 4, 8) EACH(2, 4, 4) EACH(3, 3, 4) EACH(4, 3, 2)

#define SCORE(rows, keys, vectors)                                        \
    case rows:                                                            \
        score_rows(queries, scores, k, stored, stride, n, size, rows, keys); \
        break;
#define ADD(rows, keys, vectors)                                          \
    case rows:                                                            \
        add_values(outs, scores, v, stored, stride, n, size, rows, vectors); \
        break;

QUERN_INLINE void score_any(int64_t rows, const float *const *queries, float *scores, const void *k,
                            const int stored, int64_t stride, int64_t n, int64_t size) {
    switch (rows) {
        FOR_ROWS(SCORE)
        default:
            break;
    }
}

QUERN_INLINE void add_any(int64_t rows, float *const *outs, const float *scores, const void *v,
                          const int stored, int64_t stride, int64_t n, int64_t size) {
    switch (rows) {
        FOR_ROWS(ADD)
        default:
            break;
    }
}

/* Scores of the keys first <= key < last, one by one, at scores[0]. */
QUERN_INLINE void score_range(float *scores, const float *query, const void *keys, const int stored,
                              int64_t stride, int64_t first, int64_t last, int64_t size) {
    for (int64_t key = first; key < last; key++) {
        scores[key - first] = dot(query, operand_at(keys, key * stride, stored), stored, size);
    }
}

QUERN_INLINE void attend_rows(const attention *x, const quern_record *record, const int stored, int64_t head,
                              quern_range rows, float *work) {
    const int64_t count = rows.last - rows.first, size = x->size;
    const int64_t b = head / x->groups, g = head % x->groups;
    const void *k = operand_at(record->pointers[3], key_offset(x, b, g, 0, x->k_stride), stored);
    const void *v = operand_at(record->pointers[4], key_offset(x, b, g, 0, x->v_stride), stored);
    float *scores = take(&work, QUERN_ATTENTION_ROWS * BLOCK_KEYS);
    float *random = take(&work, BLOCK_KEYS);
    const float *queries[QUERN_ATTENTION_ROWS];
    float *outs[QUERN_ATTENTION_ROWS];
    online states[QUERN_ATTENTION_ROWS];
    quern_range seen[QUERN_ATTENTION_ROWS];
    for (int64_t i = 0; i < count; i++) {
        const int64_t r = rows.first + i;
        queries[i] = (float *)record->pointers[2] + row_offset(x, b, g, r, x->q_stride);
        outs[i] = (float *)record->pointers[0] + row_offset(x, b, g, r, x->out_stride);
        states[i] = (online){-INFINITY, 0};
        memset(outs[i], 0, (size_t)size * sizeof(float));
    }
    const int64_t first = seen_by(x, b, rows.first).first, last = seen_by(x, b, rows.last - 1).last;
    for (int64_t s = first / BLOCK_KEYS * BLOCK_KEYS; s < last; s += BLOCK_KEYS) {
        /* What all rows see they are done with together; what lies before and behind, each alone. */
        quern_range common = {s, s + BLOCK_KEYS};
        for (int64_t i = 0; i < count; i++) {
            seen[i] = within(seen_by(x, b, rows.first + i), s, s + BLOCK_KEYS);
            common = within(common, seen[i].first, seen[i].last);
        }
        if (common.first >= common.last) common = (quern_range){s + BLOCK_KEYS, s + BLOCK_KEYS};
        const int64_t n = common.last - common.first;
        for (int64_t i = 0; i < count; i += ROWS_TOGETHER) {
            score_any(quern_min(count - i, ROWS_TOGETHER), queries + i,
                      scores + i * BLOCK_KEYS + (common.first - s),
                      operand_at(k, common.first * x->k_stride, stored), stored, x->k_stride, n, size);
        }
        for (int64_t i = 0; i < count; i++) {
            if (seen[i].first >= seen[i].last) continue;
            float *own = scores + i * BLOCK_KEYS;
            const int64_t before = quern_min(common.first, seen[i].last);
            score_range(own + (seen[i].first - s), queries[i], k, stored, x->k_stride, seen[i].first, before,
                        size);
            score_range(own + (common.last - s), queries[i], k, stored, x->k_stride, common.last, seen[i].last,
                        size);
            own += seen[i].first - s;
            const float correction = weigh(x, &states[i], own, random, b, g, rows.first + i, seen[i]);
            add_weighted(outs[i], correction, own, operand_at(v, seen[i].first * x->v_stride, stored), stored,
                         x->v_stride, before - seen[i].first, size);
        }
        for (int64_t i = 0; i < count; i += ROWS_TOGETHER) {
            add_any(quern_min(count - i, ROWS_TOGETHER), outs + i, scores + i * BLOCK_KEYS + (common.first - s),
                    operand_at(v, common.first * x->v_stride, stored), stored, x->v_stride, n, size);
        }
        for (int64_t i = 0; i < count; i++) {
            add_weighted(outs[i], 1.0f, scores + i * BLOCK_KEYS + (common.last - s),
                         operand_at(v, common.last * x->v_stride, stored), stored, x->v_stride,
                         quern_max(0, seen[i].last - common.last), size);
        }
    }
    for (int64_t i = 0; i < count; i++) finish_row(x, record, outs[i], states[i], b, g, rows.first + i);
}

void quern_attend_rows(const attention *x, const quern_record *record, int64_t head, quern_range rows,
                       float *work) {
    if (rows.first >= rows.last) return;
    if (x->stored) {
        attend_rows(x, record, 1, head, rows, work);
    } else {
        attend_rows(x, record, 0, head, rows, work);
    }
}
