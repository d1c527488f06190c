/* Activations, gated activations, add and dropout against naive loops in double. */
#include "kernel_check.h"
#include "random.h"


static const int64_t sizes[] = {1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 67, 129, 1009};
#define COUNT(array) (sizeof array / sizeof *array)

static const char *const names[] = {"relu", "gelu_tanh", "gelu_erf", "silu"};

/* A value and a slope, and the magnitudes that their rounding is measured against. */
typedef struct naive {
    double value;
    double slope;
    double value_scale;
    double slope_scale;
} naive;

/* Far out the kernels give a limit that is off by less than this times a unit of rounding. */
#define FLOOR 1e-28

static naive naive_activation(int64_t activation, double x) {
    naive of = {0};
    if (activation == QUERN_RELU) {
        of.value = isnan(x) || x > 0 ? x : 0;
        of.slope = x > 0;
    } else if (activation == QUERN_GELU_TANH) {
        double root = sqrt(2 / acos(-1.0));
        double y = fmin(fmax(x, -30), 30);
        double u = root * (y + 0.044715 * y * y * y);
        double s = 1 / (1 + exp(-2 * u));
        double rest = 1 / (1 + exp(2 * u));
        double curve = y * s * rest * 2 * root * (1 + 3 * 0.044715 * y * y);
        of.value = isinf(x) && x < 0 ? 0 : x * s;
        of.slope = s + curve;
        /* e^-2u errs by what u errs, which is its magnitude's rounding. */
        of.value_scale = fabs(of.value) * (1 + fabs(2 * u));
        of.slope_scale = (s + fabs(curve)) * (1 + fabs(2 * u));
    } else if (activation == QUERN_GELU_ERF) {
        double y = fmin(fmax(x, -30), 30);
        double cumulated = 0.5 * erfc(-y / sqrt(2));
        double curve = y * exp(-y * y / 2) / sqrt(2 * acos(-1.0));
        of.value = isinf(x) && x < 0 ? 0 : x * cumulated;
        of.slope = cumulated + curve;
        /* (1 + erf) / 2 has the rounding of 1, not of itself. */
        of.value_scale = isinf(x) ? 0 : fmin(fabs(x), 14);
        of.slope_scale = 1 + fabs(curve) * (1 + y * y);
    } else {
        double y = fmin(fmax(x, -1000), 1000);
        double s = 1 / (1 + exp(-y));
        double rest = 1 / (1 + exp(y));
        of.value = isinf(x) && x < 0 ? 0 : x * s;
        of.slope = s + y * s * rest;
        of.value_scale = fabs(of.value) * (1 + fmin(fabs(x), 1));
        of.slope_scale = s + fabs(y * s * rest);
    }
    if (isnan(x)) of.value = x;
    if (isnan(x) && activation != QUERN_RELU) of.slope = x;
    of.value_scale = fmax(of.value_scale, FLOOR);
    of.slope_scale = fmax(of.slope_scale, FLOOR);
    return of;
}

static const float special[] = {0.0f,  -0.0f, 80.0f,     -80.0f,   1e4f,  -1e4f, 1e-42f, -1e-42f,
                                3e38f, -3e38f, INFINITY, -INFINITY, NAN,  5.0f,  -5.0f,  -9.9f};

static float *inputs(int64_t n, int kind) {
    float *x = filled(n, kind);
    for (int64_t i = 0; kind == FILL_SMALL && i < n; i++) x[i] *= 6;
    for (size_t i = 0; n > 1000 && i < COUNT(special); i++) x[i * 61] = special[i];
    return x;
}

static void activation_case(int64_t activation, int64_t n, int kind) {
    float *x = inputs(n, kind);
    float *dy = filled(n, FILL_SMALL);
    output out = output_of(n);
    output in_place = output_from(x, n);
    output backward = output_of(n);
    output backward_in_place = output_from(dy, n);
    for (int64_t i = 0; i < n; i++) {
        naive of = naive_activation(activation, x[i]);
        expect(&out, i, of.value, of.value_scale);
        expect(&in_place, i, of.value, of.value_scale);
        expect(&backward, i, dy[i] * of.slope, of.slope_scale);
        expect(&backward_in_place, i, dy[i] * of.slope, of.slope_scale);
    }
    const double ulps = 16;
    const char *what = names[activation];
    quern_record record = {.pointers = {out.p, x}, .integers = {n, activation}};
    check_kernel_runs(what, QUERN_KERNEL_activation_f32, &record, &out, 1, ulps);
    record.pointers[0] = record.pointers[1] = in_place.p;
    check_kernel_runs(what, QUERN_KERNEL_activation_f32, &record, &in_place, 1, ulps);
    record = (quern_record){.pointers = {backward.p, dy, x}, .integers = {n, activation}};
    check_kernel_runs(what, QUERN_KERNEL_activation_backward_f32, &record, &backward, 1, ulps);
    record.pointers[0] = record.pointers[1] = backward_in_place.p;
    check_kernel_runs(what, QUERN_KERNEL_activation_backward_f32, &record, &backward_in_place, 1, ulps);
    free_outputs(&out, 1);
    free_outputs(&in_place, 1);
    free_outputs(&backward, 1);
    free_outputs(&backward_in_place, 1);
    check_free(0);
}

static void gated_case(int64_t activation, int64_t n) {
    float *gate = filled(n, FILL_SMALL);
    float *up = filled(n, FILL_SMALL);
    float *dy = filled(n, FILL_SMALL);
    output out = output_of(n);
    output in_gate = output_from(gate, n);
    output in_up = output_from(up, n);
    output backward[2] = {output_of(n), output_of(n)};
    output in_dy[2] = {output_of(n), output_from(dy, n)};
    for (int64_t i = 0; i < n; i++) {
        naive of = naive_activation(activation, gate[i]);
        double scale = fabs(up[i]) * of.value_scale;
        expect(&out, i, of.value * up[i], scale);
        expect(&in_gate, i, of.value * up[i], scale);
        expect(&in_up, i, of.value * up[i], scale);
        for (int k = 0; k < 2; k++) {
            output *to = k ? in_dy : backward;
            expect(&to[0], i, (double)dy[i] * up[i] * of.slope, fabs(dy[i] * up[i]) * of.slope_scale);
            expect(&to[1], i, dy[i] * of.value, fabs(dy[i]) * of.value_scale);
        }
    }
    const double ulps = 16;
    int32_t kernel = QUERN_KERNEL_gated_activation_f32;
    quern_record record = {.pointers = {out.p, gate, up}, .integers = {n, activation}};
    check_kernel_runs(names[activation], kernel, &record, &out, 1, ulps);
    record.pointers[0] = record.pointers[1] = in_gate.p;
    check_kernel_runs(names[activation], kernel, &record, &in_gate, 1, ulps);
    record.pointers[0] = record.pointers[2] = in_up.p;
    record.pointers[1] = gate;
    check_kernel_runs(names[activation], kernel, &record, &in_up, 1, ulps);
    kernel = QUERN_KERNEL_gated_activation_backward_f32;
    record = (quern_record){.pointers = {backward[0].p, backward[1].p, dy, gate, up},
                            .integers = {n, activation}};
    check_kernel_runs(names[activation], kernel, &record, backward, 2, ulps);
    record = (quern_record){.pointers = {in_dy[0].p, in_dy[1].p, in_dy[1].p, gate, up},
                            .integers = {n, activation}};
    check_kernel_runs(names[activation], kernel, &record, in_dy, 2, ulps);
    free_outputs(&out, 1);
    free_outputs(&in_gate, 1);
    free_outputs(&in_up, 1);
    free_outputs(backward, 2);
    free_outputs(in_dy, 2);
    check_free(0);
}

static void add_case(int64_t n, int kind) {
    float *a = inputs(n, kind);
    float *b = filled(n, kind);
    output out = output_of(n);
    output in_place = output_from(b, n);
    for (int64_t i = 0; i < n; i++) {
        expect(&out, i, a[i] + b[i], 0);
        expect(&in_place, i, a[i] + b[i], 0);
    }
    quern_record record = {.pointers = {out.p, a, b}, .integers = {n}};
    check_kernel_runs("add", QUERN_KERNEL_add_f32, &record, &out, 1, 0);
    record.pointers[0] = record.pointers[2] = in_place.p;
    check_kernel_runs("add", QUERN_KERNEL_add_f32, &record, &in_place, 1, 0);
    free_outputs(&out, 1);
    free_outputs(&in_place, 1);
    check_free(0);
}

static void dropout_case(int64_t n, float probability) {
    quern_step step = {.seed = 0x123456789abcdef0, .sequence = 41};
    const int64_t stream = 7;
    quern_random random = quern_random_of(&step, stream);
    float *x = inputs(n, FILL_SMALL);
    output out = output_of(n);
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        int keep = quern_random_at(&random, (uint64_t)i) >= probability;
        kept += keep;
        expect(&out, i, keep ? x[i] / (1.0 - probability) : 0, 0);
    }
    double deviation = sqrt((double)n * probability * (1 - probability));
    CHECK(fabs((double)kept - (double)n * (1 - probability)) <= 5 * deviation, "kept %lld of %lld",
          (long long)kept, (long long)n);
    quern_record record = {.step = &step,
                           .pointers = {out.p, x},
                           .integers = {n, stream},
                           .floats = {probability}};
    check_kernel_runs("dropout", QUERN_KERNEL_dropout_f32, &record, &out, 1, 4);
    free_outputs(&out, 1);
    check_free(0);
}

static void round_case(int64_t n, int kind) {
    float *x = inputs(n, kind);
    const uint32_t odd[] = {0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff, 0x7f800001, 0xff80ffff, 0x00008001};
    for (size_t i = 0; i < COUNT(odd) && (int64_t)i < n; i++) memcpy(x + i, odd + i, sizeof *x);
    output same = output_of(n), in_place = output_from(x, n), wide = output_of(n);
    uint16_t *y = halves(n), *alone = halves(n);
    for (int64_t i = 0; i < n; i++) {
        alone[i] = check_to_bf16(x[i]);
        expect(&same, i, check_of_bf16(alone[i]), 0);
        expect(&in_place, i, check_of_bf16(alone[i]), 0);
        expect(&wide, i, check_of_bf16(alone[i]), 0);
    }
    quern_record record = {.pointers = {y, NULL, x}, .integers = {n}};
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, QUERN_KERNEL_round_f32)) continue;
        for (int32_t parts = 1; parts <= MOST_PARTS; parts++) {
            memset(y, 0xff, (size_t)n * sizeof *y);
            CHECK(check_run(QUERN_KERNEL_round_f32, tier, &record, parts) == QUERN_OK, "status");
            CHECK(memcmp(y, alone, (size_t)n * sizeof *y) == 0, "%s round %lld, %d parts",
                  check_tier_names[tier], (long long)n, parts);
        }
    }
    record.pointers[1] = same.p;
    check_kernel_runs("round", QUERN_KERNEL_round_f32, &record, &same, 1, 0);
    record.pointers[1] = record.pointers[2] = in_place.p;
    check_kernel_runs("round", QUERN_KERNEL_round_f32, &record, &in_place, 1, 0);
    CHECK(memcmp(y, alone, (size_t)n * sizeof *y) == 0, "rounded in place");
    record = (quern_record){.pointers = {wide.p, alone}, .integers = {n}};
    check_kernel_runs("widen", QUERN_KERNEL_widen_bf16, &record, &wide, 1, 0);
    free_outputs(&same, 1);
    free_outputs(&in_place, 1);
    free_outputs(&wide, 1);
    check_free(0);
}

int main(void) {
    for (size_t i = 0; i < COUNT(sizes); i++) {
        round_case(sizes[i], FILL_SMALL);
        round_case(sizes[i], FILL_10000);
        round_case(sizes[i], FILL_SUBNORMAL);
        for (int64_t activation = QUERN_RELU; activation <= QUERN_SILU; activation++) {
            activation_case(activation, sizes[i], FILL_SMALL);
            activation_case(activation, sizes[i], FILL_80);
            activation_case(activation, sizes[i], FILL_10000);
            activation_case(activation, sizes[i], FILL_SUBNORMAL);
            gated_case(activation, sizes[i]);
        }
        add_case(sizes[i], FILL_INTEGERS);
        add_case(sizes[i], FILL_SUBNORMAL);
        dropout_case(sizes[i], 0.1f);
        dropout_case(sizes[i], 0.0f);
        dropout_case(sizes[i], 1.0f);
    }
    dropout_case(100003, 0.25f);
    float y;
    quern_record record = {.pointers = {&y, &y}, .integers = {1, 4}};
    check_kernel_refuses("activation", QUERN_KERNEL_activation_f32, &record, QUERN_BAD_PROGRAM,
                         "activation 4");
    return check_result();
}
