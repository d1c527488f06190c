/* Philox against the known answers that its authors publish with Random123 (kat_vectors). */
#ifndef QUERN_RANDOM_CASES_H
#define QUERN_RANDOM_CASES_H

#include "check.h"
#include "random.h"

static void known_answer(uint64_t block, uint32_t stream, uint32_t sequence, uint64_t key,
                         const uint32_t expected[4]) {
    quern_step step = {.seed = (int64_t)key, .sequence = sequence};
    quern_random random = quern_random_of(&step, stream);
    uint32_t words[4];
    quern_random_words(&random, block, words);
    for (int i = 0; i < 4; i++) {
        CHECK(words[i] == expected[i], "word %d of block %llx: %08x, not %08x", i,
              (unsigned long long)block, words[i], expected[i]);
    }
}

static int run_cases(void) {
    known_answer(0, 0, 0, 0, (const uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    known_answer(UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX,
                 (const uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    known_answer(0x85a308d3243f6a88, 0x13198a2e, 0x03707344, 0x299f31d0a4093822,
                 (const uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});

    /* However a range begins and ends, and where the index passes 2^34, each number is its own. */
    quern_step step = {.seed = -3, .sequence = 5};
    quern_random random = quern_random_of(&step, 11);
    const uint64_t starts[] = {0, 1, 2, 3, 4, 61, 4 * 0xfffffffcull + 1};
    double sum = 0;
    for (size_t k = 0; k < sizeof starts / sizeof *starts; k++) {
        for (int64_t count = 0; count < 210; count += 7) {
            float *out = check_floats(count);
            quern_random_fill(&random, starts[k], count, out);
            for (int64_t i = 0; i < count; i++) {
                float expected = quern_random_at(&random, starts[k] + (uint64_t)i);
                CHECK(out[i] == expected, "number %lld of %lld from %llx", (long long)i,
                      (long long)count, (unsigned long long)starts[k]);
                CHECK(out[i] >= 0 && out[i] < 1, "%g is not in [0, 1)", (double)out[i]);
            }
            check_free(0);
        }
    }
    for (uint64_t i = 0; i < 1000000; i++) sum += quern_random_at(&random, i);
    CHECK(fabs(sum / 1e6 - 0.5) < 5 * sqrt(1 / 12.0) / 1e3, "mean %g", sum / 1e6);
    CHECK(quern_random_unit(UINT32_MAX) < 1, "the largest word gives 1");
    return check_result();
}

#endif
