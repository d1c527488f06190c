/*
 * Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", 2011), keyed as quern.h says. Any element's number can be computed
 * alone, so the numbers do not depend on how work is split.
 */
#ifndef QUERN_RANDOM_H
#define QUERN_RANDOM_H

#include "../include/quern.h"

/* Indices that one group covers: QUERN_RANDOM_BLOCKS blocks of four words. */
#define QUERN_RANDOM_BLOCKS 16
#define QUERN_RANDOM_GROUP (4 * QUERN_RANDOM_BLOCKS)

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

/* out[i] = random(stream, first + i) for QUERN_RANDOM_GROUP elements; first is a multiple of 4. */
static inline void quern_random_group(const quern_random *random, uint64_t first, float *out) {
    /* The rounds run lane by lane over arrays of fixed size, which compilers turn into vectors. */
    uint32_t c0[QUERN_RANDOM_BLOCKS];
    uint32_t c1[QUERN_RANDOM_BLOCKS];
    uint32_t c2[QUERN_RANDOM_BLOCKS];
    uint32_t c3[QUERN_RANDOM_BLOCKS];
    uint64_t block = first / 4;
    for (int lane = 0; lane < QUERN_RANDOM_BLOCKS; lane++) {
        c0[lane] = (uint32_t)(block + (uint64_t)lane);
        c1[lane] = (uint32_t)((block + (uint64_t)lane) >> 32);
        c2[lane] = random->stream;
        c3[lane] = random->sequence;
    }
    uint32_t key0 = random->key0;
    uint32_t key1 = random->key1;
    for (int round = 0; round < 10; round++) {
        for (int lane = 0; lane < QUERN_RANDOM_BLOCKS; lane++) {
            uint64_t product0 = (uint64_t)c0[lane] * 0xD2511F53u;
            uint64_t product1 = (uint64_t)c2[lane] * 0xCD9E8D57u;
            c0[lane] = (uint32_t)(product1 >> 32) ^ c1[lane] ^ key0;
            c1[lane] = (uint32_t)product1;
            c2[lane] = (uint32_t)(product0 >> 32) ^ c3[lane] ^ key1;
            c3[lane] = (uint32_t)product0;
        }
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    for (int lane = 0; lane < QUERN_RANDOM_BLOCKS; lane++) {
        out[4 * lane] = quern_random_unit(c0[lane]);
        out[4 * lane + 1] = quern_random_unit(c1[lane]);
        out[4 * lane + 2] = quern_random_unit(c2[lane]);
        out[4 * lane + 3] = quern_random_unit(c3[lane]);
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
