/*
 * Programs and plain reading of memory, timed in turn by a number of threads. There is reading before each
 * program, so that what that finds in the caches is of no use to it.
 */
#ifndef QUERN_BENCH_ROUNDS_H
#define QUERN_BENCH_ROUNDS_H

#include <pthread.h>
#include <quern.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define MOST_THREADS 64
#define MOST_ROUNDS 1001
#define MOST_PROGRAMS 4

typedef int32_t run_function(const quern_program *program, int32_t part, int64_t first, int64_t last);

/* What is timed, and what comes of it: by round, seconds of each program and bytes a second of reading. */
typedef struct rounds {
    const quern_program *programs;
    /* What each program is run by: quern_run of a library, or null for the one that is linked. */
    run_function *runs[MOST_PROGRAMS];
    int count;
    const char *memory;
    int64_t bytes;
    int threads;
    int rounds;
    pthread_barrier_t meeting;
    double seconds[MOST_PROGRAMS][MOST_ROUNDS];
    double reading[MOST_ROUNDS];
    double shares[MOST_THREADS];
} rounds;

typedef struct round_thread {
    rounds *all;
    int32_t part;
} round_thread;

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *rounds_work(void *argument) {
    const round_thread *self = argument;
    rounds *all = self->all;
    const int64_t each = all->bytes / all->threads / 4096 * 4096;
    for (int i = 0; i < all->rounds; i++) {
        for (int p = 0; p < all->count; p++) {
            const quern_program *program = &all->programs[p];
            all->shares[self->part] =
                quern_measure_reading(program->tier, all->memory + self->part * each, each, 20000000);
            pthread_barrier_wait(&all->meeting);
            if (self->part == 0) {
                for (int t = 0; t < all->threads; t++) all->reading[i] += all->shares[t] / all->count;
            }
            run_function *run = all->runs[p] ? all->runs[p] : quern_run;
            const double from = seconds_now();
            if (run(program, self->part, 0, program->count) != QUERN_OK) {
                printf("%s\n", quern_error_message());
                exit(1);
            }
            pthread_barrier_wait(&all->meeting);
            if (self->part == 0) all->seconds[p][i] = seconds_now() - from;
        }
    }
    return NULL;
}

/* Runs all rounds; threads, rounds and count must be within their limits. */
static void rounds_run(rounds *all) {
    pthread_t workers[MOST_THREADS];
    round_thread threads[MOST_THREADS];
    memset(all->reading, 0, sizeof all->reading);
    pthread_barrier_init(&all->meeting, NULL, (unsigned)all->threads);
    for (int t = 0; t < all->threads; t++) {
        threads[t] = (round_thread){all, t};
        if (t > 0) pthread_create(&workers[t], NULL, rounds_work, &threads[t]);
    }
    rounds_work(&threads[0]);
    for (int t = 1; t < all->threads; t++) pthread_join(workers[t], NULL);
}

static int rounds_compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of n numbers, which it sorts. */
static double median_of(double *x, int n) {
    qsort(x, (size_t)n, sizeof(double), rounds_compare);
    return x[n / 2];
}

/* Zeroed memory in huge pages. */
static void *huge(int64_t bytes) {
    void *memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) exit(1);
    madvise(memory, (size_t)bytes, MADV_HUGEPAGE);
    memset(memory, 0, (size_t)bytes);
    return memory;
}

#endif
