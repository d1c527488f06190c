/* Products of few rows, as in decoding: b is read once, in order, and never packed. */
#ifndef QUERN_FEW_ROWS_H
#define QUERN_FEW_ROWS_H

#include "kernel.h"

/* Most rows that these take. */
#define QUERN_FEW_ROWS 8

#define quern_few_rows QUERN_NAME(few_rows)
#define quern_unpacked_rows QUERN_NAME(unpacked_rows)

/*
 * out [rows, columns] = a b + bias, or += if `add`; rows <= QUERN_FEW_ROWS. a(i, k) stands at
 * a[i * a_row + k * a_step], and a_step is 1 if b is transposed. b is made of floats, or of BF16 if
 * `stored`. work: QUERN_WORK_BYTES.
 */
void quern_few_rows(float *out, int64_t out_stride, const float *a, int64_t a_row, int64_t a_step,
                    const void *b, int stored, int64_t b_stride, int transposed, const float *bias, int add,
                    int64_t rows, int64_t columns, int64_t depth, float *work);


/* Whether so many rows of a fit into a worker's scratch memory. */
QUERN_INLINE int quern_fit_packed(int64_t rows, int64_t depth) {
    return rows * (depth + 16) <= (int64_t)(QUERN_WORK_BYTES / sizeof(float));
}

/*
 * The same for more rows, if they fit, of b transposed: as long as packing b would take longer than what is lost
 * without.
 */
void quern_unpacked_rows(float *out, int64_t out_stride, const float *a, int64_t a_row, const void *b,
                         int stored, int64_t b_stride, const float *bias, int add, int64_t rows,
                         int64_t columns, int64_t depth, float *work);

#endif
