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

typedef valued activation(vfloat x);

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
QUERN_INLINE logistic logistic_of(vfloat x) {
    vfloat e = v_exp(-x);
    vfloat value = v_splat(1.0f) / (v_splat(1.0f) + e);
    return (logistic){value, e * value};
}

QUERN_INLINE valued relu(vfloat x) {
    vfloat value = v_select(v_less(x, v_zero()), v_zero(), x);
    vfloat slope = v_select(v_less(v_zero(), x), v_splat(1.0f), v_zero());
    return (valued){value, slope};
}

/*
 * 0.5 (1 + tanh u) is the logistic function of 2u, which keeps its precision where tanh is near -1.
 * u = sqrt(2/pi) (x + 0.044715 x^3).
 */
QUERN_INLINE valued gelu_tanh(vfloat x) {
    const double root = 0.79788456080286536;
    vfloat inner = within(x, 10.0f);
    vfloat square = inner * inner;
    vfloat linear = v_splat((float)(2 * root));
    vfloat u = inner * v_fma(v_splat((float)(2 * root * 0.044715)), square, linear);
    vfloat u_slope = v_fma(v_splat((float)(6 * root * 0.044715)), square, linear);
    logistic s = logistic_of(u);
    vfloat slope = v_fma(inner * s.value * s.rest, u_slope, s.value);
    return (valued){at_least(x, -10.0f) * s.value, slope};
}

QUERN_INLINE valued gelu_erf(vfloat x) {
    vfloat inner = within(x, 13.0f);
    vfloat half = v_splat(0.5f);
    vfloat cumulated = v_fma(half, v_erf(inner * v_splat(0.707106781f)), half);
    vfloat density = v_splat(0.398942280f) * v_exp(inner * inner * v_splat(-0.5f));
    return (valued){at_least(x, -13.0f) * cumulated, v_fma(inner, density, cumulated)};
}

QUERN_INLINE valued silu(vfloat x) {
    vfloat inner = within(x, 88.0f);
    logistic s = logistic_of(inner);
    vfloat slope = v_fma(inner * s.value, s.rest, s.value);
    return (valued){at_least(x, -88.0f) * s.value, slope};
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

QUERN_INLINE void forward_step(activation *act, float *y, const float *x, int64_t count) {
    store_up_to(y, act(load_up_to(x, count)).value, count);
}

QUERN_INLINE void forward(activation *act, float *y, const float *x, quern_range own) {
    int64_t i = own.first;
    for (; i + QUERN_LANES <= own.last; i += QUERN_LANES) {
        forward_step(act, y + i, x + i, QUERN_LANES);
    }
    if (i < own.last) {
        forward_step(act, y + i, x + i, own.last - i);
    }
}

QUERN_KERNEL_DEFINE(activation_f32) {
    float *y = record->pointers[0];
    const float *x = record->pointers[1];
    quern_range own = quern_share(record->integers[0], SHARE_MULTIPLE, part, parts);
    FOR_ACTIVATION(record->integers[1], forward, y, x, own)
}

/* y = act(x), so dx = dy act'(x). */
QUERN_INLINE void backward_step(activation *act, float *dx, const float *dy, const float *x,
                                int64_t count) {
    store_up_to(dx, load_up_to(dy, count) * act(load_up_to(x, count)).slope, count);
}

QUERN_INLINE void backward(activation *act, float *dx, const float *dy, const float *x,
                           quern_range own) {
    int64_t i = own.first;
    for (; i + QUERN_LANES <= own.last; i += QUERN_LANES) {
        backward_step(act, dx + i, dy + i, x + i, QUERN_LANES);
    }
    if (i < own.last) {
        backward_step(act, dx + i, dy + i, x + i, own.last - i);
    }
}

QUERN_KERNEL_DEFINE(activation_backward_f32) {
    float *dx = record->pointers[0];
    const float *dy = record->pointers[1];
    const float *x = record->pointers[2];
    quern_range own = quern_share(record->integers[0], SHARE_MULTIPLE, part, parts);
    FOR_ACTIVATION(record->integers[1], backward, dx, dy, x, own)
}

QUERN_INLINE void gated_step(activation *act, float *y, const float *gate, const float *up,
                             int64_t count) {
    store_up_to(y, act(load_up_to(gate, count)).value * load_up_to(up, count), count);
}

QUERN_INLINE void gated(activation *act, float *y, const float *gate, const float *up,
                        quern_range own) {
    int64_t i = own.first;
    for (; i + QUERN_LANES <= own.last; i += QUERN_LANES) {
        gated_step(act, y + i, gate + i, up + i, QUERN_LANES);
    }
    if (i < own.last) {
        gated_step(act, y + i, gate + i, up + i, own.last - i);
    }
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
                                      const float *gate, const float *up, int64_t count) {
    vfloat gradient = load_up_to(dy, count);
    valued of = act(load_up_to(gate, count));
    vfloat factor = load_up_to(up, count);
    store_up_to(dgate, gradient * factor * of.slope, count);
    store_up_to(dup, gradient * of.value, count);
}

QUERN_INLINE void gated_backward(activation *act, float *dgate, float *dup, const float *dy,
                                 const float *gate, const float *up, quern_range own) {
    int64_t i = own.first;
    for (; i + QUERN_LANES <= own.last; i += QUERN_LANES) {
        gated_backward_step(act, dgate + i, dup + i, dy + i, gate + i, up + i, QUERN_LANES);
    }
    if (i < own.last) {
        gated_backward_step(act, dgate + i, dup + i, dy + i, gate + i, up + i, own.last - i);
    }
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
