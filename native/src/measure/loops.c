/* The loops that measure the roofline: all arithmetic in F32 and no memory, and the other way round. */
#include "measure/loops.h"

#include "simd/simd.h"

enum { ROUNDS = 2048 };

/* Latency times instructions a cycle is 8 to 10; with two constants twelve fill 16 registers well. */
#define EACH_CHAIN(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)
#define CHAINS 12

int64_t QUERN_NAME(arithmetic_loop)(const float *seeds, float *result) {
    vfloat factor = v_splat(seeds[0]);
    vfloat term = v_splat(seeds[1]);
#define BEGIN(i) vfloat x##i = v_splat((float)(i));
    EACH_CHAIN(BEGIN)
    for (int round = 0; round < ROUNDS; round++) {
#define ADVANCE(i) x##i = v_fma(x##i, factor, term);
        EACH_CHAIN(ADVANCE)
    }
    vfloat sum = v_zero();
#define COLLECT(i) sum = sum + x##i;
    EACH_CHAIN(COLLECT)
    *result += v_sum(sum);
    return (int64_t)2 * ROUNDS * CHAINS * QUERN_LANES;
}

void QUERN_NAME(reading_loop)(const float *block, int64_t apart, float *result) {
    vfloat sum[QUERN_READ_STREAMS];
#pragma GCC unroll 4
    for (int s = 0; s < QUERN_READ_STREAMS; s++) sum[s] = v_zero();
    for (int64_t i = 0; i < QUERN_READ_BLOCK / 4 / QUERN_READ_STREAMS; i += QUERN_LANES) {
#pragma GCC unroll 4
        for (int s = 0; s < QUERN_READ_STREAMS; s++) sum[s] = sum[s] + v_load(block + s * apart + i);
    }
#pragma GCC unroll 4
    for (int s = 0; s < QUERN_READ_STREAMS; s++) *result += v_sum(sum[s]);
}
