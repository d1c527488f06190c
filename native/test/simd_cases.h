/* The vector layer's functions against libm in double; included once for each tier. */
#ifndef QUERN_SIMD_CASES_H
#define QUERN_SIMD_CASES_H

#include "check.h"
#include "simd/simd.h"

typedef enum function { EXP, LOG, TANH, ERF, SQRT, FUNCTIONS } function;

static const char *const names[FUNCTIONS] = {"exp", "log", "tanh", "erf", "sqrt"};

static double expected(function f, double x) {
    switch (f) {
        case EXP: return exp(x);
        case LOG: return log(x);
        case TANH: return tanh(x);
        case ERF: return erf(x);
        default: return sqrt(x);
    }
}

static void apply(function f, float *y, const float *x) {
    vfloat v = v_load(x);
    switch (f) {
        case EXP: v_store(y, v_exp(v)); break;
        case LOG: v_store(y, v_log(v)); break;
        case TANH: v_store(y, v_tanh(v)); break;
        case ERF: v_store(y, v_erf(v)); break;
        default: v_store(y, v_sqrt(v)); break;
    }
}

/* |y - e| in units of the last place of e as a float. */
static double ulps(float y, double e) {
    float rounded = (float)e;
    if (isnan(e)) return isnan(y) ? 0 : INFINITY;
    if (isinf(rounded) || isinf(y)) return y == rounded ? 0 : INFINITY;
    int exponent;
    frexp(e, &exponent);
    return fabs((double)y - e) / ldexp(1.0, (exponent < -125 ? -125 : exponent) - 24);
}

static void check_functions(void) {
    static const double allowed[FUNCTIONS] = {1.5, 1.5, 2.5, 2.5, 0.51};
    for (int f = 0; f < FUNCTIONS; f++) {
        double worst = 0;
        float at = 0;
        /* Every 4099th of all bit patterns: all exponents, subnormals, infinities, NaNs. */
        uint32_t bits = 0;
        for (int64_t i = 0; i < (1LL << 32); i += 4099 * QUERN_LANES) {
            float x[QUERN_LANES], y[QUERN_LANES];
            for (int lane = 0; lane < QUERN_LANES; lane++) {
                memcpy(&x[lane], &bits, sizeof bits);
                bits += 4099;
            }
            apply((function)f, y, x);
            for (int lane = 0; lane < QUERN_LANES; lane++) {
                double error = ulps(y[lane], expected((function)f, x[lane]));
                if (error > worst) {
                    worst = error;
                    at = x[lane];
                }
            }
        }
        printf("%s: %.2f ulp at %g\n", names[f], worst, (double)at);
        CHECK(worst <= allowed[f], "%s: %g ulp at %.9g", names[f], worst, (double)at);
    }
    static const float special[] = {0.0f, -0.0f, 80.0f, -80.0f, 1e4f, -1e4f, INFINITY, -INFINITY,
                                    NAN, 1e-42f, -1e-42f, 88.73f, -103.9f, -104.1f, 0.625f, 0.92f};
    for (int f = 0; f < FUNCTIONS; f++) {
        for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
            float x[QUERN_LANES], y[QUERN_LANES];
            for (int lane = 0; lane < QUERN_LANES; lane++) x[lane] = special[i];
            apply((function)f, y, x);
            for (int lane = 0; lane < QUERN_LANES; lane++) {
                double e = expected((function)f, x[lane]);
                CHECK(ulps(y[lane], e) <= allowed[f], "%s(%g) = %g, not %g", names[f],
                      (double)x[lane], (double)y[lane], e);
            }
        }
    }
}

static void check_memory(void) {
    for (int64_t n = 0; n <= QUERN_LANES; n++) {
        float *from = check_random(n, 1);
        float *to = check_floats(n);
        vfloat v = v_load_first(from, n);
        v_store_first(to, v, n);
        CHECK(memcmp(from, to, (size_t)n * sizeof *to) == 0, "first %d", (int)n);
        float all[QUERN_LANES];
        v_store(all, v);
        for (int64_t i = n; i < QUERN_LANES; i++) CHECK(all[i] == 0, "lane %d", (int)i);
        check_free(0);
    }
}

static void check_folds(void) {
    float x[QUERN_LANES];
    float sum = 0, highest = -INFINITY;
    for (int i = 0; i < QUERN_LANES; i++) {
        x[i] = (float)check_below(1000) - 500;
        sum += x[i];
        highest = x[i] > highest ? x[i] : highest;
    }
    CHECK(v_sum(v_load(x)) == sum, "sum");
    CHECK(v_highest(v_load(x)) == highest, "highest");
    float y[QUERN_LANES];
    v_store(y, v_max(v_splat(1.0f), v_splat(NAN)));
    CHECK(isnan(y[0]), "max keeps a NaN in its second operand");
    v_store(y, v_min(v_splat(NAN), v_splat(1.0f)));
    CHECK(y[0] == 1.0f, "min drops a NaN in its first operand");
}

static int run_cases(void) {
    check_functions();
    check_memory();
    for (int i = 0; i < 100; i++) check_folds();
    return check_result();
}

#endif
