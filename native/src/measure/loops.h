/* What a tier can do at most, in pieces of some microseconds; compiled once for each tier. */
#ifndef QUERN_MEASURE_LOOPS_H
#define QUERN_MEASURE_LOOPS_H

#include <stdint.h>

/* Bytes that one call of a reading loop goes through, in QUERN_READ_STREAMS equal parts. */
#define QUERN_READ_BLOCK 65536

/* A CPU fetches several streams ahead at once, and so reads more than of a single one. */
#define QUERN_READ_STREAMS 4

/*
 * Runs chains of fused multiply-adds, or of what the tier has for products in BF16 or INT8, where
 * they differ; seeds are a factor and a term, both less than 1. Adds what came of them to
 * *result, so that no compiler leaves them out, and returns the number of operations.
 */
typedef int64_t quern_arithmetic_loop(const float *seeds, float *result);

/* Reads QUERN_READ_BLOCK bytes, the streams `apart` floats from each other; adds their sum to *result. */
typedef void quern_reading_loop(const float *block, int64_t apart, float *result);

#define QUERN_MEASURE_LOOPS(isa)                             \
    quern_arithmetic_loop quern_arithmetic_loop__##isa;      \
    quern_arithmetic_loop quern_int8_loop__##isa;            \
    quern_reading_loop quern_reading_loop__##isa;

QUERN_MEASURE_LOOPS(scalar)
QUERN_MEASURE_LOOPS(avx2)
QUERN_MEASURE_LOOPS(avx512)
quern_arithmetic_loop quern_int8_loop__avx2_vnni;
quern_arithmetic_loop quern_int8_loop__avx512_vnni;
quern_arithmetic_loop quern_bf16_loop__avx512_bf16;
quern_arithmetic_loop quern_bf16_loop__amx;
quern_arithmetic_loop quern_int8_loop__amx;

#endif
