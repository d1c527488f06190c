/*
 * Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", 2011), keyed as quern.h says. Any element's number can be computed
 * alone, so the numbers do not depend on how work is split.
 */
#ifndef QUERN_RANDOM_H
#define QUERN_RANDOM_H

#include <quern.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* Indices that one group covers. */
#define QUERN_RANDOM_GROUP 64

/* What is the same for all numbers of one stream in one run. */
typedef struct quern_random {
    uint32_t key0;
    uint32_t key1;
    uint32_t stream;
    uint32_t sequence;
} quern_random;

static inline quern_random quern_random_of(const quern_step *step, int64_t stream) {
    quern_random random;
    random.key0 = (uint32_t)(uint64_t)step->seed;
    random.key1 = (uint32_t)((uint64_t)step->seed >> 32);
    random.stream = (uint32_t)(uint64_t)stream;
    random.sequence = (uint32_t)(uint64_t)step->sequence;
    return random;
}

/* The four words of block index / 4. */
static inline void quern_random_words(const quern_random *random, uint64_t block, uint32_t words[4]) {
    uint32_t c0 = (uint32_t)block;
    uint32_t c1 = (uint32_t)(block >> 32);
    uint32_t c2 = random->stream;
    uint32_t c3 = random->sequence;
    uint32_t key0 = random->key0;
    uint32_t key1 = random->key1;
    for (int round = 0; round < 10; round++) {
        uint64_t product0 = (uint64_t)c0 * 0xD2511F53u;
        uint64_t product1 = (uint64_t)c2 * 0xCD9E8D57u;
        c0 = (uint32_t)(product1 >> 32) ^ c1 ^ key0;
        c1 = (uint32_t)product1;
        c2 = (uint32_t)(product0 >> 32) ^ c3 ^ key1;
        c3 = (uint32_t)product0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

/* A word as a number in [0, 1). */
static inline float quern_random_unit(uint32_t word) {
    return (float)(int32_t)(word >> 8) * 0x1p-24f;
}

/* random(stream, index) */
static inline float quern_random_at(const quern_random *random, uint64_t index) {
    uint32_t words[4];
    quern_random_words(random, index / 4, words);
    return quern_random_unit(words[index % 4]);
}

#if defined(__AVX2__)

/*
 * Four blocks at a time, each word in the low half of a 64-bit lane: what stands in the high halves
 * is of no consequence until the words are put together.
 */
static inline void quern_random_four(const quern_random *random, uint64_t block, float *out) {
    const __m256i factor0 = _mm256_set1_epi64x(0xD2511F53);
    const __m256i factor1 = _mm256_set1_epi64x(0xCD9E8D57);
    __m256i c0 = _mm256_add_epi64(_mm256_set1_epi64x((int64_t)block), _mm256_set_epi64x(3, 2, 1, 0));
    __m256i c1 = _mm256_srli_epi64(c0, 32);
    __m256i c2 = _mm256_set1_epi64x((int64_t)random->stream);
    __m256i c3 = _mm256_set1_epi64x((int64_t)random->sequence);
    uint32_t key0 = random->key0;
    uint32_t key1 = random->key1;
    for (int round = 0; round < 10; round++) {
        __m256i product0 = _mm256_mul_epu32(c0, factor0);
        __m256i product1 = _mm256_mul_epu32(c2, factor1);
        __m256i mixed0 = _mm256_xor_si256(c1, _mm256_set1_epi64x((int64_t)key0));
        __m256i mixed2 = _mm256_xor_si256(c3, _mm256_set1_epi64x((int64_t)key1));
        c0 = _mm256_xor_si256(_mm256_srli_epi64(product1, 32), mixed0);
        c1 = product1;
        c2 = _mm256_xor_si256(_mm256_srli_epi64(product0, 32), mixed2);
        c3 = product0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    /* From lanes of one block each to the four words of a block side by side. */
    __m256i words01 = _mm256_blend_epi32(c0, _mm256_slli_epi64(c1, 32), 0xaa);
    __m256i words23 = _mm256_blend_epi32(c2, _mm256_slli_epi64(c3, 32), 0xaa);
    __m256i blocks02 = _mm256_unpacklo_epi64(words01, words23);
    __m256i blocks13 = _mm256_unpackhi_epi64(words01, words23);
    __m256i blocks01 = _mm256_permute2x128_si256(blocks02, blocks13, 0x20);
    __m256i blocks23 = _mm256_permute2x128_si256(blocks02, blocks13, 0x31);
    const __m256 unit = _mm256_set1_ps(0x1p-24f);
    __m256 low = _mm256_cvtepi32_ps(_mm256_srli_epi32(blocks01, 8));
    __m256 high = _mm256_cvtepi32_ps(_mm256_srli_epi32(blocks23, 8));
    _mm256_storeu_ps(out, _mm256_mul_ps(low, unit));
    _mm256_storeu_ps(out + 8, _mm256_mul_ps(high, unit));
}

#else

static inline void quern_random_four(const quern_random *random, uint64_t block, float *out) {
    for (uint64_t i = 0; i < 4; i++) {
        uint32_t words[4];
        quern_random_words(random, block + i, words);
        for (int word = 0; word < 4; word++) {
            out[4 * i + (uint64_t)word] = quern_random_unit(words[word]);
        }
    }
}

#endif

/* out[i] = random(stream, first + i) for QUERN_RANDOM_GROUP elements; first is a multiple of 4. */
static inline void quern_random_group(const quern_random *random, uint64_t first, float *out) {
    for (int i = 0; i < QUERN_RANDOM_GROUP; i += 16) {
        quern_random_four(random, (first + (uint64_t)i) / 4, out + i);
    }
}

/* out[i] = random(stream, first + i) for any first and count. */
static inline void quern_random_fill(const quern_random *random, uint64_t first, int64_t count,
                                     float *out) {
    int64_t i = 0;
    while (i < count && (first + (uint64_t)i) % 4 != 0) {
        out[i] = quern_random_at(random, first + (uint64_t)i);
        i++;
    }
    for (; i + QUERN_RANDOM_GROUP <= count; i += QUERN_RANDOM_GROUP) {
        quern_random_group(random, first + (uint64_t)i, out + i);
    }
    for (; i + 4 <= count; i += 4) {
        uint32_t words[4];
        quern_random_words(random, (first + (uint64_t)i) / 4, words);
        for (int word = 0; word < 4; word++) {
            out[i + word] = quern_random_unit(words[word]);
        }
    }
    for (; i < count; i++) {
        out[i] = quern_random_at(random, first + (uint64_t)i);
    }
}

#endif
