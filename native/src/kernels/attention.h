/*
 * What attention's forward and backward share. For a sequence b and a key/value head g, the rows are
 * those of all query heads of g: row r is time r / R of query head g R + r % R, with R = H / G. So
 * the heads of a group share every key that is read.
 */
#ifndef QUERN_ATTENTION_H
#define QUERN_ATTENTION_H

#include "kernel.h"
#include "matmul/operand.h"
#include "random.h"
#include "simd/simd.h"

typedef struct attention {
    int64_t batch;
    int64_t time;
    int64_t heads;
    int64_t groups;
    int64_t size;
    int64_t q_stride;
    int64_t k_stride;
    int64_t v_stride;
    int64_t out_stride;
    int64_t keys;
    int64_t window;
    int64_t causal;
    /* Of k and v: enum quern_keys_flag. */
    int by_head;
    int stored;
    /* R: query heads of one key/value head. */
    int64_t shared;
    float scale;
    float dropout;
    const int32_t *starts;
    quern_random random;
} attention;

QUERN_INLINE attention attention_of(const quern_record *record, const int32_t *starts) {
    const int64_t *i = record->integers;
    attention x = {.batch = i[0],
                   .time = i[1],
                   .heads = i[2],
                   .groups = i[3],
                   .size = i[4],
                   .q_stride = i[5],
                   .k_stride = i[6],
                   .v_stride = i[7],
                   .out_stride = i[8],
                   .keys = i[9],
                   .window = i[10],
                   .causal = i[11],
                   .by_head = (i[13] & QUERN_KEYS_BY_HEAD) != 0,
                   .stored = (i[13] & QUERN_KEYS_BF16) != 0,
                   .shared = i[3] > 0 ? i[2] / i[3] : 0,
                   .scale = record->floats[0],
                   .dropout = record->floats[1],
                   .starts = starts};
    if (x.dropout > 0) x.random = quern_random_of(record->step, i[12]);
    return x;
}

/* Cuts scratch memory into pieces. */
QUERN_INLINE float *take(float **work, int64_t n) {
    float *piece = *work;
    *work += n;
    return piece;
}

/* Rows of one sequence and key/value head. */
QUERN_INLINE int64_t rows_of(const attention *x) { return x->time * x->shared; }

/* Where row r stands in a tensor [B*T, H*D] of that stride. */
QUERN_INLINE int64_t row_offset(const attention *x, int64_t b, int64_t g, int64_t r, int64_t stride) {
    return (b * x->time + r / x->shared) * stride + (g * x->shared + r % x->shared) * x->size;
}

/* Where key s stands in a tensor [B*S, G*D], or [B,G,S,D] by head, whose rows are `stride` apart. */
QUERN_INLINE int64_t key_offset(const attention *x, int64_t b, int64_t g, int64_t s, int64_t stride) {
    if (x->by_head) return ((b * x->groups + g) * x->keys + s) * stride;
    return (b * x->keys + s) * stride + g * x->size;
}

/* Where row r stands in lse [B,H,T]. */
QUERN_INLINE int64_t lse_offset(const attention *x, int64_t b, int64_t g, int64_t r) {
    return (b * x->heads + g * x->shared + r % x->shared) * x->time + r / x->shared;
}

/* The keys that row r sees; empty if first >= last. */
QUERN_INLINE quern_range seen_by(const attention *x, int64_t b, int64_t r) {
    if (!x->causal) return (quern_range){0, x->keys};
    const int64_t position = (x->starts ? x->starts[b] : 0) + r / x->shared;
    const int64_t first = x->window > 0 ? quern_max(0, position - x->window + 1) : 0;
    return (quern_range){first, quern_min(x->keys, position + 1)};
}

/* The part of a range that lies in first <= s < last. */
QUERN_INLINE quern_range within(quern_range range, int64_t first, int64_t last) {
    return (quern_range){quern_max(range.first, first), quern_min(range.last, last)};
}

/* The random number's index of row r and key 0. */
QUERN_INLINE uint64_t random_index(const attention *x, int64_t b, int64_t g, int64_t r) {
    return (uint64_t)lse_offset(x, b, g, r) * (uint64_t)x->keys;
}

/* Rows that are asked for ahead: neighbours may lie pages apart, where the hardware does not look. */
#define ROWS_AHEAD 8

QUERN_INLINE void prefetch_row(const void *row, int64_t n, const int stored) {
    const int line = stored ? 32 : 16;
    for (int64_t i = 0; i < n; i += line) __builtin_prefetch(operand_at(row, i, stored));
}

/* a . b, added up lane by lane, then across. */
QUERN_INLINE float dot(const float *a, const void *b, const int stored, int64_t n) {
    vfloat sum = v_zero();
    int64_t i = 0;
    for (; i + QUERN_LANES <= n; i += QUERN_LANES) sum = v_fma(v_load(a + i), operand_load(b, i, stored), sum);
    if (i < n) sum = v_fma(v_load_first(a + i, n - i), operand_load_first(b, i, n - i, stored), sum);
    return v_sum(sum);
}

/* y = factor x; x may be y */
QUERN_INLINE void scaled_copy(float *y, float factor, const float *x, int64_t n) {
    const vfloat f = v_splat(factor);
    int64_t i = 0;
    for (; i + QUERN_LANES <= n; i += QUERN_LANES) v_store(y + i, f * v_load(x + i));
    if (i < n) v_store_first(y + i, f * v_load_first(x + i, n - i), n - i);
}

/* y += x */
QUERN_INLINE void add_to(float *y, const float *x, int64_t n) {
    int64_t i = 0;
    for (; i + QUERN_LANES <= n; i += QUERN_LANES) v_store(y + i, v_load(y + i) + v_load(x + i));
    if (i < n) v_store_first(y + i, v_load_first(y + i, n - i) + v_load_first(x + i, n - i), n - i);
}

/* Vectors of a row that stay in registers while rows are added up. */
#define ADD_VECTORS 8

/* y = factor y + the sum over i < n of weights[i] x[i], rows of x `stride` apart; each in order. */
QUERN_INLINE void add_weighted(float *y, float factor, const float *weights, const void *x,
                               const int stored, int64_t stride, int64_t n, int64_t size) {
    int64_t d = 0;
    for (; d + ADD_VECTORS * QUERN_LANES <= size; d += ADD_VECTORS * QUERN_LANES) {
        vfloat sum[ADD_VECTORS];
#pragma GCC unroll 8
        for (int v = 0; v < ADD_VECTORS; v++) sum[v] = v_splat(factor) * v_load(y + d + v * QUERN_LANES);
        for (int64_t i = 0; i < n; i++) {
            prefetch_row(operand_at(x, (i + ROWS_AHEAD) * stride + d, stored), ADD_VECTORS * QUERN_LANES, stored);
            const vfloat weight = v_splat(weights[i]);
#pragma GCC unroll 8
            for (int v = 0; v < ADD_VECTORS; v++) {
                sum[v] = v_fma(weight, operand_load(x, i * stride + d + v * QUERN_LANES, stored), sum[v]);
            }
        }
#pragma GCC unroll 8
        for (int v = 0; v < ADD_VECTORS; v++) v_store(y + d + v * QUERN_LANES, sum[v]);
    }
    for (; d < size; d += QUERN_LANES) {
        vfloat sum = v_splat(factor) * v_load_first(y + d, size - d);
        for (int64_t i = 0; i < n; i++) {
            sum = v_fma(v_splat(weights[i]), operand_load_first(x, i * stride + d, size - d, stored), sum);
        }
        v_store_first(y + d, sum, size - d);
    }
}

/* Weights of keys first <= s < last of row r, at weights[0], are kept and scaled up, or made 0. */
QUERN_INLINE void drop(const attention *x, float *weights, float *random, int64_t b, int64_t g,
                       int64_t r, int64_t first, int64_t last) {
    const int64_t n = last - first;
    quern_random_fill(&x->random, random_index(x, b, g, r) + (uint64_t)first, n, random);
    const vfloat probability = v_splat(x->dropout);
    const vfloat kept = v_splat(1.0f / (1.0f - x->dropout));
    for (int64_t i = 0; i < n; i += QUERN_LANES) {
        vint dropped = v_less(v_load_first(random + i, n - i), probability);
        vfloat w = v_load_first(weights + i, n - i) * kept;
        v_store_first(weights + i, v_select(dropped, v_zero(), w), n - i);
    }
}

/* y += factor x */
QUERN_INLINE void add_scaled(float *y, float factor, const float *x, int64_t n) {
    const vfloat f = v_splat(factor);
    int64_t i = 0;
    for (; i + QUERN_LANES <= n; i += QUERN_LANES) {
        v_store(y + i, v_fma(f, v_load(x + i), v_load(y + i)));
    }
    if (i < n) {
        v_store_first(y + i, v_fma(f, v_load_first(x + i, n - i), v_load_first(y + i, n - i)), n - i);
    }
}

/* The natural logarithm and exponential of one number. */
QUERN_INLINE float log_of(float x) {
    float y[QUERN_LANES];
    v_store(y, v_log(v_splat(x)));
    return y[0];
}
QUERN_INLINE float exp_of(float x) {
    float y[QUERN_LANES];
    v_store(y, v_exp(v_splat(x)));
    return y[0];
}

#endif
