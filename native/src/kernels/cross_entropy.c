/*
 * Softmax and cross entropy in one, forward and backward. N rows, V classes.
 *
 * The forward reads a row once from memory: it goes by blocks of BLOCK classes, which stay in the
 * first cache between the search for their maximum and their sum, and rescales what it has when the
 * maximum rises (Milakov and Gimelshein 2018, "Online normalizer calculation for softmax").
 */
#include "elements.h"
#include "error.h"

#include <inttypes.h>
#include <math.h>

#define BLOCK 4096

static int is_label(int64_t label, int64_t classes) {
    return label == QUERN_IGNORED_LABEL || (label >= 0 && label < classes);
}

static int32_t bad_label(const quern_record *record, int64_t row, int64_t label, int64_t classes) {
    return quern_fail(QUERN_BAD_INDEX,
                      "node %" PRId32 ", row %" PRId64 ": label %" PRId64
                      " is neither within 0 to %" PRId64 " nor %d, which is ignored",
                      record->node, row, label, classes - 1, QUERN_IGNORED_LABEL);
}

static float highest(const float *x, int64_t count) {
    float first = x[0];
    vfloat high0 = v_splat(first);
    vfloat high1 = high0;
    int64_t i = 0;
    for (; i + 2 * QUERN_LANES <= count; i += 2 * QUERN_LANES) {
        high0 = v_max(v_load(x + i), high0);
        high1 = v_max(v_load(x + i + QUERN_LANES), high1);
    }
    float high = v_highest(v_max(high0, high1));
    for (; i < count; i++) {
        high = x[i] > high ? x[i] : high;
    }
    return high;
}

/* Adds exp(x - center) of an even number of vectors to two sums in turn. */
QUERN_INLINE void add_exponentials(vfloat *sums, float *to, const float *x, vfloat center, const int vectors) {
    vfloat e[QUERN_TOGETHER];
    QUERN_EACH(j, vectors) e[j] = v_load(x + j * QUERN_LANES) - center;
    v_exp_each(e, vectors);
    if (to) {
        QUERN_EACH(j, vectors) v_store(to + j * QUERN_LANES, e[j]);
    }
    QUERN_EACH(j, vectors) sums[j % 2] += e[j];
}

/* The sum of exp(x - shift), whose terms are left in `to` unless it is null; in place: to = x. */
QUERN_INLINE double sum_of_exponentials(float *to, const float *x, int64_t count, float shift) {
    vfloat center = v_splat(shift);
    vfloat sums[2] = {v_zero(), v_zero()};
    int64_t i = 0;
    for (; i + QUERN_TOGETHER * QUERN_LANES <= count; i += QUERN_TOGETHER * QUERN_LANES) {
        add_exponentials(sums, to ? to + i : NULL, x + i, center, QUERN_TOGETHER);
    }
    for (; i + 2 * QUERN_LANES <= count; i += 2 * QUERN_LANES) {
        add_exponentials(sums, to ? to + i : NULL, x + i, center, 2);
    }
    double sum = v_sum(sums[0] + sums[1]);
    for (; i < count; i += QUERN_LANES) {
        int64_t rest = quern_min(count - i, QUERN_LANES);
        float terms[QUERN_LANES];
        v_store(terms, v_exp(v_load_first(x + i, rest) - center));
        for (int64_t lane = 0; lane < rest; lane++) {
            sum += terms[lane];
            if (to) to[i + lane] = terms[lane];
        }
    }
    return sum;
}

/* log(sum of exp(x)) = high + log(sum). */
typedef struct log_sum {
    float high;
    double sum;
} log_sum;

static const log_sum NOTHING = {-INFINITY, 0};

/*
 * Goes on from the classes before. Unless `to` is null, each block of it is left exp(x -
 * shifts[block]); one of a row that is all -infinity so far is zero.
 */
QUERN_INLINE log_sum log_sum_of(log_sum of, float *to, float *shifts, const float *x, int64_t classes) {
    for (int64_t start = 0; start < classes; start += BLOCK) {
        int64_t count = quern_min(BLOCK, classes - start);
        float high = highest(x + start, count);
        if (high > of.high) {
            of.sum *= exp((double)of.high - high);
            of.high = high;
        }
        if (to) shifts[start / BLOCK] = of.high;
        /* Where all is -infinity so far, infinity - infinity must not make NaN of it. */
        of.sum += sum_of_exponentials(to ? to + start : NULL, x + start, count,
                                      of.high == -INFINITY ? 0 : of.high);
    }
    return of;
}

QUERN_KERNEL_DEFINE(cross_entropy_f32) {
    float *losses = record->pointers[0];
    float *lse = record->pointers[1];
    const float *logits = record->pointers[2];
    const int32_t *labels = record->pointers[3];
    int64_t classes = record->integers[1];
    quern_range rows = quern_share(record->integers[0], 1, part, parts);
    for (int64_t n = rows.first; n < rows.last; n++) {
        int64_t label = labels[n];
        if (!is_label(label, classes)) {
            return bad_label(record, n, label, classes);
        }
        if (quern_cancelled(record)) {
            return QUERN_CANCELLED;
        }
        const float *row = logits + n * classes;
        log_sum of = log_sum_of(NOTHING, NULL, NULL, row, classes);
        double log_of_sum = log(of.sum);
        lse[n] = (float)(of.high + log_of_sum);
        /* The difference first: near 1e4 a float holds three digits after the point. */
        losses[n] = label == QUERN_IGNORED_LABEL
                        ? 0.0f
                        : (float)(((double)of.high - row[label]) + log_of_sum);
    }
    return QUERN_OK;
}

QUERN_KERNEL_DEFINE(cross_entropy_chunk_f32) {
    float *state = record->pointers[0];
    float *losses = record->pointers[1];
    const float *logits = record->pointers[2];
    const int32_t *labels = record->pointers[3];
    const float *before = record->pointers[4];
    int64_t width = record->integers[1];
    int64_t first = record->integers[2];
    int64_t classes = record->integers[3];
    quern_range rows = quern_share(record->integers[0], 1, part, parts);
    for (int64_t n = rows.first; n < rows.last; n++) {
        int64_t label = labels[n];
        if (!is_label(label, classes)) {
            return bad_label(record, n, label, classes);
        }
        if (quern_cancelled(record)) {
            return QUERN_CANCELLED;
        }
        const float *row = logits + n * width;
        const float *had = before ? before + 3 * n : NULL;
        log_sum of = log_sum_of(had ? (log_sum){had[0], had[1]} : NOTHING, NULL, NULL, row, width);
        int here = label >= first && label < first + width;
        float own = here ? row[label - first] : had ? had[2] : 0;
        state[3 * n] = of.high;
        state[3 * n + 1] = (float)of.sum;
        state[3 * n + 2] = own;
        losses[n] = label == QUERN_IGNORED_LABEL ? 0 : (float)(((double)of.high - own) + log(of.sum));
    }
    return QUERN_OK;
}

QUERN_KERNEL_DEFINE(loss_sum_f32) {
    if (part != 0) {
        return QUERN_OK;
    }
    float *out = record->pointers[0];
    const float *losses = record->pointers[1];
    int64_t rows = record->integers[0];
    double sum = 0;
    for (int64_t n = 0; n < rows; n++) {
        sum += losses[n];
    }
    out[0] = (float)(sum * record->step->loss_scale);
    record->step->loss = out[0];
    if (!isfinite(out[0])) {
        record->step->nonfinite = record->node + 1;
    }
    return QUERN_OK;
}

/* The gradients of some classes, whole vectors of them, or fewer than one. */
QUERN_INLINE void softmax_step(float *dlogits, const float *logits, vfloat lse, vfloat scale,
                               const int vectors, int64_t count) {
    vfloat e[QUERN_TOGETHER];
    QUERN_EACH(j, vectors) e[j] = load_up_to(logits + j * QUERN_LANES, count) - lse;
    v_exp_each(e, vectors);
    QUERN_EACH(j, vectors) store_up_to(dlogits + j * QUERN_LANES, e[j] * scale, count);
}

/* loss = lse - logits[label], so dlogits = softmax - onehot. */
QUERN_KERNEL_DEFINE(cross_entropy_backward_f32) {
    float *dlogits = record->pointers[0];
    const float *logits = record->pointers[1];
    const int32_t *labels = record->pointers[2];
    const float *lse = record->pointers[3];
    int64_t classes = record->integers[1];
    float scale = record->step->loss_scale;
    quern_range rows = quern_share(record->integers[0], 1, part, parts);
    for (int64_t n = rows.first; n < rows.last; n++) {
        int64_t label = labels[n];
        if (!is_label(label, classes)) {
            return bad_label(record, n, label, classes);
        }
        float *to = dlogits + n * classes;
        if (label == QUERN_IGNORED_LABEL) {
            memset(to, 0, (size_t)classes * sizeof(float));
            continue;
        }
        if (quern_cancelled(record)) {
            return QUERN_CANCELLED;
        }
        const float *from = logits + n * classes;
        vfloat center = v_splat(lse[n]);
        QUERN_FOR_VECTORS(0, classes, softmax_step(to + i, from + i, center, v_splat(scale), vectors, count))
        to[label] -= scale;
    }
    return QUERN_OK;
}

static void multiply(float *x, int64_t count, float factor) {
    vfloat by = v_splat(factor);
    int64_t i = 0;
    for (; i + QUERN_LANES <= count; i += QUERN_LANES) {
        v_store(x + i, v_load(x + i) * by);
    }
    if (i < count) {
        v_store_first(x + i, v_load_first(x + i, count - i) * by, count - i);
    }
}

/*
 * Each exponential is taken once: relative to the maximum so far, and put right when the row's
 * maximum and sum are known, while the row is still in the second-level cache.
 */
QUERN_KERNEL_DEFINE(cross_entropy_with_gradient_f32) {
    float *losses = record->pointers[0];
    float *dlogits = record->pointers[1];
    const float *logits = record->pointers[2];
    const int32_t *labels = record->pointers[3];
    int64_t classes = record->integers[1];
    float scale = record->step->loss_scale;
    float *shifts = quern_work(record, part);
    quern_range rows = quern_share(record->integers[0], 1, part, parts);
    for (int64_t n = rows.first; n < rows.last; n++) {
        int64_t label = labels[n];
        if (!is_label(label, classes)) {
            return bad_label(record, n, label, classes);
        }
        float *to = dlogits + n * classes;
        if (label == QUERN_IGNORED_LABEL) {
            losses[n] = 0;
            memset(to, 0, (size_t)classes * sizeof(float));
            continue;
        }
        if (quern_cancelled(record)) {
            return QUERN_CANCELLED;
        }
        const float *row = logits + n * classes;
        /* Before dlogits takes the row's place. */
        double own = row[label];
        log_sum of = log_sum_of(NOTHING, to, shifts, row, classes);
        losses[n] = (float)(((double)of.high - own) + log(of.sum));
        for (int64_t start = 0; start < classes; start += BLOCK) {
            double shift = shifts[start / BLOCK];
            double factor = shift == -INFINITY ? 0 : exp(shift - of.high);
            multiply(to + start, quern_min(BLOCK, classes - start), (float)(factor * scale / of.sum));
        }
        to[label] -= scale;
    }
    return QUERN_OK;
}
