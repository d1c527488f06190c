#include "tiers.h"

#include <stddef.h>

/* One prototype for each kernel of each tier that is compiled in. */
#define QUERN_KERNEL(name) quern_function quern_##name##__scalar;
#include "kernels.def"
#undef QUERN_KERNEL

static quern_function *const scalar_functions[QUERN_KERNELS] = {
#define QUERN_KERNEL(name) quern_##name##__scalar,
#include "kernels.def"
#undef QUERN_KERNEL
};

#ifdef QUERN_HAVE_avx2
#define QUERN_KERNEL(name) quern_function quern_##name##__avx2;
#include "kernels.def"
#undef QUERN_KERNEL

static quern_function *const avx2_functions[QUERN_KERNELS] = {
#define QUERN_KERNEL(name) quern_##name##__avx2,
#include "kernels.def"
#undef QUERN_KERNEL
};
#endif

#ifdef QUERN_HAVE_avx512
#define QUERN_KERNEL(name) quern_function quern_##name##__avx512;
#include "kernels.def"
#undef QUERN_KERNEL

static quern_function *const avx512_functions[QUERN_KERNELS] = {
#define QUERN_KERNEL(name) quern_##name##__avx512,
#include "kernels.def"
#undef QUERN_KERNEL
};
#endif

/* What tiers have of their own; all else is avx2's or avx512's. */
#define AVX2_VNNI(OWN) OWN(matmul_int8, avx2_vnni)
#define AVX512_VNNI(OWN) OWN(matmul_int8, avx512_vnni)
#define AVX512_BF16(OWN)             \
    OWN(matmul_bf16, avx512_bf16)    \
    OWN(matmul_int8, avx512_vnni)    \
    OWN(attention_bf16, avx512_bf16) \
    OWN(attention_backward_bf16, avx512_bf16)
#define AMX(OWN)             \
    OWN(matmul_bf16, amx)    \
    OWN(matmul_int8, amx)    \
    OWN(attention_bf16, amx) \
    OWN(attention_backward_bf16, amx)

#define PROTOTYPE(kernel, tier) quern_function quern_##kernel##__##tier;
#ifdef QUERN_HAVE_avx2_vnni
AVX2_VNNI(PROTOTYPE)
#endif
#ifdef QUERN_HAVE_avx512_vnni
AVX512_VNNI(PROTOTYPE)
#endif
#ifdef QUERN_HAVE_avx512_bf16
AVX512_BF16(PROTOTYPE)
#endif
#ifdef QUERN_HAVE_amx
AMX(PROTOTYPE)
#endif

static const char *const kernel_names[QUERN_KERNELS] = {
#define QUERN_KERNEL(name) #name,
#include "kernels.def"
#undef QUERN_KERNEL
};

static const char *const tier_names[QUERN_TIERS] = {
    "scalar", "avx2", "avx2_vnni", "avx512", "avx512_vnni", "avx512_bf16", "amx"};

quern_function *quern_function_of(int32_t tier, int32_t kernel) {
    if (kernel < 0 || kernel >= QUERN_KERNELS) {
        return NULL;
    }
    switch (tier) {
    case QUERN_SCALAR:
        return scalar_functions[kernel];
#ifdef QUERN_HAVE_avx2
    case QUERN_AVX2:
        return avx2_functions[kernel];
#endif
#define CHOICE(own, tier) \
    if (kernel == QUERN_KERNEL_##own) return quern_##own##__##tier;
#ifdef QUERN_HAVE_avx2_vnni
    case QUERN_AVX2_VNNI:
        AVX2_VNNI(CHOICE)
        return avx2_functions[kernel];
#endif
#ifdef QUERN_HAVE_avx512
    case QUERN_AVX512:
        return avx512_functions[kernel];
#endif
#ifdef QUERN_HAVE_avx512_vnni
    case QUERN_AVX512_VNNI:
        AVX512_VNNI(CHOICE)
        return avx512_functions[kernel];
#endif
#ifdef QUERN_HAVE_avx512_bf16
    case QUERN_AVX512_BF16:
        AVX512_BF16(CHOICE)
        return avx512_functions[kernel];
#endif
#ifdef QUERN_HAVE_amx
    case QUERN_AMX:
        AMX(CHOICE)
        return avx512_functions[kernel];
#endif
    default:
        return NULL;
    }
}

int32_t quern_kernel_count(void) {
    return QUERN_KERNELS;
}

const char *quern_kernel_name(int32_t kernel) {
    return kernel >= 0 && kernel < QUERN_KERNELS ? kernel_names[kernel] : NULL;
}

const char *quern_tier_name(int32_t tier) {
    return tier >= 0 && tier < QUERN_TIERS ? tier_names[tier] : NULL;
}

int32_t quern_abi_version(void) {
    return QUERN_ABI_VERSION;
}

#ifndef QUERN_VERSION
#define QUERN_VERSION "0.1.0"
#endif

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

const char *quern_version(void) {
    return QUERN_VERSION " (" COMPILER ")";
}
