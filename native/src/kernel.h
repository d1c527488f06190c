/*
 * What every kernel's file includes: the function name of its tier, its share of the work, its
 * scratch memory. Kernel files are compiled once for each tier, with QUERN_ISA naming it.
 */
#ifndef QUERN_KERNEL_H
#define QUERN_KERNEL_H

#include <quern.h>

#include <stddef.h>
#include <stdint.h>

#ifndef QUERN_ISA
#error "compile kernels with -DQUERN_ISA=, followed by a tier's name"
#endif

#define QUERN_JOIN_(a, b, c) a##b##c
#define QUERN_JOIN(a, b, c) QUERN_JOIN_(a, b, c)

/* quern_<name>__<isa>: for whatever has to differ from tier to tier and is not static. */
#define QUERN_NAME(name) QUERN_JOIN(quern_##name, __, QUERN_ISA)

/* Tiers that multiply BF16 have a few kernels of their own; what else these call is avx512's. */
#if defined(QUERN_ISA_avx512_bf16) || defined(QUERN_ISA_amx)
#define QUERN_MULTIPLIES_BF16 1
#define QUERN_BASE_NAME(name) QUERN_JOIN(quern_##name, __, avx512)
#else
#define QUERN_MULTIPLIES_BF16 0
#define QUERN_BASE_NAME(name) QUERN_NAME(name)
#endif

/* Opens the definition of a kernel: the prototype, which -Wmissing-prototypes wants, then itself. */
#define QUERN_KERNEL_DEFINE(name)                                                      \
    int32_t QUERN_NAME(name)(const quern_record *record, int32_t part, int32_t parts); \
    int32_t QUERN_NAME(name)(const quern_record *record, int32_t part, int32_t parts)

#define QUERN_INLINE static inline __attribute__((always_inline, unused))

/* A share of n elements: first <= i < last. */
typedef struct quern_range {
    int64_t first;
    int64_t last;
} quern_range;

/*
 * The share of worker `part` in n elements, in whole multiples of `multiple` but for the end.
 * Depends on nothing else; shares differ by at most one multiple.
 */
QUERN_INLINE quern_range quern_share(int64_t n, int64_t multiple, int32_t part, int32_t parts) {
    int64_t units = n / multiple + (n % multiple != 0);
    int64_t each = units / parts;
    int64_t rest = units % parts;
    int64_t first = each * part + (part < rest ? part : rest);
    int64_t last = first + each + (part < rest);
    quern_range range = {first * multiple, last * multiple};
    if (range.first > n) range.first = n;
    if (range.last > n) range.last = n;
    return range;
}

/* This worker's QUERN_WORK_BYTES of scratch memory. */
QUERN_INLINE float *quern_work(const quern_record *record, int32_t part) {
    return (float *)((char *)record->work + (size_t)part * QUERN_WORK_BYTES);
}

/* For the outer loops of kernels that run for more than some milliseconds. */
QUERN_INLINE int quern_cancelled(const quern_record *record) {
    return record->step && !(record->flags & QUERN_COMMITTED) &&
           __atomic_load_n(&record->step->cancel, __ATOMIC_RELAXED);
}

/* Whether the gradient at pointers[index] is added to; else it is assigned. */
QUERN_INLINE int quern_adds(const quern_record *record, int index) {
    return !(record->assigned >> index & 1) || (record->step && record->step->accumulate);
}

QUERN_INLINE int64_t quern_min(int64_t a, int64_t b) { return a < b ? a : b; }

QUERN_INLINE int64_t quern_max(int64_t a, int64_t b) { return a > b ? a : b; }

#endif
