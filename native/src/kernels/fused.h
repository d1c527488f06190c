/* Records that a kernel does together with its own: see QUERN_FUSED. */
#ifndef QUERN_FUSED_H
#define QUERN_FUSED_H

#include "kernel.h"

#define quern_finish QUERN_BASE_NAME(finish)

/*
 * Does all records fused with this one on [rows, columns] of its elements, of which the first has the
 * number `first`, and the rows are `stride` apart.
 */
int32_t quern_finish(const quern_record *record, int64_t first, int64_t stride, int64_t rows,
                     int64_t columns);

/* Elements of whole rows that are finished at a time: such as stay in the caches. */
#define QUERN_FUSED_ELEMENTS 8192

/* For kernels that go row by row through `rows`: after row n, finishes the block that ends there, if one does. */
QUERN_INLINE int32_t quern_finish_rows(const quern_record *record, quern_range rows, int64_t n,
                                       int64_t channels) {
    if (!(record->flags & QUERN_FUSED)) return QUERN_OK;
    const int64_t block = 1 + QUERN_FUSED_ELEMENTS / quern_max(1, channels);
    const int64_t done = (n - rows.first) % block + 1;
    if (done < block && n + 1 < rows.last) return QUERN_OK;
    return quern_finish(record, (n + 1 - done) * channels, channels, done, channels);
}

#endif
