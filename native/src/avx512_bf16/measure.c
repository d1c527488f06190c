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
