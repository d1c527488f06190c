/* Products of few rows, as in decoding: b is read once, in order, and never packed. */
#ifndef QUERN_FEW_ROWS_H
#define QUERN_FEW_ROWS_H

#include "kernel.h"
#include "simd/simd.h"

/* Up to so many rows reading b takes longer than multiplying by it. */
#define QUERN_FEW_ROWS 8

/* Most rows that these take: of more, packing b takes less time than it saves. */
#define QUERN_UNPACKED_ROWS 24

/* Columns of a b that is not transposed that are summed in one pass: few rows of sums in the second-level cache. */
#define QUERN_FEW_ROWS_PANEL 4096

/* Floats of scratch memory that takes. */
#define QUERN_FEW_ROWS_SUMS (QUERN_UNPACKED_ROWS * (QUERN_FEW_ROWS_PANEL + 16))

/* Rows of such a b that are added in one pass over the sums. */
#define QUERN_FEW_ROWS_STEPS 8

#define quern_few_rows QUERN_NAME(few_rows)

/* Most columns of a transposed b that are multiplied together. */
#define QUERN_FEW_ROWS_COLUMNS 6

/* Whether so many rows of a, and columns of b, fit into scratch memory: of b transposed they may be more then. */
QUERN_INLINE int quern_rows_fit(int64_t rows, int64_t depth) {
    return (rows + QUERN_FEW_ROWS_COLUMNS) * (depth + QUERN_LANES) <= (int64_t)(QUERN_WORK_BYTES / sizeof(float));
}

/*
 * out [rows, columns] = a b + bias, or += if `add`; rows <= QUERN_UNPACKED_ROWS, and quern_rows_fit if b is
 * transposed and they are more than QUERN_FEW_ROWS, or a is not read as the floats it is made of. a(i, k) stands
 * at a[i * a_row + k * a_step], and a_step is 1 if b is transposed. How both are read: operand.h. work:
 * QUERN_WORK_BYTES, or QUERN_FEW_ROWS_SUMS floats where b is not transposed.
 */
void quern_few_rows(float *out, int64_t out_stride, const void *a, int a_stored, int64_t a_row, int64_t a_step,
                    const void *b, int stored, int64_t b_stride, int transposed, const float *bias, int add,
                    int64_t rows, int64_t columns, int64_t depth, float *work);

#endif
