/*
 * attention_f32 and attention_backward_f32 for all heads: see quern.h.
 *   weights = softmax(scale q k^T over the seen keys); out = dropout(weights) v
 */
#include "kernels/attention.h"

/* What a row carries from one block of keys to the next (Milakov and Gimelshein 2018). */
typedef struct online {
    float highest;
    float sum;
} online;

/*
 * Turns the scores q . k of keys seen.first <= s < seen.last into weights relative to the highest
 * score so far, adds them to the sum, and applies dropout. Returns what sums made from earlier keys
 * are to be multiplied by.
 */
static float weigh(const attention *x, online *state, float *scores, float *random, int64_t b,
                   int64_t g, int64_t r, quern_range seen) {
    const int64_t n = seen.last - seen.first;
    const vfloat scale = v_splat(x->scale);
    vfloat most = v_splat(state->highest);
    int64_t i = 0;
    for (; i + QUERN_LANES <= n; i += QUERN_LANES) {
        vfloat score = scale * v_load(scores + i);
        v_store(scores + i, score);
        most = v_max(most, score);
    }
    if (i < n) {
        vfloat score = scale * v_load_first(scores + i, n - i);
        v_store_first(scores + i, score, n - i);
        /* Lanes beyond the end are left out. */
        vint inside = v_less(v_floats(v_iota()), v_splat((float)(n - i)));
        most = v_max(most, v_select(inside, score, v_splat(-INFINITY)));
    }
    const float highest = v_highest(most);
    /* Where all scores are -infinity nothing is seen; subtracting 0 gives weights of 0, not NaN. */
    const float base = highest == -INFINITY ? 0.0f : highest;
    const float correction = exp_of(state->highest - base);
    vfloat sum = v_zero();
    for (i = 0; i + QUERN_LANES <= n; i += QUERN_LANES) {
        vfloat weight = v_exp(v_load(scores + i) - v_splat(base));
        v_store(scores + i, weight);
        sum = sum + weight;
    }
    if (i < n) {
        vfloat weight = v_exp(v_load_first(scores + i, n - i) - v_splat(base));
        v_store_first(scores + i, weight, n - i);
        sum = sum + v_load_first(scores + i, n - i);
    }
    state->sum = state->sum * correction + v_sum(sum);
    state->highest = highest;
    if (x->dropout > 0) drop(x, scores, random, b, g, r, seen.first, seen.last);
    return correction;
}

/* Keys weighed at a time where rows are taken one by one. */
#define ROW_KEYS 256

/* One row, its sums kept in out itself: no head is too wide for it. */
static void attend_row(const attention *x, float *out, float *lse, const float *q, const float *k,
                       const float *v, int64_t b, int64_t g, int64_t r, float *work) {
    float *scores = work;
    float *random = work + ROW_KEYS;
    const float *query = q + row_offset(x, b, g, r, x->q_stride);
    float *sums = out + row_offset(x, b, g, r, x->out_stride);
    const quern_range seen = seen_by(x, b, r);
    online state = {-INFINITY, 0};
    memset(sums, 0, (size_t)x->size * sizeof(float));
    for (int64_t s = seen.first; s < seen.last; s += ROW_KEYS) {
        const quern_range block = {s, quern_min(seen.last, s + ROW_KEYS)};
        for (int64_t i = block.first; i < block.last; i++) {
            scores[i - s] = dot(query, k + key_offset(x, b, g, i, x->k_stride), x->size);
        }
        scale_by(sums, weigh(x, &state, scores, random, b, g, r, block), x->size);
        for (int64_t i = block.first; i < block.last; i++) {
            add_scaled(sums, scores[i - s], v + key_offset(x, b, g, i, x->v_stride), x->size);
        }
    }
    if (state.sum != 0) scale_by(sums, 1.0f / state.sum, x->size);
    lse[lse_offset(x, b, g, r)] = state.highest + log_of(state.sum);
}

QUERN_KERNEL_DEFINE(attention_f32) {
    const attention x = attention_of(record, record->pointers[5]);
    const int64_t rows = rows_of(&x);
    const quern_range own = quern_share(x.batch * x.groups * rows, 1, part, parts);
    for (int64_t i = own.first; i < own.last; i++) {
        attend_row(&x, record->pointers[0], record->pointers[1], record->pointers[2],
                   record->pointers[3], record->pointers[4], i / rows / x.groups, i / rows % x.groups,
                   i % rows, quern_work(record, part));
    }
    return QUERN_OK;
}

/*
 * One row's share of the gradients. weight = exp(scale q . k - lse), kept or dropped:
 *   dv += dropped dout;  dweight = drop'(dout . v);  dscore = weight (dweight - dout . out) scale
 *   dq += dscore k;  dk += dscore q
 */
static void attend_row_backward(const attention *x, float *dq, float *dk, float *dv,
                                const float *dout, const float *q, const float *k, const float *v,
                                const float *out, const float *lse, int64_t b, int64_t g, int64_t r,
                                float *work) {
    float *kept = work;
    float *random = work + ROW_KEYS;
    const int64_t size = x->size;
    const float *query = q + row_offset(x, b, g, r, x->q_stride);
    const float *gradient = dout + row_offset(x, b, g, r, x->out_stride);
    float *dquery = dq + row_offset(x, b, g, r, x->q_stride);
    const float norm = lse[lse_offset(x, b, g, r)];
    const float along = dot(gradient, out + row_offset(x, b, g, r, x->out_stride), size);
    const quern_range seen = seen_by(x, b, r);
    memset(dquery, 0, (size_t)size * sizeof(float));
    if (norm == -INFINITY) return;
    for (int64_t s = seen.first; s < seen.last; s += ROW_KEYS) {
        const quern_range block = {s, quern_min(seen.last, s + ROW_KEYS)};
        for (int64_t i = block.first; i < block.last; i++) kept[i - s] = 1.0f;
        if (x->dropout > 0) drop(x, kept, random, b, g, r, block.first, block.last);
        for (int64_t i = block.first; i < block.last; i++) {
            const float *key = k + key_offset(x, b, g, i, x->k_stride);
            const float weight = exp_of(x->scale * dot(query, key, size) - norm);
            const float dweight =
                kept[i - s] * dot(gradient, v + key_offset(x, b, g, i, x->v_stride), size);
            const float dscore = weight * (dweight - along) * x->scale;
            add_scaled(dv + key_offset(x, b, g, i, x->v_stride), kept[i - s] * weight, gradient, size);
            add_scaled(dk + key_offset(x, b, g, i, x->k_stride), dscore, query, size);
            add_scaled(dquery, dscore, key, size);
        }
    }
}

QUERN_KERNEL_DEFINE(attention_backward_f32) {
    const attention x = attention_of(record, NULL);
    float *dk = record->pointers[1];
    float *dv = record->pointers[2];
    const quern_range own = quern_share(x.batch * x.groups, 1, part, parts);
    for (int64_t i = own.first; i < own.last; i++) {
        const int64_t b = i / x.groups, g = i % x.groups;
        for (int64_t s = 0; s < x.keys; s++) {
            memset(dk + key_offset(&x, b, g, s, x.k_stride), 0, (size_t)x.size * sizeof(float));
            memset(dv + key_offset(&x, b, g, s, x.v_stride), 0, (size_t)x.size * sizeof(float));
        }
        for (int64_t r = 0; r < rows_of(&x); r++) {
            attend_row_backward(&x, record->pointers[0], dk, dv, record->pointers[3],
                                record->pointers[4], record->pointers[5], record->pointers[6],
                                record->pointers[7], record->pointers[8], b, g, r,
                                quern_work(record, part));
        }
    }
    return QUERN_OK;
}
