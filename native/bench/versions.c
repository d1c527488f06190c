/*
 * Two builds of libquern.so side by side, for a change that is to pay: products at the sizes of GPT-2 124M, the
 * character GPT and a Llama-shaped model of 135M parameters, in turn, with other memory read in between. A ratio
 * above 1 says that the second build is faster.
 * Usage: versions FIRST.so SECOND.so [threads [rounds [kernel [tier]]]]
 */
#define _GNU_SOURCE
#include "rounds.h"

#include <dlfcn.h>

/* Products of one size that a turn takes, each with a right side of its own. */
#define MATRICES 8

typedef struct shape {
    int64_t m, n, k, flags;
} shape;

static const shape shapes[] = {
    {256, 2304, 768, 0},
    {256, 768, 768, 0},
    {256, 3072, 768, 0},
    {256, 768, 3072, 0},
    {256, 768, 2304, QUERN_TRANSPOSE_B},
    {768, 2304, 256, QUERN_TRANSPOSE_A},
    {1024, 3072, 768, 0},
    {768, 3072, 1024, QUERN_TRANSPOSE_A},
    {768, 128, 128, 0},
    {768, 512, 128, 0},
    {768, 128, 512, QUERN_TRANSPOSE_B},
    {128, 512, 768, QUERN_TRANSPOSE_A},
    {512, 576, 576, QUERN_TRANSPOSE_B},
    {512, 192, 576, QUERN_TRANSPOSE_B},
    {512, 1536, 576, QUERN_TRANSPOSE_B},
    {512, 576, 1536, QUERN_TRANSPOSE_B},
};

/* A symbol of the library of this path. */
static void *symbol_of(const char *path, const char *name) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, name) : NULL;
    if (!symbol) {
        printf("%s\n", dlerror());
        exit(1);
    }
    return symbol;
}

static run_function *run_of(const char *path) {
    int32_t (*version)(void);
    run_function *run;
    void *symbol = symbol_of(path, "quern_abi_version");
    memcpy(&version, &symbol, sizeof version);
    if (version() != QUERN_ABI_VERSION) {
        printf("%s has version %d of the interface, and this program %d.\n", path, version(), QUERN_ABI_VERSION);
        exit(1);
    }
    symbol = symbol_of(path, "quern_run");
    memcpy(&run, &symbol, sizeof run);
    return run;
}

static int32_t named(const char *name, const char *(*name_of)(int32_t), int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        if (strcmp(name, name_of(i)) == 0) return i;
    }
    printf("There is no %s.\n", name);
    exit(1);
}

static void fill(float *p, int64_t n) {
    uint32_t state = 1;
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        p[i] = (float)(int32_t)state * 0x1p-31f;
    }
}

/* Seconds of a turn of either build, added to `totals`. */
static void compare(rounds *all, const shape *s, int32_t kernel, int32_t tier, void *work, double totals[2]) {
    static quern_step step;
    static quern_barrier barrier;
    const int64_t sizes[] = {s->m * s->k, s->n * s->k, s->m * s->n};
    const int64_t a_stride = s->flags & QUERN_TRANSPOSE_A ? s->m : s->k;
    const int64_t b_stride = s->flags & QUERN_TRANSPOSE_B ? s->k : s->n;
    float *a = huge(sizes[0] * 4), *b = huge(sizes[1] * 4 * MATRICES), *out = huge(sizes[2] * 4);
    quern_record records[MATRICES];
    fill(a, sizes[0]);
    fill(b, sizes[1] * MATRICES);
    for (int i = 0; i < MATRICES; i++) {
        records[i] = (quern_record){.kernel = kernel,
                                    .flags = QUERN_BARRIER,
                                    .step = &step,
                                    .work = work,
                                    .pointers = {out, a, b + i * sizes[1]},
                                    .integers = {s->m, s->n, s->k, a_stride, b_stride, s->n, s->flags}};
    }
    const quern_program program = {records, MATRICES, &step, &barrier, tier, all->threads, NULL};
    const quern_program programs[] = {program, program};
    all->programs = programs;
    rounds_run(all);
    double ratios[MOST_ROUNDS];
    for (int i = 0; i < all->rounds; i++) ratios[i] = all->seconds[0][i] / all->seconds[1][i];
    const double operations = 2.0 * (double)(s->m * s->n * s->k) * MATRICES * 1e-9;
    const double first = median_of(all->seconds[0], all->rounds), second = median_of(all->seconds[1], all->rounds);
    printf("%5ld %5ld %5ld  flags %ld  %6.1f %6.1f GFLOP/s  ratio %.3f\n", (long)s->m, (long)s->n, (long)s->k,
           (long)s->flags, operations / first, operations / second, median_of(ratios, all->rounds));
    totals[0] += first;
    totals[1] += second;
    munmap(a, (size_t)sizes[0] * 4);
    munmap(b, (size_t)sizes[1] * 4 * MATRICES);
    munmap(out, (size_t)sizes[2] * 4);
}

int main(int argc, char **argv) {
    const int threads = argc > 3 ? atoi(argv[3]) : 2, turns = argc > 4 ? atoi(argv[4]) : 21;
    if (argc < 3 || threads < 1 || threads > MOST_THREADS || turns < 1 || turns > MOST_ROUNDS) {
        printf("Usage: versions FIRST.so SECOND.so [threads [rounds [kernel [tier]]]]\n");
        return 1;
    }
    const int32_t kernel = named(argc > 5 ? argv[5] : "matmul_f32", quern_kernel_name, QUERN_KERNELS);
    const int32_t tier = argc > 6 ? named(argv[6], quern_tier_name, QUERN_TIERS) : quern_cpu_tier();
    static rounds all;
    const int64_t bytes = 256 << 20;
    all = (rounds){.runs = {run_of(argv[1]), run_of(argv[2])},
                   .count = 2,
                   .memory = huge(bytes),
                   .bytes = bytes,
                   .threads = threads,
                   .rounds = turns};
    void *work = huge((int64_t)threads * QUERN_WORK_BYTES);
    double totals[2] = {0, 0};
    printf("%s, %s, %d threads, medians of %d rounds\n", quern_kernel_name(kernel), quern_tier_name(tier), threads,
           turns);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        compare(&all, &shapes[i], kernel, tier, work, totals);
    }
    printf("All products, each once: ratio %.3f\n", totals[0] / totals[1]);
    return 0;
}
