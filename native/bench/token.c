/*
 * How near to the speed of memory the products of a token come: a model of Llama's shape in BF16, every
 * product of every layer and the head, each record followed by a barrier, against plain reading of the same
 * memory. The two take turns.
 * Usage: token [threads [135m|1.1b [rounds]]]
 */
#define _GNU_SOURCE
#include "rounds.h"

#define MOST_RECORDS 1024

typedef struct sizes {
    const char *name;
    int layers;
    int64_t channels, key_channels, hidden, vocabulary;
} sizes;

static const sizes models[] = {{"135m", 30, 576, 192, 1536, 49152}, {"1.1b", 22, 2048, 256, 5632, 32000}};

static quern_record product(float *out, const float *x, const char *weights, int64_t n, int64_t k) {
    return (quern_record){.kernel = QUERN_KERNEL_matmul_f32,
                          .flags = QUERN_BARRIER,
                          .pointers = {out, (void *)x, (void *)weights},
                          .integers = {1, n, k, k, k, n, QUERN_TRANSPOSE_B | QUERN_STORED_BF16}};
}

int main(int count, char **arguments) {
    const int threads = count > 1 ? atoi(arguments[1]) : 2;
    const char *name = count > 2 ? arguments[2] : models[0].name;
    const int turns = count > 3 ? atoi(arguments[3]) : 101;
    const sizes *model = NULL;
    for (int i = 0; i < 2; i++) {
        if (strcmp(name, models[i].name) == 0) model = &models[i];
    }
    if (threads < 1 || threads > MOST_THREADS || !model || turns < 1 || turns > MOST_ROUNDS) return 2;
    const int64_t shapes[][2] = {{model->channels, model->channels},
                                 {model->key_channels, model->channels},
                                 {model->key_channels, model->channels},
                                 {model->channels, model->channels},
                                 {model->hidden, model->channels},
                                 {model->hidden, model->channels},
                                 {model->channels, model->hidden}};
    int64_t bytes = model->vocabulary * model->channels * 2;
    for (int s = 0; s < 7; s++) bytes += model->layers * shapes[s][0] * shapes[s][1] * 2;
    const char *weights = huge(bytes);
    static float x[8192], out[65536];
    static quern_record records[MOST_RECORDS];
    static quern_step step;
    static quern_barrier meeting;
    void *scratch = huge(threads * (int64_t)QUERN_WORK_BYTES);
    int64_t made = 0, at = 0;
    for (int layer = 0; layer <= model->layers; layer++) {
        for (int s = 0; s < 7; s++) {
            const int64_t n = layer < model->layers ? shapes[s][0] : model->vocabulary;
            const int64_t k = layer < model->layers ? shapes[s][1] : model->channels;
            records[made] = product(out, x, weights + at, n, k);
            records[made].step = &step;
            records[made].work = scratch;
            made++;
            at += n * k * 2;
            if (layer == model->layers) break;
        }
    }
    const quern_program program = {records, made, &step, &meeting, quern_cpu_tier(), threads, NULL};
    static rounds all;
    all = (rounds){.programs = &program, .count = 1, .memory = weights, .bytes = bytes, .threads = threads, .rounds = turns};
    rounds_run(&all);
    static double ratios[MOST_ROUNDS];
    for (int i = 0; i < turns; i++) {
        all.seconds[0][i] = (double)bytes / all.seconds[0][i];
        ratios[i] = all.seconds[0][i] / all.reading[i];
    }
    printf("%s, %s in BF16, %.0f MB, %ld products, threads: %d, median of %d rounds\n",
           quern_tier_name(program.tier), model->name, (double)bytes * 1e-6, (long)made, threads, turns);
    printf("products %6.1f GB/s\nreading  %6.1f GB/s\nratio    %6.3f\n",
           median_of(all.seconds[0], turns) * 1e-9, median_of(all.reading, turns) * 1e-9, median_of(ratios, turns));
    return 0;
}
