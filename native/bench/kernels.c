/*
 * Bandwidth of the kernels that memory bounds, beside a plain copy of as many bytes, on one core: the
 * best of many runs, by the CPU time of the thread. Built by make bench.
 */
#define _GNU_SOURCE
#include <quern.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static float *floats(int64_t n) {
    float *p = aligned_alloc(64, ((size_t)n * 4 + 63) / 64 * 64);
    if (!p) exit(1);
    for (int64_t i = 0; i < n; i++) p[i] = (float)(i * 2654435761u % 1000) * 0.002f - 1;
    return p;
}

static quern_step step = {.step = 3, .learning_rate = 1e-3f, .loss_scale = 1, .clip_scale = 1};
static quern_barrier barrier;
static float work[QUERN_WORK_BYTES / sizeof(float)];

/* Seconds of the best run. */
static double best(const quern_record *record, int32_t tier) {
    quern_program program = {record, 1, &step, &barrier, tier, 1, NULL};
    double least = 1e9;
    double end = now() + 0.4;
    do {
        double start = now();
        if (quern_run(&program, 0, 0, 1) != QUERN_OK) {
            printf("%s\n", quern_error_message());
            exit(1);
        }
        double took = now() - start;
        if (took < least) least = took;
    } while (now() < end);
    return least;
}

static double best_copy(float *to, const float *from, int64_t n) {
    double least = 1e9;
    double end = now() + 0.4;
    do {
        double start = now();
        memcpy(to, from, (size_t)n * 4);
        double took = now() - start;
        if (took < least) least = took;
    } while (now() < end);
    return least;
}

/* bytes: what has to be read and written at least. */
static void report(const char *name, const char *shape, const quern_record *record, double bytes) {
    printf("%-32s %-16s", name, shape);
    for (int32_t tier = 0; tier <= quern_cpu_tier(); tier++) {
        double seconds = best(record, tier);
        printf("  %s %7.1f GB/s %8.1f us", quern_tier_name(tier), bytes / seconds * 1e-9, seconds * 1e6);
    }
    printf("\n");
}

int main(void) {
    enum { N = 1 << 24, ROWS = 256, CHANNELS = 768, CLASSES = 50257 };
    float *a = floats(N);
    float *b = floats(N);
    float *c = floats(N);
    float *d = floats(N);
    int32_t *ids = malloc(ROWS * sizeof *ids);
    if (!ids) return 1;
    for (int i = 0; i < ROWS; i++) ids[i] = i * 71 % CLASSES;
    const int64_t rows = ROWS, channels = CHANNELS, size = rows * channels;
    printf("copy of %d floats: %.1f GB/s; of %d: %.1f GB/s (read and write)\n", N,
           8.0 * N / best_copy(a, b, N) * 1e-9, (int)size,
           8.0 * (double)size / best_copy(a, b, size) * 1e-9);
    quern_record r = {.step = &step};

#define RUN(name, shape, bytes, pointer_list, integer_list, float_list)                 \
    do {                                                                                \
        r = (quern_record){.kernel = QUERN_KERNEL_##name,                               \
                           .step = &step,                                               \
                           .work = work,                                                \
                           .pointers = pointer_list,                                    \
                           .integers = integer_list,                                    \
                           .floats = float_list};                                       \
        report(#name, shape, &r, (double)(bytes));                                      \
    } while (0)
#define LIST(...) {__VA_ARGS__}

    for (int64_t i = 0; i < N; i++) d[i] = d[i] * d[i];
    RUN(adamw_f32, "16M", 8.0 * 4 * N, LIST(a, b, c, d), LIST(N), LIST(0.9f, 0.999f, 1e-8f, 0.1f));
    RUN(sgd_f32, "16M", 6.0 * 4 * N, LIST(a, b, c), LIST(N), LIST(0.9f, 0));
    RUN(square_sum_f32, "16M", 4.0 * N, LIST(b, a), LIST(N), LIST(0));
    RUN(add_f32, "16M", 12.0 * N, LIST(c, a, b), LIST(N), LIST(0));
    RUN(add_f32, "256x768", 12.0 * size, LIST(c, a, b), LIST(size), LIST(0));
    RUN(dropout_f32, "256x768", 8.0 * size, LIST(c, a), LIST(size, 1), LIST(0.1f));
    RUN(layer_norm_f32, "256x768", 8.0 * size, LIST(c, d, d + rows, a, b, b + channels),
        LIST(rows, channels), LIST(1e-5f));
    RUN(layer_norm_backward_f32, "256x768", 12.0 * size,
        LIST(c, d, d + channels, b, a, d + 2 * channels, d + 2 * channels + rows, b + size),
        LIST(rows, channels), LIST(0));
    RUN(rms_norm_f32, "256x768", 8.0 * size, LIST(c, d, a, b), LIST(rows, channels), LIST(1e-5f));
    RUN(rms_norm_backward_f32, "256x768", 12.0 * size, LIST(c, d, b, a, d + channels, b + size),
        LIST(rows, channels), LIST(0));
    RUN(column_sum_f32, "256x3072", 16.0 * size, LIST(d, a), LIST(rows, 4 * channels), LIST(0));
    RUN(activation_f32, "gelu 256x3072", 32.0 * size, LIST(c, a), LIST(4 * size, QUERN_GELU_TANH),
        LIST(0));
    RUN(activation_backward_f32, "gelu 256x3072", 48.0 * size, LIST(c, b, a),
        LIST(4 * size, QUERN_GELU_TANH), LIST(0));
    RUN(gated_activation_f32, "silu 256x3072", 48.0 * size, LIST(c, a, b), LIST(4 * size, QUERN_SILU),
        LIST(0));
    RUN(gated_activation_backward_f32, "silu 256x3072", 80.0 * size,
        LIST(c, c + 4 * size, d, a, b), LIST(4 * size, QUERN_SILU), LIST(0));
    RUN(rope_f32, "256x12x64", 8.0 * size, LIST(c, a, b), LIST(rows, rows, 12, 64, rows, 0, 64),
        LIST(0));
    RUN(embedding_f32, "256x768", 12.0 * size, LIST(c, ids, a, b), LIST(rows, channels, 20000, rows, rows),
        LIST(0));
    RUN(embedding_backward_f32, "256x768", 20.0 * size, LIST(c, ids, a, b),
        LIST(rows, channels, 20000, rows, rows), LIST(0));
    const int64_t logits = rows * CLASSES;
    for (int64_t i = 0; i < logits; i++) a[i] *= 8;
    RUN(cross_entropy_f32, "256x50257", 4.0 * logits, LIST(d, d + rows, a, ids), LIST(rows, CLASSES),
        LIST(0));
    RUN(cross_entropy_chunk_f32, "256x8192", 4.0 * rows * 8192, LIST(c, d, a, ids, NULL),
        LIST(rows, 8192, 0, CLASSES), LIST(0));
    RUN(cross_entropy_with_gradient_f32, "256x50257", 8.0 * logits, LIST(d, b, a, ids),
        LIST(rows, CLASSES), LIST(0));
    RUN(cross_entropy_backward_f32, "256x50257", 8.0 * logits, LIST(b, a, ids, d + rows),
        LIST(rows, CLASSES), LIST(0));
    return 0;
}
