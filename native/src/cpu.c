/*
 * Which instruction sets can be used: CPUID says what the CPU has, XGETBV what the operating system
 * saves on a context switch (Intel SDM volume 1, sections 14.3 and 15.2-15.4). Both are needed.
 */
/* For syscall under -std=c11. */
#define _DEFAULT_SOURCE

#include "cpu.h"
#include "tiers.h"

#include <stddef.h>
#include <stdlib.h>
#include <strings.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* Why the machine allows no higher tier. */
enum reason { HIGHEST, NOT_BUILT, NO_AVX2, NO_YMM, NO_AVX512, NO_ZMM, NO_VNNI, NO_BF16, NO_AMX, NO_TILES };

/* Bit n: tier n can be used. */
typedef uint32_t tier_set;
#define TIER(tier) (1u << (tier))

typedef struct machine {
    tier_set tiers;
    enum reason reason;
} machine;

#if defined(__x86_64__)

/* Bits of XCR0: XMM and YMM; opmask, upper halves of ZMM 0-15, ZMM 16-31. */
#define XCR0_YMM 0x6u
#define XCR0_ZMM 0xe6u
/* Tiles: their configuration and their data. */
#define XCR0_TILES 0x60000u

static uint32_t xcr0(void) {
    uint32_t low;
    uint32_t high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

/*
 * Linux saves tiles only for a process that has asked for it, once, for all its threads (Linux,
 * Documentation/arch/x86/xstate.rst).
 */
__attribute__((unused)) static int tiles_are_permitted(void) {
#if defined(__linux__) && defined(SYS_arch_prctl)
    const int request_permission = 0x1023;
    const unsigned long tile_data = 18;
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
    return 0;
#endif
}

static machine machine_of_cpu(void) {
    uint32_t a;
    uint32_t b;
    uint32_t c;
    uint32_t d;
    tier_set tiers = TIER(QUERN_SCALAR);
    /* Leaf 1 ecx: bit 12 FMA, 27 OSXSAVE, 28 AVX. Leaf 7 ebx: 5 AVX2, 16 F, 17 DQ, 30 BW, 31 VL. */
    const uint32_t fma_avx = (1u << 12) | (1u << 28);
    const uint32_t osxsave = 1u << 27;
    const uint32_t avx2 = 1u << 5;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & fma_avx) != fma_avx) {
        return (machine){tiers, NO_AVX2};
    }
    int saves = (c & osxsave) != 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & avx2) == 0) {
        return (machine){tiers, NO_AVX2};
    }
    uint32_t saved = saves ? xcr0() : 0;
    if ((saved & XCR0_YMM) != XCR0_YMM) {
        return (machine){tiers, NO_YMM};
    }
#ifdef QUERN_EMULATE_AVX512
    /* A build for tests, whose higher tiers have 16 lanes and tiles but AVX2 instructions. */
    return (machine){TIER(QUERN_TIERS) - 1, HIGHEST};
#else
    /*
     * Leaf 7 ecx: bit 11 AVX512_VNNI; edx: 22 AMX-BF16, 24 AMX-TILE, 25 AMX-INT8. Subleaf 1 eax: bit 4
     * AVX-VNNI, 5 AVX512_BF16.
     */
    const uint32_t avx512 = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);
    const uint32_t amx = (1u << 22) | (1u << 24) | (1u << 25);
    const int has_avx512 = (b & avx512) == avx512;
    const int has_avx512_vnni = (c & 1u << 11) != 0;
    const int has_tiles = (d & amx) == amx;
    const uint32_t more = __get_cpuid_count(7, 1, &a, &b, &c, &d) ? a : 0;
    tiers |= TIER(QUERN_AVX2);
    if ((more & 1u << 4) != 0) tiers |= TIER(QUERN_AVX2_VNNI);
    if (!has_avx512) {
        return (machine){tiers, NO_AVX512};
    }
    if ((saved & XCR0_ZMM) != XCR0_ZMM) {
        return (machine){tiers, NO_ZMM};
    }
    tiers |= TIER(QUERN_AVX512);
    if (!has_avx512_vnni) {
        return (machine){tiers, NO_VNNI};
    }
    tiers |= TIER(QUERN_AVX512_VNNI);
    if ((more & 1u << 5) == 0) {
        return (machine){tiers, NO_BF16};
    }
    tiers |= TIER(QUERN_AVX512_BF16);
    if (!has_tiles) {
        return (machine){tiers, NO_AMX};
    }
    if ((saved & XCR0_TILES) != XCR0_TILES || !tiles_are_permitted()) {
        return (machine){tiers, NO_TILES};
    }
    return (machine){tiers | TIER(QUERN_AMX), HIGHEST};
#endif
}

#else

static machine machine_of_cpu(void) {
    return (machine){TIER(QUERN_SCALAR), NOT_BUILT};
}

#endif

/* The highest of some tiers, scalar among them. */
static int32_t highest_of(tier_set tiers) {
    int32_t tier = QUERN_TIERS - 1;
    while (tier > QUERN_SCALAR && (tiers & TIER(tier)) == 0) {
        tier--;
    }
    return tier;
}

/* Without what this library does not hold. */
static machine detect(void) {
    machine found = machine_of_cpu();
    const int32_t highest = highest_of(found.tiers);
    for (int32_t tier = QUERN_SCALAR; tier < QUERN_TIERS; tier++) {
        if (quern_function_of(tier, 0) == NULL) {
            found.tiers &= ~TIER(tier);
        }
    }
    if (highest_of(found.tiers) != highest) {
        found.reason = NOT_BUILT;
    }
    return found;
}

int quern_tier_usable(int32_t tier) {
    /* CPUID can cost microseconds in a virtual machine, and this is asked in every run. */
    static _Thread_local tier_set usable;
    if (usable == 0) {
        usable = detect().tiers;
    }
    return tier >= 0 && tier < QUERN_TIERS && (usable & TIER(tier)) != 0;
}

/* QUERN_MAX_ISA as a tier; QUERN_TIERS where it is not set, -1 where it names no tier. */
static int32_t cap(void) {
    const char *value = getenv("QUERN_MAX_ISA");
    if (value == NULL || value[0] == 0) {
        return QUERN_TIERS;
    }
    for (int32_t tier = 0; tier < QUERN_TIERS; tier++) {
        if (strcasecmp(value, quern_tier_name(tier)) == 0) {
            return tier;
        }
    }
    return -1;
}

int32_t quern_cpu_tier(void) {
    const tier_set tiers = detect().tiers;
    const int32_t most = cap();
    return highest_of(most >= 0 && most < QUERN_TIERS ? tiers & (TIER(most + 1) - 1) : tiers);
}

#define REASONS(prefix)                                                                            \
    {                                                                                              \
        [HIGHEST] = prefix "amx is the highest tier that there is.",                            \
        [NOT_BUILT] = prefix "This build of the library holds no higher tier for this CPU.",       \
        [NO_AVX2] = prefix "The CPU has no AVX2 with FMA.",                                        \
        [NO_YMM] = prefix "The operating system does not save the CPU's AVX registers.",           \
        [NO_AVX512] = prefix "The CPU has no AVX-512 (F, BW, DQ and VL).",                         \
        [NO_ZMM] = prefix "The operating system does not save the CPU's AVX-512 registers.",       \
        [NO_VNNI] = prefix "The CPU has no AVX512_VNNI.",                                          \
        [NO_BF16] = prefix "The CPU has no AVX512_BF16.",                                          \
        [NO_AMX] = prefix "The CPU has no AMX for BF16 and INT8.",                                 \
        [NO_TILES] = prefix "The operating system does not save the CPU's AMX tiles.",             \
    }

static const char *const reasons[] = REASONS("");
static const char *const reasons_bad_cap[] =
    REASONS("QUERN_MAX_ISA is not one of scalar, avx2, avx2_vnni, avx512, avx512_vnni, avx512_bf16, amx and "
            "counts for nothing. ");

const char *quern_cpu_explanation(void) {
    machine found = detect();
    int32_t most = cap();
    if (most < 0) {
        return reasons_bad_cap[found.reason];
    }
    if (most >= highest_of(found.tiers)) {
        return reasons[found.reason];
    }
    switch (most) {
    case QUERN_SCALAR:
        return "QUERN_MAX_ISA=scalar forbids a higher tier.";
    case QUERN_AVX2:
        return "QUERN_MAX_ISA=avx2 forbids a higher tier.";
    case QUERN_AVX2_VNNI:
        return "QUERN_MAX_ISA=avx2_vnni forbids a higher tier.";
    case QUERN_AVX512:
        return "QUERN_MAX_ISA=avx512 forbids a higher tier.";
    case QUERN_AVX512_VNNI:
        return "QUERN_MAX_ISA=avx512_vnni forbids a higher tier.";
    default:
        return "QUERN_MAX_ISA=avx512_bf16 forbids a higher tier.";
    }
}
