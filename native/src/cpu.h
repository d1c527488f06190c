/* What the CPU and the operating system allow, apart from what the user caps. */
#ifndef QUERN_CPU_H
#define QUERN_CPU_H

#include <quern.h>

/*
 * Whether this library holds the tier and the machine can run it. QUERN_MAX_ISA plays no part: it
 * caps what quern_cpu_tier recommends.
 */
int quern_tier_usable(int32_t tier);

#endif
