/* The kernels' functions by tier, expanded from kernels.def. */
#ifndef QUERN_TIERS_H
#define QUERN_TIERS_H

#include <quern.h>

/* Does the share of worker `part` of `parts`; returns a quern_status. */
typedef int32_t quern_function(const quern_record *record, int32_t part, int32_t parts);

/* Null where the library does not hold the tier, or either number is out of range. */
quern_function *quern_function_of(int32_t tier, int32_t kernel);

#endif
