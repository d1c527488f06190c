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

#ifdef QUERN_HAVE_avx2_vnni
quern_function quern_matmul_int8__avx2_vnni;
#endif
#ifdef QUERN_HAVE_avx512_vnni
quern_function quern_matmul_int8__avx512_vnni;
#endif
#ifdef QUERN_HAVE_avx512_bf16
quern_function quern_matmul_bf16__avx512_bf16;
quern_function quern_attention_bf16__avx512_bf16;
quern_function quern_attention_backward_bf16__avx512_bf16;
#endif
#ifdef QUERN_HAVE_amx
quern_function quern_matmul_bf16__amx;
quern_function quern_matmul_int8__amx;
quern_function quern_attention_bf16__amx;
quern_function quern_attention_backward_bf16__amx;
#endif

/* Dot products and tiles serve products of BF16 and INT8, and those of attention; for the rest it is avx512. */
#ifdef QUERN_HAVE_avx512_bf16
static quern_function *avx512_bf16_function(int32_t kernel) {
    switch (kernel) {
    case QUERN_KERNEL_matmul_bf16:
        return quern_matmul_bf16__avx512_bf16;
    case QUERN_KERNEL_matmul_int8:
        return quern_matmul_int8__avx512_vnni;
    case QUERN_KERNEL_attention_bf16:
        return quern_attention_bf16__avx512_bf16;
    case QUERN_KERNEL_attention_backward_bf16:
        return quern_attention_backward_bf16__avx512_bf16;
    default:
        return avx512_functions[kernel];
    }
}
#endif
#ifdef QUERN_HAVE_amx
static quern_function *amx_function(int32_t kernel) {
    switch (kernel) {
    case QUERN_KERNEL_matmul_bf16:
        return quern_matmul_bf16__amx;
    case QUERN_KERNEL_matmul_int8:
        return quern_matmul_int8__amx;
    case QUERN_KERNEL_attention_bf16:
        return quern_attention_bf16__amx;
    case QUERN_KERNEL_attention_backward_bf16:
        return quern_attention_backward_bf16__amx;
    default:
        return avx512_functions[kernel];
    }
}
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
    /* Dot products of bytes serve those of INT8 alone. */
#ifdef QUERN_HAVE_avx2_vnni
    case QUERN_AVX2_VNNI:
        return kernel == QUERN_KERNEL_matmul_int8 ? quern_matmul_int8__avx2_vnni : avx2_functions[kernel];
#endif
#ifdef QUERN_HAVE_avx512
    case QUERN_AVX512:
        return avx512_functions[kernel];
#endif
#ifdef QUERN_HAVE_avx512_vnni
    case QUERN_AVX512_VNNI:
        return kernel == QUERN_KERNEL_matmul_int8 ? quern_matmul_int8__avx512_vnni : avx512_functions[kernel];
#endif
#ifdef QUERN_HAVE_avx512_bf16
    case QUERN_AVX512_BF16:
        return avx512_bf16_function(kernel);
#endif
#ifdef QUERN_HAVE_amx
    case QUERN_AMX:
        return amx_function(kernel);
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
