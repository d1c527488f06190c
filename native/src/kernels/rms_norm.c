/*
 * Root mean square normalization (Zhang and Sennrich 2019), forward and backward. N rows, C channels.
 *
 * A row's sums run in vectors over blocks of BLOCK channels, and the blocks are added as doubles:
 * an order that depends on C alone.
 */
#include "elements.h"
#include "kernels/fused.h"

#include <math.h>

#define BLOCK (64 * QUERN_LANES)

static double sum_of_squares(const float *x, int64_t channels) {
    double total = 0;
    for (int64_t start = 0; start < channels; start += BLOCK) {
        int64_t end = quern_min(start + BLOCK, channels);
        vfloat sum0 = v_zero();
        vfloat sum1 = v_zero();
        int64_t c = start;
        for (; c + 2 * QUERN_LANES <= end; c += 2 * QUERN_LANES) {
            vfloat x0 = v_load(x + c);
            vfloat x1 = v_load(x + c + QUERN_LANES);
            sum0 = v_fma(x0, x0, sum0);
            sum1 = v_fma(x1, x1, sum1);
        }
        for (; c < end; c += QUERN_LANES) {
            vfloat value = v_load_first(x + c, quern_min(end - c, QUERN_LANES));
            sum0 = v_fma(value, value, sum0);
        }
        total += v_sum(sum0 + sum1);
    }
    return total;
}

QUERN_KERNEL_DEFINE(rms_norm_f32) {
    float *out = record->pointers[0];
    float *rstd = record->pointers[1];
    const float *x = record->pointers[2];
    const float *gamma = record->pointers[3];
    int64_t channels = record->integers[1];
    double epsilon = record->floats[0];
    quern_range rows = quern_share(record->integers[0], 1, part, parts);
    for (int64_t n = rows.first; n < rows.last; n++) {
        const float *row = x + n * channels;
        float *to = out + n * channels;
        rstd[n] = (float)(1 / sqrt(sum_of_squares(row, channels) / (double)channels + epsilon));
        vfloat scale = v_splat(rstd[n]);
        int64_t c = 0;
        for (; c + QUERN_LANES <= channels; c += QUERN_LANES) {
            v_store(to + c, v_load(row + c) * scale * v_load(gamma + c));
        }
        if (c < channels) {
            int64_t count = channels - c;
            vfloat value = v_load_first(row + c, count);
            v_store_first(to + c, value * scale * v_load_first(gamma + c, count), count);
        }
        const int32_t status = quern_finish_rows(record, rows, n, channels);
        if (status != QUERN_OK) return status;
    }
    return QUERN_OK;
}

/* Sum of dout gamma x. */
static double sum_of_products(const float *dout, const float *x, const float *gamma, int64_t channels) {
    double total = 0;
    for (int64_t start = 0; start < channels; start += BLOCK) {
        int64_t end = quern_min(start + BLOCK, channels);
        vfloat sum0 = v_zero();
        vfloat sum1 = v_zero();
        int64_t c = start;
        for (; c + 2 * QUERN_LANES <= end; c += 2 * QUERN_LANES) {
            vfloat g0 = v_load(dout + c) * v_load(gamma + c);
            vfloat g1 = v_load(dout + c + QUERN_LANES) * v_load(gamma + c + QUERN_LANES);
            sum0 = v_fma(g0, v_load(x + c), sum0);
            sum1 = v_fma(g1, v_load(x + c + QUERN_LANES), sum1);
        }
        for (; c < end; c += QUERN_LANES) {
            int64_t count = quern_min(end - c, QUERN_LANES);
            vfloat g = v_load_first(dout + c, count) * v_load_first(gamma + c, count);
            sum0 = v_fma(g, v_load_first(x + c, count), sum0);
        }
        total += v_sum(sum0 + sum1);
    }
    return total;
}

/*
 * out = standard gamma with standard = x rstd, so with g = dout gamma:
 * dx = rstd (g - standard mean(g standard)).
 */
static void input_gradient_row(float *dx, const float *dout, const float *x, const float *gamma,
                               int64_t channels, float rstd) {
    double mean_product = sum_of_products(dout, x, gamma, channels) / (double)channels;
    vfloat factor = v_splat((float)(mean_product * rstd * rstd));
    vfloat scale = v_splat(rstd);
    int64_t c = 0;
    for (; c + QUERN_LANES <= channels; c += QUERN_LANES) {
        vfloat g = v_load(dout + c) * v_load(gamma + c);
        v_store(dx + c, (g - v_load(x + c) * factor) * scale);
    }
    if (c < channels) {
        int64_t count = channels - c;
        vfloat g = v_load_first(dout + c, count) * v_load_first(gamma + c, count);
        v_store_first(dx + c, (g - v_load_first(x + c, count) * factor) * scale, count);
    }
}

/* Channels whose sums are kept at hand while the rows go by. */
#define TILE 256

/* Rows that are added up before they join the sums: halves the traffic and bounds the rounding. */
#define GROUP 4

/* Of `rows` rows and up to QUERN_LANES channels. */
QUERN_INLINE void add_group(float *sums, const float *dout, const float *x, const float *rstd,
                            int64_t channels, int64_t rows, int64_t count) {
    vfloat sum = v_zero();
    for (int64_t r = 0; r < rows; r++) {
        vfloat standard = load_up_to(x + r * channels, count) * v_splat(rstd[r]);
        sum = v_fma(load_up_to(dout + r * channels, count), standard, sum);
    }
    store_up_to(sums, load_up_to(sums, count) + sum, count);
}

QUERN_INLINE void add_rows(float *sums, const float *dout, const float *x, const float *rstd,
                           int64_t channels, int64_t rows, int64_t width) {
    int64_t c = 0;
    for (; c + QUERN_LANES <= width; c += QUERN_LANES) {
        add_group(sums + c, dout + c, x + c, rstd, channels, rows, QUERN_LANES);
    }
    if (c < width) {
        add_group(sums + c, dout + c, x + c, rstd, channels, rows, width - c);
    }
}

/* dgamma[c] (+)= sum of dout x rstd, for up to TILE channels. */
static void column_gradients(float *dgamma, int adds, const float *dout, const float *x,
                             const float *rstd, int64_t rows, int64_t channels, int64_t width) {
    float sums[TILE] = {0};
    int64_t n = 0;
    for (; n + GROUP <= rows; n += GROUP) {
        add_rows(sums, dout + n * channels, x + n * channels, rstd + n, channels, GROUP, width);
    }
    for (; n < rows; n++) {
        add_rows(sums, dout + n * channels, x + n * channels, rstd + n, channels, 1, width);
    }
    for (int64_t c = 0; c < width; c++) {
        dgamma[c] = adds ? dgamma[c] + sums[c] : sums[c];
    }
}

QUERN_KERNEL_DEFINE(rms_norm_backward_f32) {
    float *dx = record->pointers[0];
    float *dgamma = record->pointers[1];
    const float *dout = record->pointers[2];
    const float *x = record->pointers[3];
    const float *rstd = record->pointers[4];
    const float *gamma = record->pointers[5];
    int64_t rows = record->integers[0];
    int64_t channels = record->integers[1];
    quern_range own_rows = quern_share(rows, 1, part, parts);
    for (int64_t n = own_rows.first; n < own_rows.last; n++) {
        input_gradient_row(dx + n * channels, dout + n * channels, x + n * channels, gamma,
                           channels, rstd[n]);
        const int32_t status = quern_finish_rows(record, own_rows, n, channels);
        if (status != QUERN_OK) return status;
    }
    int adds = quern_adds(record, 1);
    quern_range own = quern_share(channels, SHARE_MULTIPLE, part, parts);
    for (int64_t c = own.first; c < own.last; c += TILE) {
        column_gradients(dgamma + c, adds, dout + c, x + c, rstd, rows, channels,
                         quern_min(own.last - c, TILE));
    }
    return QUERN_OK;
}
