/* square_sum, gradient_norm, adamw and sgd against naive loops in double. */
#include "kernel_check.h"


static const int64_t sizes[] = {1, 7, 8, 15, 16, 17, 31, 67, 1009};
#define COUNT(array) (sizeof array / sizeof *array)

static void square_sum_case(int64_t n, int kind) {
    float *x = filled(n, kind);
    output out = output_of((n + QUERN_SQUARE_SUM_BLOCK - 1) / QUERN_SQUARE_SUM_BLOCK);
    for (int64_t j = 0; j < out.n; j++) {
        double sum = 0;
        for (int64_t i = j * QUERN_SQUARE_SUM_BLOCK; i < n && i < (j + 1) * QUERN_SQUARE_SUM_BLOCK; i++) {
            sum += (double)x[i] * x[i];
        }
        expect(&out, j, sum, 0);
    }
    quern_record record = {.pointers = {out.p, x}, .integers = {n}};
    check_kernel_runs("square_sum", QUERN_KERNEL_square_sum_f32, &record, &out, 1, 1.01);
    free_outputs(&out, 1);
    check_free(0);
}

static void gradient_norm_case(float max_norm, float poison, float loss) {
    enum { N = 5 };
    float *partial = check_floats(N);
    double sum = 0;
    for (int i = 0; i < N; i++) partial[i] = (float)(i + 1);
    partial[3] += poison;
    for (int i = 0; i < N; i++) sum += partial[i];
    double norm = sqrt(sum);
    output out = output_of(1);
    expect(&out, 0, norm, 0);
    quern_step step = {.max_norm = max_norm, .loss = loss};
    quern_record record = {.step = &step, .pointers = {out.p, partial}, .integers = {N}};
    check_kernel_runs("gradient_norm", QUERN_KERNEL_gradient_norm_f32, &record, &out, 1, 1.01);
    CHECK(step.nonfinite == (isfinite(norm) && isfinite(loss) ? 0 : 1), "nonfinite is %d",
          step.nonfinite);
    if (!step.nonfinite) {
        double scale = max_norm > 0 ? fmin(1, max_norm / (norm + 1e-6)) : 1;
        CHECK(step.grad_norm == out.p[0], "step.grad_norm is %g", (double)step.grad_norm);
        CHECK(is_close(step.clip_scale, scale, scale, 1.01), "clip_scale is %.9g, not %.9g",
              (double)step.clip_scale, scale);
    }
    free_outputs(&out, 1);
    check_free(0);
}

typedef struct settings {
    int64_t step;
    float rate, clip, beta1, beta2, epsilon, decay;
} settings;

static void adamw_case(int64_t n, settings of) {
    float *p = filled(n, FILL_SMALL);
    float *grad = filled(n, FILL_SMALL);
    float *m = filled(n, FILL_SMALL);
    float *v = filled(n, FILL_SMALL);
    for (int64_t i = 0; i < n; i++) v[i] = of.step == 1 ? 0 : v[i] * v[i];
    for (int64_t i = 0; of.step == 1 && i < n; i++) m[i] = 0;
    output out[4] = {output_from(p, n), output_from(grad, n), output_from(m, n), output_from(v, n)};
    for (int64_t i = 0; i < n; i++) {
        double g = (double)grad[i] * of.clip;
        double first = of.beta1 * m[i] + (1 - (double)of.beta1) * g;
        double second = of.beta2 * v[i] + (1 - (double)of.beta2) * g * g;
        double decayed = p[i] * (1 - (double)of.rate * of.decay);
        double correction1 = 1 - pow(of.beta1, (double)of.step);
        double correction2 = 1 - pow(of.beta2, (double)of.step);
        double change = of.rate / correction1 * first / (sqrt(second) / sqrt(correction2) + of.epsilon);
        double first_scale = fabs(m[i]) + fabs(g);
        expect(&out[0], i, decayed - change,
               fabs(decayed) + fabs(change) * (1 + first_scale / fmax(fabs(first), 1e-30)));
        expect(&out[1], i, grad[i], 0);
        expect(&out[2], i, first, first_scale);
        expect(&out[3], i, second, 0);
    }
    quern_step step = {.step = of.step, .learning_rate = of.rate, .clip_scale = of.clip};
    quern_record record = {.step = &step,
                           .pointers = {out[0].p, out[1].p, out[2].p, out[3].p},
                           .integers = {n},
                           .floats = {of.beta1, of.beta2, of.epsilon, of.decay}};
    check_kernel_runs("adamw", QUERN_KERNEL_adamw_f32, &record, out, 4, 8);

    step.nonfinite = 1;
    for (int64_t i = 0; i < n; i++) {
        expect(&out[0], i, p[i], 0);
        expect(&out[1], i, grad[i], 0);
        expect(&out[2], i, m[i], 0);
        expect(&out[3], i, v[i], 0);
    }
    check_kernel_runs("adamw, nonfinite", QUERN_KERNEL_adamw_f32, &record, out, 4, 0);
    free_outputs(out, 4);
    check_free(0);
}

static void sgd_case(int64_t n, settings of) {
    float *p = filled(n, FILL_SMALL);
    float *grad = filled(n, FILL_SMALL);
    float *m = filled(n, FILL_SMALL);
    output out[3] = {output_from(p, n), output_from(grad, n), output_from(m, n)};
    for (int64_t i = 0; i < n; i++) {
        double g = (double)grad[i] * of.clip + (double)of.decay * p[i];
        double momentum = of.beta1 * m[i] + g;
        double scale = fabs(of.beta1 * m[i]) + fabs(grad[i] * of.clip) + fabs(of.decay * p[i]);
        expect(&out[0], i, p[i] - of.rate * momentum, fabs(p[i]) + of.rate * scale);
        expect(&out[1], i, grad[i], 0);
        expect(&out[2], i, momentum, scale);
    }
    quern_step step = {.step = of.step, .learning_rate = of.rate, .clip_scale = of.clip};
    quern_record record = {.step = &step,
                           .pointers = {out[0].p, out[1].p, out[2].p},
                           .integers = {n},
                           .floats = {of.beta1, of.decay}};
    check_kernel_runs("sgd", QUERN_KERNEL_sgd_f32, &record, out, 3, 4);

    step.nonfinite = 1;
    for (int64_t i = 0; i < n; i++) {
        expect(&out[0], i, p[i], 0);
        expect(&out[1], i, grad[i], 0);
        expect(&out[2], i, m[i], 0);
    }
    check_kernel_runs("sgd, nonfinite", QUERN_KERNEL_sgd_f32, &record, out, 3, 0);
    free_outputs(out, 3);
    check_free(0);
}

/* A copy in BF16 is that of the parameter as it is updated, which has the bits that it has without. */
static void copy_case(int32_t kernel, int64_t n, int place) {
    const float *initial[4] = {filled(n, FILL_SMALL), filled(n, FILL_SMALL), filled(n, FILL_SMALL),
                               filled(n, FILL_SMALL)};
    float *p[4], *updated = check_floats(n);
    for (int k = 0; k < 4; k++) p[k] = check_floats(n);
    uint16_t *copy = halves(n);
    quern_step step = {.step = 3, .learning_rate = 0.25f, .clip_scale = 1};
    quern_record record = {.step = &step,
                           .pointers = {p[0], p[1], p[2]},
                           .integers = {n},
                           .floats = {0.5f, 0.75f, 0.25f, 0.125f}};
    if (kernel == QUERN_KERNEL_adamw_f32) record.pointers[3] = p[3];
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, kernel)) continue;
        for (int32_t parts = 0; parts <= MOST_PARTS; parts++) {
            for (int k = 0; k < 4; k++) {
                for (int64_t i = 0; i < n; i++) p[k][i] = fabsf(initial[k][i]);
            }
            memset(copy, 0x5a, (size_t)n * sizeof *copy);
            record.pointers[place] = parts ? copy : NULL;
            step.nonfinite = 0;
            check_run(kernel, tier, &record, parts ? parts : 1);
            if (!parts) memcpy(updated, p[0], sizeof(float) * (size_t)n);
            CHECK(memcmp(updated, p[0], sizeof(float) * (size_t)n) == 0, "parameter with a copy");
            for (int64_t i = 0; i < n; i++) {
                const uint16_t wanted = parts ? check_to_bf16(p[0][i]) : 0x5a5a;
                CHECK(copy[i] == wanted, "%s copy of %lld, %d parts", check_tier_names[tier], (long long)n,
                      (int)parts);
            }
        }
        memset(copy, 0x5a, (size_t)n * sizeof *copy);
        step.nonfinite = 1;
        check_run(kernel, tier, &record, 2);
        for (int64_t i = 0; i < n; i++) {
            CHECK(copy[i] == 0x5a5a && p[0][i] == updated[i], "%s changes nothing", check_tier_names[tier]);
        }
    }
    check_free(0);
}

/*
 * Squares of the gradient in the record: clip_scale does not count; squares that are not finite stop
 * this update and later ones, but none before it, whose workers may be late.
 */
static void immediate_case(int32_t kernel, int place) {
    enum { N = 67, NODE = 7 };
    float *initial[4], *p[4], *expected = check_floats(N);
    for (int k = 0; k < 4; k++) {
        initial[k] = filled(N, FILL_INTEGERS);
        p[k] = check_floats(N);
        for (int i = 0; i < N; i++) initial[k][i] = fabsf(initial[k][i]) + 1;
    }
    float *squares = check_floats(2);
    quern_step step = {.step = 3, .learning_rate = 0.25f, .clip_scale = 1};
    quern_record record = {.node = NODE,
                           .step = &step,
                           .pointers = {p[0], p[1], p[2], p[3]},
                           .integers = {N, 2},
                           .floats = {0.5f, 0.75f, 0.25f, 0.125f}};
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, kernel)) continue;
        step.nonfinite = 0;
        step.clip_scale = 1;
        record.pointers[place] = NULL;
        for (int k = 0; k < 4; k++) memcpy(p[k], initial[k], sizeof(float) * N);
        check_run(kernel, tier, &record, 2);
        memcpy(expected, p[0], sizeof(float) * N);
        CHECK(memcmp(expected, initial[0], sizeof(float) * N) != 0, "an update changes the parameter");

        record.pointers[place] = squares;
        step.clip_scale = 0;
        /* What squares hold, what step.nonfinite holds before and after, and whether it updates. */
        const struct {
            float square;
            int32_t before, after;
            int updates;
        } cases[] = {{1, 0, 0, 1},
                     {1, NODE + 2, NODE + 2, 1},
                     {1, NODE, NODE, 0},
                     {NAN, 0, NODE + 1, 0},
                     {INFINITY, 0, NODE + 1, 0}};
        for (size_t c = 0; c < COUNT(cases); c++) {
            for (int k = 0; k < 4; k++) memcpy(p[k], initial[k], sizeof(float) * N);
            squares[0] = 2;
            squares[1] = cases[c].square;
            step.nonfinite = cases[c].before;
            check_run(kernel, tier, &record, 2);
            CHECK(step.nonfinite == cases[c].after, "nonfinite is %d", step.nonfinite);
            const float *wanted = cases[c].updates ? expected : initial[0];
            CHECK(memcmp(p[0], wanted, sizeof(float) * N) == 0, "%s, case %d", check_tier_names[tier],
                  (int)c);
        }
    }
    check_free(0);
}

int main(void) {
    immediate_case(QUERN_KERNEL_adamw_f32, 4);
    immediate_case(QUERN_KERNEL_sgd_f32, 3);
    const settings cases[] = {
        {1, 1e-3f, 1, 0.9f, 0.999f, 1e-8f, 0.1f},
        {7, 3e-4f, 0.25f, 0.9f, 0.95f, 1e-8f, 0},
        {100000, 0.1f, 1, 0.0f, 0.99f, 1e-5f, 0.01f},
    };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        for (size_t k = 0; k < COUNT(cases); k++) {
            adamw_case(sizes[i], cases[k]);
            sgd_case(sizes[i], cases[k]);
        }
        copy_case(QUERN_KERNEL_adamw_f32, sizes[i], 5);
        copy_case(QUERN_KERNEL_sgd_f32, sizes[i], 4);
        square_sum_case(sizes[i], FILL_SMALL);
    }
    square_sum_case(QUERN_SQUARE_SUM_BLOCK - 1, FILL_10000);
    square_sum_case(QUERN_SQUARE_SUM_BLOCK, FILL_80);
    square_sum_case(3 * QUERN_SQUARE_SUM_BLOCK + 5, FILL_SMALL);
    gradient_norm_case(0, 0, 1);
    gradient_norm_case(1, 0, 1);
    gradient_norm_case(100, 0, 1);
    gradient_norm_case(1, INFINITY, 1);
    gradient_norm_case(1, NAN, 1);
    gradient_norm_case(1, 0, NAN);
    gradient_norm_case(1, 0, INFINITY);
    return check_result();
}
