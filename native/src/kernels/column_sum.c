/* Column sums: a bias's gradient. N rows, C channels. */
#include "elements.h"

/* Channels whose sums are kept at hand while the rows go by. */
#define TILE 256

/* Rows that are added up before they join the sums: halves the traffic and bounds the rounding. */
#define GROUP 4

/* Of `rows` rows and up to QUERN_LANES channels. */
QUERN_INLINE void add_group(float *sums, const float *x, int64_t channels, int64_t rows,
                            int64_t count) {
    vfloat sum = v_zero();
    for (int64_t r = 0; r < rows; r++) {
        sum += load_up_to(x + r * channels, count);
    }
    store_up_to(sums, load_up_to(sums, count) + sum, count);
}

QUERN_INLINE void add_rows(float *sums, const float *x, int64_t channels, int64_t rows,
                           int64_t width) {
    int64_t c = 0;
    for (; c + QUERN_LANES <= width; c += QUERN_LANES) {
        add_group(sums + c, x + c, channels, rows, QUERN_LANES);
    }
    if (c < width) {
        add_group(sums + c, x + c, channels, rows, width - c);
    }
}

/* out[c] (+)= sum of x[n, c], for up to TILE channels. */
static void column_sum(float *out, int adds, const float *x, int64_t rows, int64_t channels,
                       int64_t width) {
    float sums[TILE] = {0};
    int64_t n = 0;
    for (; n + GROUP <= rows; n += GROUP) {
        add_rows(sums, x + n * channels, channels, GROUP, width);
    }
    for (; n < rows; n++) {
        add_rows(sums, x + n * channels, channels, 1, width);
    }
    for (int64_t c = 0; c < width; c++) {
        out[c] = adds ? out[c] + sums[c] : sums[c];
    }
}

QUERN_KERNEL_DEFINE(column_sum_f32) {
    float *out = record->pointers[0];
    const float *x = record->pointers[1];
    int64_t rows = record->integers[0];
    int64_t channels = record->integers[1];
    int adds = quern_adds(record, 0);
    quern_range own = quern_share(channels, SHARE_MULTIPLE, part, parts);
    for (int64_t c = own.first; c < own.last; c += TILE) {
        column_sum(out + c, adds, x + c, rows, channels, quern_min(own.last - c, TILE));
    }
    return QUERN_OK;
}
