/* The softmax of attention's forward, from one block of keys to the next (Milakov and Gimelshein, 2018). */
#ifndef QUERN_ATTENTION_SOFTMAX_H
#define QUERN_ATTENTION_SOFTMAX_H

#include "kernels/attention.h"

/* What a row carries from one block of keys to the next. */
typedef struct online {
    float highest;
    float sum;
} online;

/*
 * Turns the scores q . k of keys seen.first <= s < seen.last into weights relative to the highest
 * score so far, adds them to the sum, and applies dropout. Returns what sums made from earlier keys
 * are to be multiplied by.
 */
QUERN_INLINE float weigh(const attention *x, online *state, float *scores, float *random, int64_t b,
                   int64_t g, int64_t r, quern_range seen) {
    const int64_t n = seen.last - seen.first;
    const vfloat scale = v_splat(x->scale);
    vfloat most = v_splat(state->highest);
    int64_t i = 0;
    for (; i + QUERN_LANES <= n; i += QUERN_LANES) most = v_max(most, scale * v_load(scores + i));
    if (i < n) {
        vint inside = v_less(v_floats(v_iota()), v_splat((float)(n - i)));
        vfloat score = scale * v_load_first(scores + i, n - i);
        most = v_max(most, v_select(inside, score, v_splat(-INFINITY)));
    }
    const float highest = v_highest(most);
    /* Where all scores are -infinity nothing is seen; subtracting 0 gives weights of 0, not NaN. */
    const vfloat base = v_splat(highest == -INFINITY ? 0.0f : highest);
    /* Of the first keys there is nothing to correct. */
    const int begun = state->highest != -INFINITY && state->highest != highest;
    const float correction = begun ? exp_of(state->highest - highest) : 1.0f;
    vfloat sum = v_zero();
    for (i = 0; i + QUERN_TOGETHER * QUERN_LANES <= n; i += QUERN_TOGETHER * QUERN_LANES) {
        vfloat weights[QUERN_TOGETHER];
        QUERN_EACH(j, QUERN_TOGETHER) weights[j] = scale * v_load(scores + i + j * QUERN_LANES) - base;
        v_exp_each(weights, QUERN_TOGETHER);
        QUERN_EACH(j, QUERN_TOGETHER) v_store(scores + i + j * QUERN_LANES, weights[j]);
        QUERN_EACH(j, QUERN_TOGETHER) sum = sum + weights[j];
    }
    for (; i + QUERN_LANES <= n; i += QUERN_LANES) {
        vfloat weight = v_exp(scale * v_load(scores + i) - base);
        v_store(scores + i, weight);
        sum = sum + weight;
    }
    if (i < n) {
        vfloat weight = v_exp(scale * v_load_first(scores + i, n - i) - base);
        v_store_first(scores + i, weight, n - i);
        sum = sum + v_load_first(scores + i, n - i);
    }
    state->sum = state->sum * correction + v_sum(sum);
    state->highest = highest;
    if (x->dropout > 0) drop(x, scores, random, b, g, r, seen.first, seen.last);
    return correction;
}

/* Makes a row's out from its sums, which may stand in out, and its lse. */
QUERN_INLINE void finish_row(const attention *x, const quern_record *record, const float *sums,
                             online state, int64_t b, int64_t g, int64_t r) {
    float *out = record->pointers[0];
    float *lse = record->pointers[1];
    scaled_copy(out + row_offset(x, b, g, r, x->out_stride), state.sum != 0 ? 1.0f / state.sum : 1.0f,
                sums, x->size);
    lse[lse_offset(x, b, g, r)] = state.highest + log_of(state.sum);
}

#endif
