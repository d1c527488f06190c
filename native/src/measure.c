/* What this machine can do at most: the two lines of the roofline. */
#define _POSIX_C_SOURCE 200809L
#include "clock.h"
#include "cpu.h"
#include "measure/loops.h"

#include <stddef.h>

static quern_arithmetic_loop *arithmetic_loop(int32_t tier) {
    switch (quern_tier_usable(tier) ? tier : QUERN_TIERS) {
    case QUERN_SCALAR:
        return quern_arithmetic_loop__scalar;
#ifdef QUERN_HAVE_avx2
    case QUERN_AVX2:
    case QUERN_AVX2_VNNI:
        return quern_arithmetic_loop__avx2;
#endif
#ifdef QUERN_HAVE_avx512
    case QUERN_AVX512:
    case QUERN_AVX512_VNNI:
    case QUERN_AVX512_BF16: /* the products of these are not of F32 */
    case QUERN_AMX:
        return quern_arithmetic_loop__avx512;
#endif
    default:
        return NULL;
    }
}

static quern_reading_loop *reading_loop(int32_t tier) {
    switch (quern_tier_usable(tier) ? tier : QUERN_TIERS) {
    case QUERN_SCALAR:
        return quern_reading_loop__scalar;
#ifdef QUERN_HAVE_avx2
    case QUERN_AVX2:
    case QUERN_AVX2_VNNI:
        return quern_reading_loop__avx2;
#endif
#ifdef QUERN_HAVE_avx512
    case QUERN_AVX512:
    case QUERN_AVX512_VNNI:
    case QUERN_AVX512_BF16:
    case QUERN_AMX:
        return quern_reading_loop__avx512;
#endif
    default:
        return NULL;
    }
}

/* Products that a tier has no instructions for are computed in F32. */
static quern_arithmetic_loop *loop_of(int32_t tier, int32_t kernel) {
    if (!quern_tier_usable(tier) || (kernel != QUERN_KERNEL_matmul_bf16 && kernel != QUERN_KERNEL_matmul_int8)) {
        return arithmetic_loop(tier);
    }
    const int bf16 = kernel == QUERN_KERNEL_matmul_bf16;
    switch (tier) {
#ifdef QUERN_HAVE_amx
    case QUERN_AMX:
        return bf16 ? quern_bf16_loop__amx : quern_int8_loop__amx;
#endif
#ifdef QUERN_HAVE_avx512_bf16
    case QUERN_AVX512_BF16:
        return bf16 ? quern_bf16_loop__avx512_bf16 : quern_int8_loop__avx512_vnni;
#endif
#ifdef QUERN_HAVE_avx512_vnni
    case QUERN_AVX512_VNNI:
        return bf16 ? quern_arithmetic_loop__avx512 : quern_int8_loop__avx512_vnni;
#endif
#ifdef QUERN_HAVE_avx512
    case QUERN_AVX512:
        return bf16 ? quern_arithmetic_loop__avx512 : quern_int8_loop__avx512;
#endif
#ifdef QUERN_HAVE_avx2_vnni
    case QUERN_AVX2_VNNI:
        return bf16 ? quern_arithmetic_loop__avx2 : quern_int8_loop__avx2_vnni;
#endif
#ifdef QUERN_HAVE_avx2
    case QUERN_AVX2:
        return bf16 ? quern_arithmetic_loop__avx2 : quern_int8_loop__avx2;
#endif
    default:
        return bf16 ? quern_arithmetic_loop__scalar : quern_int8_loop__scalar;
    }
}

/* Pieces between two looks at the clock: a look takes some 30 ns, a piece some microseconds. */
enum { PIECES = 4 };

double quern_measure_arithmetic(int32_t tier, int32_t kernel, int64_t nanoseconds) {
    quern_arithmetic_loop *loop = loop_of(tier, kernel);
    if (loop == NULL) {
        return 0;
    }
    /* Values stay near 1: x -> 0.5 x + 0.5. Volatile, so that nothing is computed beforehand. */
    volatile float half = 0.5f;
    float seeds[2] = {half, half};
    float result = 0;
    int64_t begin = quern_nanoseconds();
    int64_t elapsed;
    double operations = 0;
    do {
        for (int i = 0; i < PIECES; i++) {
            operations += (double)loop(seeds, &result);
        }
        elapsed = quern_nanoseconds() - begin;
    } while (elapsed < nanoseconds || elapsed <= 0);
    volatile float kept = result;
    (void)kept;
    return operations * 1e9 / (double)elapsed;
}

double quern_measure_reading(int32_t tier, const void *memory, int64_t bytes,
                             int64_t nanoseconds) {
    quern_reading_loop *loop = reading_loop(tier);
    int64_t blocks = bytes / QUERN_READ_BLOCK;
    const int64_t stream = QUERN_READ_BLOCK / QUERN_READ_STREAMS / (int64_t)sizeof(float);
    if (loop == NULL || memory == NULL || blocks < 1) {
        return 0;
    }
    float result = 0;
    int64_t begin = quern_nanoseconds();
    int64_t elapsed;
    int64_t block = 0;
    double done = 0;
    do {
        for (int i = 0; i < PIECES; i++) {
            loop((const float *)memory + block * stream, blocks * stream, &result);
            block = block + 1 < blocks ? block + 1 : 0;
        }
        done += (double)PIECES * QUERN_READ_BLOCK;
        elapsed = quern_nanoseconds() - begin;
    } while (elapsed < nanoseconds || elapsed <= 0);
    volatile float kept = result;
    (void)kept;
    return done * 1e9 / (double)elapsed;
}
