/* Column sums: a bias's gradient. N rows, C channels. */
#include "simd/simd.h"

/* Rows that are added up before they join a column's total: bounds rounding. */
#define ROW_BLOCK 64

/* out[c] += sum of x[n, c], for up to QUERN_LANES channels. */
static void column_sum(float *out, const float *x, int64_t rows, int64_t channels, int64_t count) {
    vfloat total = v_zero();
    for (int64_t start = 0; start < rows; start += ROW_BLOCK) {
        int64_t end = quern_min(start + ROW_BLOCK, rows);
        vfloat sum = v_zero();
        for (int64_t n = start; n < end; n++) {
            const float *row = x + n * channels;
            sum += count == QUERN_LANES ? v_load(row) : v_load_first(row, count);
        }
        total += sum;
    }
    v_store_first(out, v_load_first(out, count) + total, count);
}

QUERN_KERNEL_DEFINE(column_sum_f32) {
    float *out = record->pointers[0];
    const float *x = record->pointers[1];
    int64_t rows = record->integers[0];
    int64_t channels = record->integers[1];
    quern_range own = quern_share(channels, 16, part, parts);
    for (int64_t c = own.first; c < own.last; c += QUERN_LANES) {
        int64_t count = quern_min(own.last - c, QUERN_LANES);
        column_sum(out + c, x + c, rows, channels, count);
    }
    return QUERN_OK;
}
