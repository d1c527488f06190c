/* What this tier's own instructions for products do at most; its other arithmetic is avx512's. */
#include "measure/loops.h"
#include "simd/dot.h"

enum { ROUNDS = 2048, CHAINS = 12 };

int64_t QUERN_NAME(bf16_loop)(const float *seeds, float *result) {
    const vint x = v_bits(v_splat(seeds[0]));
    vfloat sum[CHAINS];
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) sum[i] = v_splat((float)i);
    for (int round = 0; round < ROUNDS; round++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) sum[i] = v_dot_bf16(sum[i], x, x);
    }
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) *result += v_sum(sum[i]);
    return (int64_t)4 * ROUNDS * CHAINS * QUERN_LANES;
}

int64_t QUERN_NAME(int8_loop)(const float *seeds, float *result) {
    /* Zero, which no compiler knows. */
    const vint y = vi_splat((int32_t)seeds[0]);
    vint sum[CHAINS];
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) sum[i] = vi_splat(i);
    for (int round = 0; round < ROUNDS; round++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) sum[i] = vi_dot_bytes(sum[i], sum[i], y);
    }
    vint all = y;
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) all = all + sum[i];
    *result += v_sum(v_of_bits(all & vi_splat(1)));
    return (int64_t)8 * ROUNDS * CHAINS * QUERN_LANES;
}
