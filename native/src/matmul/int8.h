/*
 * Operands of INT8 products: lanes of QUERN_INT8_STEPS neighbours in k, whose products are added up as
 * integers. Weights are read from where they are stored; rows of a are rounded to integers beforehand.
 *
 * Where an instruction multiplies unsigned bytes by signed ones, weights are 128 more than stored, which
 * every sum is mended for by starting it at -128 times the sum of a's integers. Tiles multiply signed
 * bytes, and tiers that have neither, with QUERN_INT8_STEPS of 2, 16-bit integers. Either way
 * nothing can saturate or wrap: |a| <= 127, |b| <= 128, and a sum has QUERN_INT8_CHUNK steps at most.
 */
#ifndef QUERN_INT8_H
#define QUERN_INT8_H

#include "kernel.h"
#include "simd/dot.h"

#if defined(QUERN_DOT_BYTES) || defined(QUERN_ISA_amx)
#define QUERN_INT8_STEPS 4
typedef int8_t quern_integer;
#else
#define QUERN_INT8_STEPS 2
typedef int16_t quern_integer;
#endif

/* What is added to weights. */
#if defined(QUERN_DOT_BYTES)
#define QUERN_INT8_OFFSET 128
#else
#define QUERN_INT8_OFFSET 0
#endif

/* Steps that are summed up as integers, at most: up to 1032 a sum is a float without rounding. */
#if defined(QUERN_ISA_amx)
#define QUERN_INT8_CHUNK 1024
#else
#define QUERN_INT8_CHUNK 512
#endif
#define QUERN_INT8_MOST_CHUNKS (QUERN_INT8_CHUNK / 32)

/* Steps in a vector. */
#define QUERN_INT8_WIDTH (QUERN_INT8_STEPS * QUERN_LANES)

/* A group below this counts as zero: 127 / x must not overflow. */
#define QUERN_INT8_LEAST 0x1p-100f

#if QUERN_LANES > 1
typedef int8_t vbytes __attribute__((vector_size(QUERN_INT8_WIDTH)));
typedef int8_t vbytes_unaligned __attribute__((vector_size(QUERN_INT8_WIDTH), aligned(1), may_alias));
typedef quern_integer vintegers __attribute__((vector_size(QUERN_LANES * sizeof(quern_integer))));
typedef quern_integer vintegers_unaligned
    __attribute__((vector_size(QUERN_LANES * sizeof(quern_integer)), aligned(1), may_alias));
#endif

#if !defined(QUERN_ISA_amx)
/* sum + x y, x weights and y integers of a. */
QUERN_INLINE vint int8_dot(vint sum, vint x, vint y) {
#if QUERN_INT8_STEPS == 4
    return vi_dot_bytes(sum, x, y);
#else
    return vi_dot_shorts(sum, x, y);
#endif
}
#endif

/* QUERN_INT8_WIDTH weights. */
QUERN_INLINE vint int8_weights(const int8_t *p) {
#if QUERN_INT8_STEPS == 4
    return (vint)(*(const vbytes_unaligned *)p ^ (int8_t)-QUERN_INT8_OFFSET);
#else
    return vi_load_shorts(p);
#endif
}

/* The first n of them; the others give no product, and are not read. */
QUERN_INLINE vint int8_weights_first(const int8_t *p, int64_t n) {
#if QUERN_INT8_STEPS == 4 && defined(__AVX512BW__)
    const __mmask64 mask = n < 64 ? (1ull << n) - 1 : ~0ull;
    const __m512i offset = _mm512_set1_epi8((char)-QUERN_INT8_OFFSET);
    return (vint)_mm512_xor_si512(_mm512_mask_loadu_epi8(offset, mask, p), offset);
#else
    int8_t copy[QUERN_INT8_WIDTH];
    memset(copy, QUERN_INT8_OFFSET, sizeof copy);
    memcpy(copy, p, (size_t)quern_min(n, QUERN_INT8_WIDTH));
    return int8_weights(copy);
#endif
}

/* The bits of the largest |x|: NaN counts as more than infinity. */
QUERN_INLINE int32_t int8_highest(const float *x, int64_t count) {
    vint highest = vi_splat(0);
    int32_t lanes[QUERN_LANES];
    for (int64_t k = 0; k < count; k += QUERN_LANES) {
        const vfloat y = count - k >= QUERN_LANES ? v_load(x + k) : v_load_first(x + k, count - k);
        const vint bits = v_bits(v_abs(y));
#if QUERN_LANES == 1
        highest = bits > highest ? bits : highest;
#else
        const vint more = bits > highest;
        highest = (more & bits) | (~more & highest);
#endif
    }
    vi_store(lanes, highest);
    for (int i = 1; i < QUERN_LANES; i++) lanes[0] = lanes[i] > lanes[0] ? lanes[i] : lanes[0];
    return lanes[0];
}

/* How a group is rounded. */
typedef struct int8_scale {
    /* What an integer stands for; NaN where the group has a number that is not finite. */
    float scale;
    /* What numbers are multiplied by before they are rounded; 0 where all become 0. */
    float inverse;
} int8_scale;

QUERN_INLINE int8_scale int8_scale_of(int32_t highest) {
    float x;
    memcpy(&x, &highest, sizeof x);
    if (highest >= 0x7f800000) return (int8_scale){__builtin_nanf(""), 0};
    if (x < QUERN_INT8_LEAST) return (int8_scale){0, 0};
    return (int8_scale){x / 127.0f, 127.0f / x};
}

/*
 * Rounds `count` floats to integers, ties to even, and fills up with zeros to whole vectors of
 * QUERN_INT8_WIDTH. Returns what a sum with weights begins with.
 */
QUERN_INLINE int32_t int8_round(quern_integer *to, const float *x, float inverse, int64_t count) {
    const int64_t whole = (count + QUERN_INT8_WIDTH - 1) / QUERN_INT8_WIDTH * QUERN_INT8_WIDTH;
    /* 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits. */
    const vfloat magic = v_splat(12582912.0f);
    vint sum = vi_splat(0);
    if (inverse == 0) {
        memset(to, 0, (size_t)whole * sizeof *to);
        return 0;
    }
    int64_t k = 0;
    for (; k < count; k += QUERN_LANES) {
        vfloat y = count - k >= QUERN_LANES ? v_load(x + k) : v_load_first(x + k, count - k);
        const vfloat product = y * v_splat(inverse);
        const vint rounded = v_bits(product + magic) - v_bits(magic);
        sum += rounded;
#if QUERN_LANES == 1
        to[k] = (quern_integer)rounded;
#else
        *(vintegers_unaligned *)(to + k) = __builtin_convertvector(rounded, vintegers);
#endif
    }
    memset(to + k, 0, (size_t)(whole - k) * sizeof *to);
    if (QUERN_INT8_OFFSET == 0) return 0;
    int32_t lanes[QUERN_LANES];
    vi_store(lanes, sum);
    for (int i = 1; i < QUERN_LANES; i++) lanes[0] += lanes[i];
    return -QUERN_INT8_OFFSET * lanes[0];
}

/* What a record of matmul_int8 asks for. */
typedef struct int8_product {
    float *out;
    const float *a;
    const int8_t *b;
    const float *bias;
    const float *scales;
    int64_t m;
    int64_t n;
    int64_t k;
    int64_t a_stride;
    int64_t b_stride;
    int64_t out_stride;
    int64_t group;
    int64_t groups;
    /* Steps that are summed up as integers: a group, or a part of one. */
    int64_t chunk;
} int8_product;

QUERN_INLINE int8_product int8_product_of(const quern_record *record) {
    const int64_t k = record->integers[2];
    const int64_t group = record->integers[6];
    return (int8_product){.out = record->pointers[0],
                          .a = record->pointers[1],
                          .b = record->pointers[2],
                          .bias = record->pointers[3],
                          .scales = record->pointers[4],
                          .m = record->integers[0],
                          .n = record->integers[1],
                          .k = k,
                          .a_stride = record->integers[3],
                          .b_stride = record->integers[4],
                          .out_stride = record->integers[5],
                          .group = group,
                          .groups = (k + group - 1) / group,
                          .chunk = quern_min(group, QUERN_INT8_CHUNK)};
}

/* Where the block that begins at `first` ends: after whole groups, `chunks` at most, or within one. */
QUERN_INLINE int64_t int8_block_end(const int8_product *p, int64_t first, int64_t chunks) {
    if (p->group <= QUERN_INT8_CHUNK) return quern_min(p->k, first + chunks * p->chunk);
    return quern_min(quern_min(p->k, first / p->group * p->group + p->group), first + p->chunk);
}

/* Rows whose scales are kept while the blocks of a group go by that is more than one. */
#define QUERN_INT8_ROWS 4096

/* Of the group that begins at `first` in a row of a. */
QUERN_INLINE int8_scale int8_group_scale(const int8_product *p, int64_t row, int64_t first) {
    const int64_t count = quern_min(p->k - first, p->group);
    return int8_scale_of(int8_highest(p->a + row * p->a_stride + first, count));
}

/* The scales of such a group, for the blocks from `first` on: made where it begins. */
QUERN_INLINE void int8_keep_scales(int8_scale *scales, const int8_product *p, quern_range rows,
                                   int64_t first) {
    if (p->group <= QUERN_INT8_CHUNK || first % p->group != 0) return;
    for (int64_t i = rows.first; i < rows.last; i++) {
        scales[i - rows.first] = int8_group_scale(p, i, first);
    }
}

#define quern_few_rows_int8 QUERN_NAME(few_rows_int8)

/*
 * out [rows, columns] = a b^T + bias for rows <= QUERN_FEW_ROWS, reading b once. scales: those of b, `groups`
 * for each of its rows. work: QUERN_WORK_BYTES.
 */
void quern_few_rows_int8(float *out, int64_t out_stride, const float *a, int64_t a_stride, const int8_t *b,
                         int64_t b_stride, const float *scales, int64_t groups, int64_t group,
                         const float *bias, int64_t rows, int64_t columns, int64_t depth, void *work);

#endif
