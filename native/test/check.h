/*
 * Help for the C tests: checks that count, reproducible random numbers, memory that ends flush at a
 * guard page, and running one kernel on every tier this machine has. Each test is one program.
 */
#ifndef QUERN_CHECK_H
#define QUERN_CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "cpu.h"
#include "tiers.h"

#include <math.h>
#include <quern.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHECK_UNUSED __attribute__((unused))

static long check_count;
static long check_failures;

/* Counts one check; prints the first twenty that fail. */
#define CHECK(condition, ...)                              \
    do {                                                   \
        check_count++;                                     \
        if (!(condition) && check_failures++ < 20) {       \
            printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
            printf(__VA_ARGS__);                           \
            printf("\n");                                  \
        }                                                  \
    } while (0)

/* The end of main: fails where a check failed or none was made. */
CHECK_UNUSED static int check_result(void) {
    printf("%ld checks, %ld failures\n", check_count, check_failures);
    return check_failures != 0 || check_count == 0;
}

/* xorshift64*: the same numbers on every run. */
static uint64_t check_state = 0x9e3779b97f4a7c15u;

CHECK_UNUSED static uint64_t check_bits(void) {
    check_state ^= check_state >> 12;
    check_state ^= check_state << 25;
    check_state ^= check_state >> 27;
    return check_state * 0x2545f4914f6cdd1du;
}

/* The upper half of the nearest float that has nothing in its lower one, ties to the even one. */
CHECK_UNUSED static uint16_t check_to_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (isnan(x)) return (uint16_t)(bits >> 16 | 0x40);
    const uint32_t below = bits & 0xffff;
    const uint32_t upper = bits >> 16;
    return (uint16_t)(upper + (below > 0x8000 || (below == 0x8000 && (upper & 1))));
}

/* The float whose upper half this is. */
CHECK_UNUSED static float check_of_bf16(uint16_t x) {
    const uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, sizeof y);
    return y;
}

/* In [0, n). */
CHECK_UNUSED static int64_t check_below(int64_t n) { return (int64_t)(check_bits() % (uint64_t)n); }

/* In [-1, 1). */
CHECK_UNUSED static float check_float(void) {
    return (float)((double)(check_bits() >> 11) / 4503599627370496.0 - 1.0);
}

CHECK_UNUSED static void check_fill(float *p, int64_t n, float scale) {
    for (int64_t i = 0; i < n; i++) p[i] = scale * check_float();
}

/* Memory between two inaccessible pages; the newest allocations stand last. */
typedef struct check_block {
    void *base;
    size_t length;
    unsigned char *start;
    size_t lead;
} check_block;

static check_block check_blocks[256];
static int check_block_count;

/* What the bytes before an allocation on its first page hold, and must go on holding. */
#define CHECK_SENTINEL 0xa5

/*
 * Room for bytes, a multiple of 4, ending flush at an inaccessible page; what stands before it on its
 * first page is watched by check_free. Holds NaNs, so that what is read unwritten shows.
 */
CHECK_UNUSED static void *check_alloc(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (bytes + page - 1) / page * page;
    unsigned char *base = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED || check_block_count == 256 ||
        (room > 0 && mprotect(base + page, room, PROT_READ | PROT_WRITE) != 0)) {
        printf("check_alloc: no memory for %zu bytes\n", bytes);
        exit(1);
    }
    size_t lead = room - bytes;
    memset(base + page, CHECK_SENTINEL, lead);
    memset(base + page + lead, 0xff, bytes);
    check_blocks[check_block_count++] =
        (check_block){base, room + 2 * page, base + page, lead};
    return base + page + lead;
}

CHECK_UNUSED static float *check_floats(int64_t n) { return check_alloc((size_t)n * sizeof(float)); }

CHECK_UNUSED static int32_t *check_ints(int64_t n) { return check_alloc((size_t)n * sizeof(int32_t)); }

/* Room for n floats, filled with numbers in [-scale, scale). */
CHECK_UNUSED static float *check_random(int64_t n, float scale) {
    float *p = check_floats(n);
    check_fill(p, n, scale);
    return p;
}

/* Gives back all but the oldest `keep` allocations, having looked at what stands before each. */
CHECK_UNUSED static void check_free(int keep) {
    while (check_block_count > keep) {
        check_block *block = &check_blocks[--check_block_count];
        size_t intact = 0;
        while (intact < block->lead && block->start[intact] == CHECK_SENTINEL) intact++;
        CHECK(intact == block->lead, "written %zu bytes before the start", block->lead - intact);
        munmap(block->base, block->length);
    }
}

/* Whether the tier is compiled and runs here. */
CHECK_UNUSED static int check_has_tier(int tier) {
    if (!quern_function_of(tier, 0)) return 0;
#ifdef QUERN_EMULATE_AVX512
    /* Made of AVX2's instructions. */
    if (tier > QUERN_AVX2) tier = QUERN_AVX2;
#endif
    switch (tier) {
        case QUERN_SCALAR:
            return 1;
#if defined(__x86_64__)
        case QUERN_AVX2:
            return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
        case QUERN_AVX512:
            return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
        /* Not every compiler that builds the lower tiers has builtins for what follows. */
#ifdef QUERN_HAVE_avx512_vnni
        case QUERN_AVX512_VNNI:
            return check_has_tier(QUERN_AVX512) && __builtin_cpu_supports("avx512vnni");
#endif
#ifdef QUERN_HAVE_avx512_bf16
        case QUERN_AVX512_BF16:
            return check_has_tier(QUERN_AVX512_VNNI) && __builtin_cpu_supports("avx512bf16");
#endif
        /* No builtin knows these, nor whether the system permits tiles; the self-test uses them. */
        case QUERN_AVX2_VNNI:
            return check_has_tier(QUERN_AVX2) && quern_tier_usable(tier);
        case QUERN_AMX:
            return check_has_tier(QUERN_AVX512_BF16) && quern_tier_usable(tier);
#endif
        default:
            return 0;
    }
}

/* Whether it has this kernel otherwise than all lower tiers: what tiers share is checked once. */
CHECK_UNUSED static int check_has_own(int tier, int32_t kernel) {
    if (!check_has_tier(tier)) return 0;
    for (int lower = 0; lower < tier; lower++) {
        if (check_has_tier(lower) && quern_function_of(lower, kernel) == quern_function_of(tier, kernel)) return 0;
    }
    return 1;
}

static const char *const check_tier_names[QUERN_TIERS] CHECK_UNUSED = {
    "scalar", "avx2", "avx2_vnni", "avx512", "avx512_vnni", "avx512_bf16", "amx"};

/* Most workers that check_run takes. */
#define CHECK_PARTS 8

/* The record's kernel as all workers, one after the other, each with scratch memory that is NaN. */
CHECK_UNUSED static int32_t check_run(int32_t kernel, int tier, quern_record *record,
                                      int32_t parts) {
    static unsigned char *work;
    if (!work) {
        /* Kept for the program's life and between guard pages, but out of check_free's sight. */
        work = check_alloc((size_t)CHECK_PARTS * QUERN_WORK_BYTES);
        check_block_count--;
    }
    /* The last worker's scratch ends at the guard page. */
    record->work = work + (size_t)(CHECK_PARTS - parts) * QUERN_WORK_BYTES;
    int32_t status = QUERN_OK;
    for (int32_t part = parts - 1; part >= 0; part--) {
        memset((unsigned char *)record->work + (size_t)part * QUERN_WORK_BYTES, 0xff, 1 << 12);
        int32_t result = quern_function_of(tier, kernel)(record, part, parts);
        if (result != QUERN_OK) status = result;
    }
    return status;
}

/* The largest |a - b| / max(1, |b|), or infinity where one of the two is no number or infinite. */
CHECK_UNUSED static double check_error(const float *a, const double *b, int64_t n) {
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
        double error = fabs((double)a[i] - b[i]) / fmax(1.0, fabs(b[i]));
        if (!(error <= worst)) worst = isnan(error) ? INFINITY : error;
    }
    return worst;
}

#endif
