/*
 * Layer normalization (Ba, Kiros and Hinton 2016), forward and backward. N rows, C channels.
 *
 * A row's sums run in vectors over blocks of BLOCK channels, and the blocks are added as doubles:
 * an order that depends on C alone.
 */
#include "elements.h"
#include "kernels/fused.h"

#include <math.h>

#define BLOCK (64 * QUERN_LANES)

/* x with the elements from n on made 0. */
QUERN_INLINE vfloat keep_first(vfloat x, int64_t n) {
    return v_select(v_less(v_floats(v_iota()), v_splat((float)n)), x, v_zero());
}

typedef struct moments {
    double sum;
    double squares;
} moments;

/* Of x - shift. */
static moments moments_about(const float *x, int64_t channels, float shift) {
    moments total = {0, 0};
    vfloat center = v_splat(shift);
    for (int64_t start = 0; start < channels; start += BLOCK) {
        int64_t end = quern_min(start + BLOCK, channels);
        vfloat sum0 = v_zero();
        vfloat sum1 = v_zero();
        vfloat squares0 = v_zero();
        vfloat squares1 = v_zero();
        int64_t c = start;
        for (; c + 2 * QUERN_LANES <= end; c += 2 * QUERN_LANES) {
            vfloat d0 = v_load(x + c) - center;
            vfloat d1 = v_load(x + c + QUERN_LANES) - center;
            sum0 += d0;
            sum1 += d1;
            squares0 = v_fma(d0, d0, squares0);
            squares1 = v_fma(d1, d1, squares1);
        }
        for (; c < end; c += QUERN_LANES) {
            int64_t count = quern_min(end - c, QUERN_LANES);
            vfloat d = keep_first(v_load_first(x + c, count) - center, count);
            sum0 += d;
            squares0 = v_fma(d, d, squares0);
        }
        total.sum += v_sum(sum0 + sum1);
        total.squares += v_sum(squares0 + squares1);
    }
    return total;
}

static void normalize(float *out, const float *x, const float *gamma, const float *beta,
                      int64_t channels, float mean, float rstd) {
    vfloat center = v_splat(mean);
    vfloat scale = v_splat(rstd);
    int64_t c = 0;
    for (; c + QUERN_LANES <= channels; c += QUERN_LANES) {
        vfloat shift = beta != NULL ? v_load(beta + c) : v_zero();
        vfloat standard = (v_load(x + c) - center) * scale;
        v_store(out + c, v_fma(standard, v_load(gamma + c), shift));
    }
    if (c < channels) {
        int64_t count = channels - c;
        vfloat shift = beta != NULL ? v_load_first(beta + c, count) : v_zero();
        vfloat standard = (v_load_first(x + c, count) - center) * scale;
        v_store_first(out + c, v_fma(standard, v_load_first(gamma + c, count), shift), count);
    }
}

QUERN_KERNEL_DEFINE(layer_norm_f32) {
    float *out = record->pointers[0];
    float *mean = record->pointers[1];
    float *rstd = record->pointers[2];
    const float *x = record->pointers[3];
    const float *gamma = record->pointers[4];
    const float *beta = record->pointers[5];
    int64_t channels = record->integers[1];
    double epsilon = record->floats[0];
    quern_range rows = quern_share(record->integers[0], 1, part, parts);
    for (int64_t n = rows.first; n < rows.last; n++) {
        const float *row = x + n * channels;
        /* The second pass, about the first mean, takes away that mean's rounding error. */
        float rough = (float)(moments_about(row, channels, 0).sum / (double)channels);
        moments about = moments_about(row, channels, rough);
        double correction = about.sum / (double)channels;
        double variance = about.squares / (double)channels - correction * correction;
        mean[n] = (float)(rough + correction);
        rstd[n] = (float)(1 / sqrt((variance < 0 ? 0 : variance) + epsilon));
        normalize(out + n * channels, row, gamma, beta, channels, mean[n], rstd[n]);
        const int32_t status = quern_finish_rows(record, rows, n, channels);
        if (status != QUERN_OK) return status;
    }
    return QUERN_OK;
}

/* sum: of dout gamma; squares: of dout gamma standard, where standard = (x - mean) rstd. */
static moments gradient_moments(const float *dout, const float *x, const float *gamma,
                                int64_t channels, float mean, float rstd) {
    moments total = {0, 0};
    vfloat center = v_splat(mean);
    vfloat scale = v_splat(rstd);
    for (int64_t start = 0; start < channels; start += BLOCK) {
        int64_t end = quern_min(start + BLOCK, channels);
        vfloat sum0 = v_zero();
        vfloat sum1 = v_zero();
        vfloat product0 = v_zero();
        vfloat product1 = v_zero();
        int64_t c = start;
        for (; c + 2 * QUERN_LANES <= end; c += 2 * QUERN_LANES) {
            vfloat g0 = v_load(dout + c) * v_load(gamma + c);
            vfloat g1 = v_load(dout + c + QUERN_LANES) * v_load(gamma + c + QUERN_LANES);
            sum0 += g0;
            sum1 += g1;
            product0 = v_fma(g0, (v_load(x + c) - center) * scale, product0);
            product1 = v_fma(g1, (v_load(x + c + QUERN_LANES) - center) * scale, product1);
        }
        for (; c < end; c += QUERN_LANES) {
            int64_t count = quern_min(end - c, QUERN_LANES);
            vfloat g = v_load_first(dout + c, count) * v_load_first(gamma + c, count);
            vfloat standard = (v_load_first(x + c, count) - center) * scale;
            sum0 += g;
            product0 = v_fma(g, standard, product0);
        }
        total.sum += v_sum(sum0 + sum1);
        total.squares += v_sum(product0 + product1);
    }
    return total;
}

QUERN_INLINE vfloat input_gradient(vfloat dout, vfloat x, vfloat gamma, vfloat mean, vfloat rstd,
                                   vfloat mean_gradient, vfloat mean_product) {
    vfloat standard = (x - mean) * rstd;
    return (dout * gamma - mean_gradient - standard * mean_product) * rstd;
}

/*
 * out = standard gamma + beta, so with g = dout gamma:
 * dx = rstd (g - mean(g) - standard mean(g standard)).
 */
static void input_gradient_row(float *dx, const float *dout, const float *x, const float *gamma,
                               int64_t channels, float mean, float rstd) {
    moments of = gradient_moments(dout, x, gamma, channels, mean, rstd);
    vfloat mean_gradient = v_splat((float)(of.sum / (double)channels));
    vfloat mean_product = v_splat((float)(of.squares / (double)channels));
    vfloat center = v_splat(mean);
    vfloat scale = v_splat(rstd);
    int64_t c = 0;
    for (; c + QUERN_LANES <= channels; c += QUERN_LANES) {
        v_store(dx + c, input_gradient(v_load(dout + c), v_load(x + c), v_load(gamma + c),
                                         center, scale, mean_gradient, mean_product));
    }
    if (c < channels) {
        int64_t count = channels - c;
        v_store_first(dx + c,
                       input_gradient(v_load_first(dout + c, count), v_load_first(x + c, count),
                                      v_load_first(gamma + c, count), center, scale, mean_gradient,
                                      mean_product),
                       count);
    }
}

/* Channels whose sums are kept at hand while the rows go by. */
#define TILE 256

/* Rows that are added up before they join the sums: halves the traffic and bounds the rounding. */
#define GROUP 4

/* Of `rows` rows and up to QUERN_LANES channels. */
QUERN_INLINE void add_group(float *gamma_sums, float *beta_sums, const float *dout, const float *x,
                            const float *mean, const float *rstd, int64_t channels, int64_t rows,
                            int64_t count) {
    vfloat gamma_sum = v_zero();
    vfloat beta_sum = v_zero();
    for (int64_t r = 0; r < rows; r++) {
        vfloat gradient = load_up_to(dout + r * channels, count);
        vfloat centered = load_up_to(x + r * channels, count) - v_splat(mean[r]);
        gamma_sum = v_fma(gradient, centered * v_splat(rstd[r]), gamma_sum);
        beta_sum += gradient;
    }
    store_up_to(gamma_sums, load_up_to(gamma_sums, count) + gamma_sum, count);
    store_up_to(beta_sums, load_up_to(beta_sums, count) + beta_sum, count);
}

QUERN_INLINE void add_rows(float *gamma_sums, float *beta_sums, const float *dout, const float *x,
                           const float *mean, const float *rstd, int64_t channels, int64_t rows,
                           int64_t width) {
    int64_t c = 0;
    for (; c + QUERN_LANES <= width; c += QUERN_LANES) {
        add_group(gamma_sums + c, beta_sums + c, dout + c, x + c, mean, rstd, channels, rows,
                  QUERN_LANES);
    }
    if (c < width) {
        add_group(gamma_sums + c, beta_sums + c, dout + c, x + c, mean, rstd, channels, rows,
                  width - c);
    }
}

/* dgamma[c] (+)= sum of dout standard, dbeta[c] (+)= sum of dout, for up to TILE channels. */
static void column_gradients(float *dgamma, int adds_gamma, float *dbeta, int adds_beta,
                             const float *dout, const float *x, const float *mean,
                             const float *rstd, int64_t rows, int64_t channels, int64_t width) {
    float gamma_sums[TILE] = {0};
    float beta_sums[TILE] = {0};
    int64_t n = 0;
    for (; n + GROUP <= rows; n += GROUP) {
        add_rows(gamma_sums, beta_sums, dout + n * channels, x + n * channels, mean + n, rstd + n,
                 channels, GROUP, width);
    }
    for (; n < rows; n++) {
        add_rows(gamma_sums, beta_sums, dout + n * channels, x + n * channels, mean + n, rstd + n,
                 channels, 1, width);
    }
    for (int64_t c = 0; c < width; c++) {
        dgamma[c] = adds_gamma ? dgamma[c] + gamma_sums[c] : gamma_sums[c];
        if (dbeta != NULL) {
            dbeta[c] = adds_beta ? dbeta[c] + beta_sums[c] : beta_sums[c];
        }
    }
}

QUERN_KERNEL_DEFINE(layer_norm_backward_f32) {
    float *dx = record->pointers[0];
    float *dgamma = record->pointers[1];
    float *dbeta = record->pointers[2];
    const float *dout = record->pointers[3];
    const float *x = record->pointers[4];
    const float *mean = record->pointers[5];
    const float *rstd = record->pointers[6];
    const float *gamma = record->pointers[7];
    int64_t rows = record->integers[0];
    int64_t channels = record->integers[1];
    quern_range own_rows = quern_share(rows, 1, part, parts);
    for (int64_t n = own_rows.first; n < own_rows.last; n++) {
        input_gradient_row(dx + n * channels, dout + n * channels, x + n * channels, gamma,
                           channels, mean[n], rstd[n]);
        const int32_t status = quern_finish_rows(record, own_rows, n, channels);
        if (status != QUERN_OK) return status;
    }
    int adds_gamma = quern_adds(record, 1);
    int adds_beta = quern_adds(record, 2);
    quern_range own = quern_share(channels, SHARE_MULTIPLE, part, parts);
    for (int64_t c = own.first; c < own.last; c += TILE) {
        column_gradients(dgamma + c, adds_gamma, dbeta != NULL ? dbeta + c : NULL, adds_beta,
                         dout + c, x + c, mean, rstd, rows, channels,
                         quern_min(own.last - c, TILE));
    }
    return QUERN_OK;
}
