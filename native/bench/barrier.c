/*
 * What a barrier costs: records that do next to nothing, each followed by one, against the same without.
 * Usage: barrier [threads]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <quern.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MOST_THREADS 64
#define RECORDS 1000
#define RUNS 301

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

typedef struct job {
    const quern_program *program;
    pthread_barrier_t *start;
    pthread_barrier_t *end;
    int32_t part;
} job;

static void *work(void *argument) {
    const job *j = argument;
    for (int i = 0; i < 2 * RUNS; i++) {
        pthread_barrier_wait(j->start);
        quern_run(j->program + i % 2, j->part, 0, RECORDS);
        pthread_barrier_wait(j->end);
    }
    return NULL;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int count, char **arguments) {
    const int threads = count > 1 ? atoi(arguments[1]) : 2;
    if (threads < 2 || threads > MOST_THREADS) return 2;
    static quern_record records[2][RECORDS];
    static quern_step step;
    static quern_barrier meeting;
    static float x[MOST_THREADS * 16], y[MOST_THREADS * 16], out[MOST_THREADS * 16];
    quern_program programs[2];
    for (int with = 0; with < 2; with++) {
        for (int i = 0; i < RECORDS; i++) {
            records[with][i] = (quern_record){.kernel = QUERN_KERNEL_add_f32,
                                              .flags = with ? QUERN_BARRIER : 0,
                                              .step = &step,
                                              .pointers = {out, x, y},
                                              .integers = {(int64_t)threads * 16}};
        }
        programs[with] =
            (quern_program){records[with], RECORDS, &step, &meeting, quern_cpu_tier(), threads, NULL};
    }
    pthread_barrier_t start, end;
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    pthread_barrier_init(&end, NULL, (unsigned)threads);
    job jobs[MOST_THREADS];
    pthread_t workers[MOST_THREADS];
    for (int t = 1; t < threads; t++) {
        jobs[t] = (job){programs, &start, &end, t};
        pthread_create(&workers[t], NULL, work, &jobs[t]);
    }
    static double took[2][RUNS];
    for (int i = 0; i < 2 * RUNS; i++) {
        pthread_barrier_wait(&start);
        const double from = now();
        if (quern_run(programs + i % 2, 0, 0, RECORDS) != QUERN_OK) {
            printf("%s\n", quern_error_message());
            return 1;
        }
        took[i % 2][i / 2] = (now() - from) / RECORDS;
        pthread_barrier_wait(&end);
    }
    for (int t = 1; t < threads; t++) pthread_join(workers[t], NULL);
    for (int with = 0; with < 2; with++) qsort(took[with], RUNS, sizeof(double), compare);
    printf("threads: %d; ns a record, median of %d runs (best):\n", threads, RUNS);
    printf("without barrier %7.1f (%.1f)\nwith barrier    %7.1f (%.1f)\nthe barrier     %7.1f (%.1f)\n",
           took[0][RUNS / 2], took[0][0], took[1][RUNS / 2], took[1][0],
           took[1][RUNS / 2] - took[0][RUNS / 2], took[1][0] - took[0][0]);
    return 0;
}
