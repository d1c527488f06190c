/* What this tier does at most of products by INT8 weights. */
#include "matmul/int8.h"
#include "measure/loops.h"

enum { ROUNDS = 2048, CHAINS = 12 };

int64_t QUERN_NAME(int8_loop)(const float *seeds, float *result) {
    /* Zero, which no compiler knows. */
    const vint y = vi_splat((int32_t)seeds[0]);
    vint sum[CHAINS];
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) sum[i] = vi_splat(i);
    for (int round = 0; round < ROUNDS; round++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) sum[i] = int8_dot(sum[i], sum[i], y);
    }
    vint all = y;
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) all = all + sum[i];
    *result += v_sum(v_of_bits(all & vi_splat(1)));
    return (int64_t)2 * QUERN_INT8_STEPS * ROUNDS * CHAINS * QUERN_LANES;
}
