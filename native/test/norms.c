/* layer_norm, rms_norm and column_sum against naive loops in double. */
#include "kernel_check.h"


static const int64_t sizes[] = {1, 2, 7, 8, 9, 15, 16, 17, 35, 67, 97, 1031};
static const int64_t row_counts[] = {1, 3, 131};
#define COUNT(array) (sizeof array / sizeof *array)

typedef struct statistics {
    double mean;
    double rstd;
    double magnitude;
} statistics;

static statistics statistics_of(const float *x, int64_t channels, double epsilon, int about_mean) {
    statistics of = {0, 0, 0};
    for (int64_t c = 0; c < channels; c++) {
        of.mean += x[c] / (double)channels;
        of.magnitude = fmax(of.magnitude, fabs(x[c]));
    }
    if (!about_mean) of.mean = 0;
    double variance = 0;
    for (int64_t c = 0; c < channels; c++) {
        variance += (x[c] - of.mean) * (x[c] - of.mean) / (double)channels;
    }
    of.rstd = 1 / sqrt(variance + epsilon);
    return of;
}

static void layer_norm_case(int64_t rows, int64_t channels, int kind, int with_beta) {
    int64_t n = rows * channels;
    const float epsilon = 1e-5f;
    float *x = filled(n, kind);
    float *gamma = filled(channels, FILL_SMALL);
    float *beta = with_beta ? filled(channels, FILL_SMALL) : NULL;
    output out[3] = {output_of(n), output_of(rows), output_of(rows)};
    for (int64_t r = 0; r < rows; r++) {
        const float *row = x + r * channels;
        statistics of = statistics_of(row, channels, epsilon, 1);
        expect(&out[1], r, of.mean, of.magnitude);
        expect(&out[2], r, of.rstd, 0);
        for (int64_t c = 0; c < channels; c++) {
            double shift = beta ? beta[c] : 0;
            double value = (row[c] - of.mean) * of.rstd * gamma[c] + shift;
            /* The mean is stored as a float, so x - mean errs by the rounding of x's magnitude. */
            expect(&out[0], r * channels + c, value,
                   of.magnitude * of.rstd * fabs(gamma[c]) + fabs(shift));
        }
    }
    quern_record record = {.pointers = {out[0].p, out[1].p, out[2].p, x, gamma, beta},
                           .integers = {rows, channels},
                           .floats = {epsilon}};
    check_kernel_runs("layer_norm", QUERN_KERNEL_layer_norm_f32, &record, out, 3, 6);
    free_outputs(out, 3);
    check_free(0);
}

static void rms_norm_case(int64_t rows, int64_t channels, int kind) {
    int64_t n = rows * channels;
    const float epsilon = 1e-6f;
    float *x = filled(n, kind);
    float *gamma = filled(channels, FILL_SMALL);
    output out[2] = {output_of(n), output_of(rows)};
    for (int64_t r = 0; r < rows; r++) {
        const float *row = x + r * channels;
        statistics of = statistics_of(row, channels, epsilon, 0);
        expect(&out[1], r, of.rstd, 0);
        for (int64_t c = 0; c < channels; c++) {
            expect(&out[0], r * channels + c, row[c] * of.rstd * gamma[c], 0);
        }
    }
    quern_record record = {.pointers = {out[0].p, out[1].p, x, gamma},
                           .integers = {rows, channels},
                           .floats = {epsilon}};
    check_kernel_runs("rms_norm", QUERN_KERNEL_rms_norm_f32, &record, out, 2, 8);
    free_outputs(out, 2);
    check_free(0);
}

/* For both: rms_norm is the case of mean 0 whose gradient has no term of the mean. */
static void backward_case(int64_t rows, int64_t channels, int kind, int about_mean, int with_beta) {
    int64_t n = rows * channels;
    float *x = filled(n, kind);
    float *gamma = filled(channels, FILL_SMALL);
    float *dout = filled(n, FILL_SMALL);
    float *mean = check_floats(rows);
    float *rstd = check_floats(rows);
    float *before = filled(channels, FILL_SMALL);
    output out[3] = {output_of(n), output_from(before, channels), output_from(before, channels)};
    double *gamma_sum = check_heap((size_t)channels * 4 * sizeof(double));
    double *gamma_scale = gamma_sum + channels;
    double *beta_sum = gamma_sum + 2 * channels;
    double *beta_scale = gamma_sum + 3 * channels;
    for (int64_t c = 0; c < channels; c++) {
        gamma_sum[c] = beta_sum[c] = before[c];
        gamma_scale[c] = beta_scale[c] = fabs(before[c]);
    }
    for (int64_t r = 0; r < rows; r++) {
        const float *row = x + r * channels;
        const float *g = dout + r * channels;
        statistics of = statistics_of(row, channels, 1e-5, about_mean);
        mean[r] = (float)of.mean;
        rstd[r] = (float)of.rstd;
        double mean_gradient = 0, mean_product = 0, gradient_scale = 0, product_scale = 0;
        for (int64_t c = 0; c < channels; c++) {
            double gradient = (double)g[c] * gamma[c] / (double)channels;
            double standard = ((double)row[c] - mean[r]) * rstd[r];
            mean_gradient += gradient;
            mean_product += gradient * standard;
            gradient_scale += fabs(gradient);
            product_scale += fabs(gradient * standard);
        }
        if (!about_mean) mean_gradient = 0;
        for (int64_t c = 0; c < channels; c++) {
            double standard = ((double)row[c] - mean[r]) * rstd[r];
            double dx = rstd[r] * ((double)g[c] * gamma[c] - mean_gradient - standard * mean_product);
            double scale = rstd[r] * (fabs((double)g[c] * gamma[c]) + gradient_scale +
                                      fabs(standard) * product_scale);
            expect(&out[0], r * channels + c, dx, scale);
            gamma_sum[c] += g[c] * standard;
            gamma_scale[c] += fabs(g[c] * standard);
            beta_sum[c] += g[c];
            beta_scale[c] += fabs(g[c]);
        }
    }
    for (int64_t c = 0; c < channels; c++) {
        expect(&out[1], c, gamma_sum[c], gamma_scale[c]);
        expect(&out[2], c, beta_sum[c], beta_scale[c]);
    }
    if (about_mean) {
        quern_record record = {
            .pointers = {out[0].p, out[1].p, with_beta ? out[2].p : NULL, dout, x, mean, rstd, gamma},
            .integers = {rows, channels}};
        check_gradient_runs("layer_norm_backward", QUERN_KERNEL_layer_norm_backward_f32, &record, out,
                            with_beta ? 3 : 2, (const int[]){-1, 1, 2}, 12);
    } else {
        quern_record record = {.pointers = {out[0].p, out[1].p, dout, x, rstd, gamma},
                               .integers = {rows, channels}};
        check_gradient_runs("rms_norm_backward", QUERN_KERNEL_rms_norm_backward_f32, &record, out, 2,
                            (const int[]){-1, 1}, 12);
    }
    free(gamma_sum);
    free_outputs(out, 3);
    check_free(0);
}

static void column_sum_case(int64_t rows, int64_t channels, int kind) {
    float *x = filled(rows * channels, kind);
    float *before = filled(channels, kind);
    output out = output_from(before, channels);
    for (int64_t c = 0; c < channels; c++) {
        double sum = before[c], scale = fabs(before[c]);
        for (int64_t r = 0; r < rows; r++) {
            sum += x[r * channels + c];
            scale += fabs(x[r * channels + c]);
        }
        expect(&out, c, sum, scale);
    }
    quern_record record = {.pointers = {out.p, x}, .integers = {rows, channels}};
    check_gradient_runs("column_sum", QUERN_KERNEL_column_sum_f32, &record, &out, 1, (const int[]){0},
                        kind == FILL_INTEGERS ? 0 : 10);
    free_outputs(&out, 1);
    check_free(0);
}

/* A row with an infinity or a NaN gives NaN in that row alone. */
static void poisoned_row(float poison) {
    enum { ROWS = 3, CHANNELS = 19 };
    float *x = filled(ROWS * CHANNELS, FILL_SMALL);
    float *gamma = filled(CHANNELS, FILL_SMALL);
    x[CHANNELS + 5] = poison;
    float *out = check_floats(ROWS * CHANNELS);
    float *mean = check_floats(ROWS);
    float *rstd = check_floats(ROWS);
    quern_record record = {.pointers = {out, mean, rstd, x, gamma, NULL},
                           .integers = {ROWS, CHANNELS},
                           .floats = {1e-5f}};
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, QUERN_KERNEL_layer_norm_f32)) continue;
        check_run(QUERN_KERNEL_layer_norm_f32, tier, &record, 2);
        for (int i = 0; i < ROWS * CHANNELS; i++) {
            CHECK(isnan(out[i]) == (i / CHANNELS == 1), "%s: out[%d] = %g beside %g",
                  check_tier_names[tier], i, (double)out[i], (double)poison);
        }
    }
    check_free(0);
}

int main(void) {
    for (size_t r = 0; r < COUNT(row_counts); r++) {
        for (size_t c = 0; c < COUNT(sizes); c++) {
            int64_t rows = row_counts[r];
            int64_t channels = sizes[c];
            for (int kind = 0; kind < FILLS; kind++) {
                layer_norm_case(rows, channels, kind, kind % 2 == 0);
                rms_norm_case(rows, channels, kind);
                backward_case(rows, channels, kind, 1, kind % 2 == 0);
                backward_case(rows, channels, kind, 0, 0);
            }
            column_sum_case(rows, channels, FILL_INTEGERS);
            column_sum_case(rows, channels, FILL_10000);
        }
    }
    poisoned_row(INFINITY);
    poisoned_row(NAN);
    return check_result();
}
