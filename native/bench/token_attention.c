/*
 * How near to the speed of memory the attention of a token comes: every layer's keys and values, gone through
 * by row as a product makes them, by head, and by head in BF16, beside plain reading of more memory than the
 * caches hold. All take turns; a quotient is that of a round.
 * Usage: token_attention [threads [keys [rounds]]]
 */
#define _GNU_SOURCE
#include "rounds.h"

#define MOST_LAYERS 64

/* Bytes that a token reads besides, more than caches hold. */
#define WEIGHTS ((int64_t)256 << 20)

typedef struct sizes {
    int layers;
    int64_t heads, groups, size;
} sizes;

static const sizes models[] = {{12, 12, 12, 64}, {30, 9, 3, 64}, {22, 32, 4, 64}, {16, 32, 8, 128}};

static const char *const forms[] = {"by row", "by head", "by head, BF16"};

enum { FORMS = sizeof forms / sizeof *forms };

static quern_record attention(const sizes *m, int form, int64_t keys, float *out, float *lse, const float *q,
                              char *k, char *v, const int32_t *starts) {
    static const int64_t flags[] = {0, QUERN_KEYS_BY_HEAD, QUERN_KEYS_BY_HEAD | QUERN_KEYS_BF16};
    const int64_t channels = m->heads * m->size, stride = form == 0 ? m->groups * m->size : m->size;
    return (quern_record){.kernel = QUERN_KERNEL_attention_f32,
                          .flags = QUERN_BARRIER,
                          .pointers = {out, lse, (void *)q, k, v, (void *)starts},
                          .integers = {1, 1, m->heads, m->groups, m->size, channels, stride, stride, channels,
                                       keys, 0, 1, 0, flags[form]},
                          .floats = {0.125f, 0}};
}

static void measure(const sizes *m, int threads, int64_t keys, int turns) {
    static float q[8192], out[8192], lse[128];
    static quern_record records[FORMS][MOST_LAYERS];
    static quern_step step;
    static quern_barrier meeting;
    const int32_t start = (int32_t)keys - 1;
    const int64_t numbers = keys * m->groups * m->size, layers = m->layers;
    void *scratch = huge(threads * (int64_t)QUERN_WORK_BYTES);
    char *caches[FORMS];
    quern_program programs[FORMS];
    for (int f = 0; f < FORMS; f++) {
        caches[f] = huge(layers * numbers * 8);
        const int64_t bytes = numbers * (f == 2 ? 2 : 4);
        for (int64_t layer = 0; layer < layers; layer++) {
            char *k = caches[f] + 2 * layer * bytes;
            records[f][layer] = attention(m, f, keys, out, lse, q, k, k + bytes, &start);
            records[f][layer].step = &step;
            records[f][layer].work = scratch;
        }
        programs[f] = (quern_program){records[f], layers, &step, &meeting, quern_cpu_tier(), threads, NULL};
    }
    static const char *weights;
    if (!weights) weights = huge(WEIGHTS);
    static rounds all;
    all = (rounds){.programs = programs,
                   .count = FORMS,
                   .memory = weights,
                   .bytes = WEIGHTS,
                   .threads = threads,
                   .rounds = turns};
    rounds_run(&all);
    static double ratios[MOST_ROUNDS];
    printf("\n%d layers, %ld heads on %ld of %ld numbers: %.1f MB in F32; reading %.1f GB/s\n", m->layers,
           (long)m->heads, (long)m->groups, (long)m->size, (double)(layers * numbers * 8) * 1e-6,
           median_of(all.reading, turns) * 1e-9);
    static double rows[MOST_ROUNDS];
    memcpy(rows, all.seconds[0], sizeof rows);
    for (int f = 0; f < FORMS; f++) {
        for (int i = 0; i < turns; i++) ratios[i] = rows[i] / all.seconds[f][i];
        const double took = median_of(all.seconds[f], turns), bytes = (double)(layers * numbers * (f == 2 ? 4 : 8));
        printf("  %-14s %8.3f ms  %5.1f GB/s  %.2f times as fast\n", forms[f], took * 1e3, bytes / took * 1e-9,
               median_of(ratios, turns));
    }
    for (int f = 0; f < FORMS; f++) munmap(caches[f], (size_t)(layers * numbers * 8));
    munmap(scratch, (size_t)(threads * (int64_t)QUERN_WORK_BYTES));
}

int main(int count, char **arguments) {
    const int threads = count > 1 ? atoi(arguments[1]) : 2;
    const int64_t keys = count > 2 ? atoi(arguments[2]) : 550;
    const int turns = count > 3 ? atoi(arguments[3]) : 31;
    if (threads < 1 || threads > MOST_THREADS || keys < 1 || turns < 1 || turns > MOST_ROUNDS) return 2;
    printf("%s, %ld keys, threads: %d, median of %d rounds\n", quern_tier_name(quern_cpu_tier()), (long)keys,
           threads, turns);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) measure(&models[i], threads, keys, turns);
    return 0;
}
