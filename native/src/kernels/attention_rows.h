/* Attention for few rows, as in decoding, and for heads too wide for blocks: keys are not packed. */
#ifndef QUERN_ATTENTION_ROWS_H
#define QUERN_ATTENTION_ROWS_H

#include "kernels/attention.h"

/* Most rows that are done at a time. */
#define QUERN_ATTENTION_ROWS 8

/* Reading keys is what bounds it: no tier multiplies BF16 here. */
#define quern_attend_rows QUERN_BASE_NAME(attend_rows)

/*
 * attention_f32 for some rows of one sequence and key/value head, counted as in attention.h; head: b * G + g.
 * A row's results have the same bits whatever rows it is done with. work: QUERN_WORK_BYTES.
 */
void quern_attend_rows(const attention *x, const quern_record *record, int64_t head, quern_range rows,
                       float *work);

#endif
