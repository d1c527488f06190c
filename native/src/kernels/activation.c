/*
 * Activations and gated activations (Shazeer 2020, "GLU variants improve Transformer"), forward and
 * backward. Inputs are clamped where a function has long reached its limit, so that infinities give
 * limits and not NaN; NaN stays NaN.
 */
#include "elements.h"
#include "error.h"

#include <inttypes.h>

/* A function's value and its derivative; the compiler drops what is not used. */
typedef struct valued {
    vfloat value;
    vfloat slope;
} valued;

/* Of `count` <= QUERN_TOGETHER vectors. */
typedef void activation(valued *of, const vfloat *x, const int count);

/* x, but at least low; NaN stays NaN. */
QUERN_INLINE vfloat at_least(vfloat x, float low) { return v_max(v_splat(low), x); }

QUERN_INLINE vfloat within(vfloat x, float bound) {
    return v_min(v_splat(bound), v_max(v_splat(-bound), x));
}

/* The logistic function and 1 minus it, each precise where it is small. */
typedef struct logistic {
    vfloat value;
    vfloat rest;
} logistic;

/* |x| < 88.7, so that e^-x is finite. */
QUERN_INLINE void logistic_of(logistic *of, const vfloat *x, const int count) {
    vfloat e[QUERN_TOGETHER];
    QUERN_EACH(i, count) e[i] = -x[i];
    v_exp_each(e, count);
    QUERN_EACH(i, count) {
        of[i].value = v_splat(1.0f) / (v_splat(1.0f) + e[i]);
        of[i].rest = e[i] * of[i].value;
    }
}

QUERN_INLINE void relu(valued *of, const vfloat *x, const int count) {
    QUERN_EACH(i, count) {
        of[i].value = v_select(v_less(x[i], v_zero()), v_zero(), x[i]);
        of[i].slope = v_select(v_less(v_zero(), x[i]), v_splat(1.0f), v_zero());
    }
}

/*
 * 0.5 (1 + tanh u) is the logistic function of 2u, which keeps its precision where tanh is near -1.
 * u = sqrt(2/pi) (x + 0.044715 x^3).
 */
QUERN_INLINE void gelu_tanh(valued *of, const vfloat *x, const int count) {
    const double root = 0.79788456080286536;
    const vfloat linear = v_splat((float)(2 * root));
    vfloat u[QUERN_TOGETHER];
    logistic s[QUERN_TOGETHER];
    QUERN_EACH(i, count) {
        const vfloat inner = within(x[i], 10.0f);
        u[i] = inner * v_fma(v_splat((float)(2 * root * 0.044715)), inner * inner, linear);
    }
    logistic_of(s, u, count);
    QUERN_EACH(i, count) {
        const vfloat inner = within(x[i], 10.0f);
        const vfloat u_slope = v_fma(v_splat((float)(6 * root * 0.044715)), inner * inner, linear);
        of[i].value = at_least(x[i], -10.0f) * s[i].value;
        of[i].slope = v_fma(inner * s[i].value * s[i].rest, u_slope, s[i].value);
    }
}

QUERN_INLINE void gelu_erf(valued *of, const vfloat *x, const int count) {
    const vfloat half = v_splat(0.5f);
    vfloat e[QUERN_TOGETHER], erf[QUERN_TOGETHER];
    QUERN_EACH(i, count) erf[i] = within(x[i], 13.0f) * v_splat(0.707106781f);
    v_erf_each(erf, erf, count);
    QUERN_EACH(i, count) {
        const vfloat inner = within(x[i], 13.0f);
        e[i] = inner * inner * v_splat(-0.5f);
    }
    v_exp_each(e, count);
    QUERN_EACH(i, count) {
        const vfloat inner = within(x[i], 13.0f);
        const vfloat cumulated = v_fma(half, erf[i], half);
        of[i].value = at_least(x[i], -13.0f) * cumulated;
        of[i].slope = v_fma(inner, v_splat(0.398942280f) * e[i], cumulated);
    }
}

QUERN_INLINE void silu(valued *of, const vfloat *x, const int count) {
    vfloat inner[QUERN_TOGETHER];
    logistic s[QUERN_TOGETHER];
    QUERN_EACH(i, count) inner[i] = within(x[i], 88.0f);
    logistic_of(s, inner, count);
    QUERN_EACH(i, count) {
        of[i].value = at_least(x[i], -88.0f) * s[i].value;
        of[i].slope = v_fma(inner[i] * s[i].value, s[i].rest, s[i].value);
    }
}

/*
 * A loop for each of the four, so that none holds a branch: LOOP(act, ...) is an always inlined
 * function whose first argument is a constant.
 */
#define FOR_ACTIVATION(number, LOOP, ...)                                                      \
    switch (number) {                                                                          \
    case QUERN_RELU:                                                                           \
        LOOP(relu, __VA_ARGS__);                                                               \
        return QUERN_OK;                                                                       \
    case QUERN_GELU_TANH:                                                                      \
        LOOP(gelu_tanh, __VA_ARGS__);                                                          \
        return QUERN_OK;                                                                       \
    case QUERN_GELU_ERF:                                                                       \
        LOOP(gelu_erf, __VA_ARGS__);                                                           \
        return QUERN_OK;                                                                       \
    case QUERN_SILU:                                                                           \
        LOOP(silu, __VA_ARGS__);                                                               \
        return QUERN_OK;                                                                       \
    default:                                                                                   \
        return quern_fail(QUERN_BAD_PROGRAM, "there is no activation %" PRId64, (int64_t)number); \
    }

/* Steps of the loops below do whole vectors, or one, of which `count` elements are there. */
QUERN_INLINE void apply(activation *act, valued *of, const float *x, const int vectors, int64_t count) {
    vfloat loaded[QUERN_TOGETHER];
    QUERN_EACH(j, vectors) loaded[j] = load_up_to(x + j * QUERN_LANES, count);
    act(of, loaded, vectors);
}

QUERN_INLINE void forward_step(activation *act, float *y, const float *x, const int vectors, int64_t count) {
    valued of[QUERN_TOGETHER];
    apply(act, of, x, vectors, count);
    QUERN_EACH(j, vectors) store_up_to(y + j * QUERN_LANES, of[j].value, count);
}

QUERN_INLINE void forward(activation *act, float *y, const float *x, quern_range own) {
    QUERN_FOR_VECTORS(own.first, own.last, forward_step(act, y + i, x + i, vectors, count))
}

QUERN_KERNEL_DEFINE(activation_f32) {
    float *y = record->pointers[0];
    const float *x = record->pointers[1];
    quern_range own = quern_share(record->integers[0], SHARE_MULTIPLE, part, parts);
    FOR_ACTIVATION(record->integers[1], forward, y, x, own)
}

/* y = act(x), so dx = dy act'(x). */
QUERN_INLINE void backward_step(activation *act, float *dx, const float *dy, const float *x,
                                const int vectors, int64_t count) {
    valued of[QUERN_TOGETHER];
    apply(act, of, x, vectors, count);
    QUERN_EACH(j, vectors) {
        const int64_t at = j * QUERN_LANES;
        store_up_to(dx + at, load_up_to(dy + at, count) * of[j].slope, count);
    }
}

QUERN_INLINE void backward(activation *act, float *dx, const float *dy, const float *x,
                           quern_range own) {
    QUERN_FOR_VECTORS(own.first, own.last, backward_step(act, dx + i, dy + i, x + i, vectors, count))
}

QUERN_KERNEL_DEFINE(activation_backward_f32) {
    float *dx = record->pointers[0];
    const float *dy = record->pointers[1];
    const float *x = record->pointers[2];
    quern_range own = quern_share(record->integers[0], SHARE_MULTIPLE, part, parts);
    FOR_ACTIVATION(record->integers[1], backward, dx, dy, x, own)
}

QUERN_INLINE void gated_step(activation *act, float *y, const float *gate, const float *up,
                             const int vectors, int64_t count) {
    valued of[QUERN_TOGETHER];
    apply(act, of, gate, vectors, count);
    QUERN_EACH(j, vectors) {
        const int64_t at = j * QUERN_LANES;
        store_up_to(y + at, of[j].value * load_up_to(up + at, count), count);
    }
}

QUERN_INLINE void gated(activation *act, float *y, const float *gate, const float *up,
                        quern_range own) {
    QUERN_FOR_VECTORS(own.first, own.last, gated_step(act, y + i, gate + i, up + i, vectors, count))
}

QUERN_KERNEL_DEFINE(gated_activation_f32) {
    float *y = record->pointers[0];
    const float *gate = record->pointers[1];
    const float *up = record->pointers[2];
    quern_range own = quern_share(record->integers[0], SHARE_MULTIPLE, part, parts);
    FOR_ACTIVATION(record->integers[1], gated, y, gate, up, own)
}

/* y = act(gate) up, so dgate = dy up act'(gate) and dup = dy act(gate). */
QUERN_INLINE void gated_backward_step(activation *act, float *dgate, float *dup, const float *dy,
                                      const float *gate, const float *up, const int vectors,
                                      int64_t count) {
    valued of[QUERN_TOGETHER];
    apply(act, of, gate, vectors, count);
    QUERN_EACH(j, vectors) {
        const int64_t at = j * QUERN_LANES;
        const vfloat gradient = load_up_to(dy + at, count);
        const vfloat factor = load_up_to(up + at, count);
        store_up_to(dgate + at, gradient * factor * of[j].slope, count);
        store_up_to(dup + at, gradient * of[j].value, count);
    }
}

QUERN_INLINE void gated_backward(activation *act, float *dgate, float *dup, const float *dy,
                                 const float *gate, const float *up, quern_range own) {
    QUERN_FOR_VECTORS(own.first, own.last,
                      gated_backward_step(act, dgate + i, dup + i, dy + i, gate + i, up + i, vectors, count))
}

QUERN_KERNEL_DEFINE(gated_activation_backward_f32) {
    float *dgate = record->pointers[0];
    float *dup = record->pointers[1];
    const float *dy = record->pointers[2];
    const float *gate = record->pointers[3];
    const float *up = record->pointers[4];
    quern_range own = quern_share(record->integers[0], SHARE_MULTIPLE, part, parts);
    FOR_ACTIVATION(record->integers[1], gated_backward, dgate, dup, dy, gate, up, own)
}
