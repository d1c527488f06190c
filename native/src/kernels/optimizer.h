/* What the optimizers have in common: whether the parameter may change, and the factor of clipping. */
#ifndef QUERN_OPTIMIZER_H
#define QUERN_OPTIMIZER_H

#include "kernel.h"

#include <math.h>

/*
 * Whether the parameter may change; *clip is what its gradient is multiplied with. `squares` is null
 * where the norm of all gradients has been looked at.
 *
 * Workers that are ahead may have set step->nonfinite for a later record: that must not keep this
 * worker's share of the parameter from changing as theirs did.
 */
QUERN_INLINE int quern_may_update(const quern_record *record, const float *squares, float *clip) {
    quern_step *step = record->step;
    int32_t met = __atomic_load_n(&step->nonfinite, __ATOMIC_RELAXED);
    if (met != 0 && met <= record->node + 1) {
        return 0;
    }
    if (squares == NULL) {
        *clip = step->clip_scale;
        return 1;
    }
    *clip = 1;
    for (int64_t j = 0; j < record->integers[1]; j++) {
        if (!isfinite(squares[j])) {
            __atomic_store_n(&step->nonfinite, record->node + 1, __ATOMIC_RELAXED);
            return 0;
        }
    }
    return 1;
}

#endif
