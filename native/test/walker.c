/* quern_run with one to four workers: barriers, cancellation, failures, refusals, updates, fusing. */
#include "check.h"

#include <pthread.h>

enum { MOST_WORKERS = 4, ROWS = 11, CHANNELS = 70, SIZE = ROWS * CHANNELS, ROUNDS = 6 };

/* Everything that a program of the tests reads and writes. */
typedef struct world {
    float a[SIZE];
    float b[SIZE];
    float y[SIZE];
    float sums[CHANNELS];
    float losses[ROWS];
    float lse[ROWS];
    int32_t ids[ROWS];
    int32_t labels[ROWS];
    quern_step step;
    quern_barrier barrier;
    quern_record records[4096];
    quern_program program;
} world;

static world *new_world(int32_t parts, int32_t tier) {
    static world it;
    memset(&it, 0, sizeof it);
    it.program = (quern_program){it.records, 0, &it.step, &it.barrier, tier, parts, NULL};
    return &it;
}

static quern_record *append(world *it, int32_t kernel, int32_t flags) {
    quern_record *record = &it->records[it->program.count++];
    record->kernel = kernel;
    record->flags = flags;
    record->node = (int32_t)it->program.count;
    record->step = &it->step;
    return record;
}

static void append_add(world *it, float *y, float *a, float *b, int32_t flags) {
    quern_record *record = append(it, QUERN_KERNEL_add_f32, flags);
    record->pointers[0] = y;
    record->pointers[1] = a;
    record->pointers[2] = b;
    record->integers[0] = SIZE;
}

/*
 * Each record is split in its own way and reads what other workers wrote before the barrier:
 * y = a + b by elements, sums += columns of y by channels, a = rows of sums by rows.
 */
static void append_round(world *it) {
    append_add(it, it->y, it->a, it->b, QUERN_BARRIER);
    quern_record *sum = append(it, QUERN_KERNEL_column_sum_f32, QUERN_BARRIER);
    sum->pointers[0] = it->sums;
    sum->pointers[1] = it->y;
    sum->integers[0] = ROWS;
    sum->integers[1] = CHANNELS;
    quern_record *rows = append(it, QUERN_KERNEL_embedding_f32, QUERN_BARRIER);
    rows->pointers[0] = it->a;
    rows->pointers[1] = it->ids;
    rows->pointers[2] = it->sums;
    rows->integers[0] = ROWS;
    rows->integers[1] = CHANNELS;
    rows->integers[2] = 1;
    rows->integers[3] = ROWS;
}

static void reset(world *it) {
    for (int i = 0; i < SIZE; i++) {
        it->a[i] = (float)(i % 13) - 6;
        it->b[i] = (float)(i % 7) * 0.1f;
        it->y[i] = 0;
    }
    memset(it->sums, 0, sizeof it->sums);
    memset(&it->barrier, 0, sizeof it->barrier);
    it->step.status = QUERN_OK;
    it->step.failed_record = -1;
    __atomic_store_n(&it->step.cancel, 0, __ATOMIC_RELAXED);
}

/* Threads that run the same program again and again, with a call between two runs. */
typedef struct crew {
    world *it;
    int runs;
    void (*before)(world *it, int run);
    void (*after)(world *it, int run, const int32_t *statuses, char messages[][256]);
    pthread_barrier_t gate;
    int32_t statuses[MOST_WORKERS];
    char messages[MOST_WORKERS][256];
} crew;

typedef struct member {
    crew *of;
    int32_t part;
} member;

static void *work(void *argument) {
    member *self = argument;
    crew *of = self->of;
    for (int run = 0; run < of->runs; run++) {
        if (self->part == 0 && of->before) of->before(of->it, run);
        pthread_barrier_wait(&of->gate);
        of->statuses[self->part] = quern_run(&of->it->program, self->part, 0, of->it->program.count);
        snprintf(of->messages[self->part], sizeof of->messages[self->part], "%s",
                 quern_error_message());
        pthread_barrier_wait(&of->gate);
        if (self->part == 0) of->after(of->it, run, of->statuses, of->messages);
    }
    return NULL;
}

static void run_crew(world *it, int runs, void (*before)(world *, int),
                     void (*after)(world *, int, const int32_t *, char[][256])) {
    crew of = {.it = it, .runs = runs, .before = before, .after = after};
    member members[MOST_WORKERS];
    pthread_t threads[MOST_WORKERS];
    pthread_barrier_init(&of.gate, NULL, (unsigned)it->program.parts);
    for (int32_t part = 0; part < it->program.parts; part++) {
        members[part] = (member){&of, part};
        if (pthread_create(&threads[part], NULL, work, &members[part]) != 0) {
            printf("no thread\n");
            exit(1);
        }
    }
    for (int32_t part = 0; part < it->program.parts; part++) pthread_join(threads[part], NULL);
    pthread_barrier_destroy(&of.gate);
}

static float expected[SIZE];

static void before_rounds(world *it, int run) {
    (void)run;
    reset(it);
}

static void after_rounds(world *it, int run, const int32_t *statuses, char messages[][256]) {
    for (int32_t part = 0; part < it->program.parts; part++) {
        CHECK(statuses[part] == QUERN_OK && messages[part][0] == 0, "worker %d: %d %s", part,
              statuses[part], messages[part]);
    }
    CHECK(memcmp(it->a, expected, sizeof expected) == 0, "run %d of %d workers gives other bits", run,
          it->program.parts);
}

static void same_bits(int32_t tier, int runs) {
    for (int32_t parts = 1; parts <= MOST_WORKERS; parts++) {
        world *it = new_world(parts, tier);
        for (int round = 0; round < ROUNDS; round++) append_round(it);
        if (parts == 1) {
            reset(it);
            quern_run(&it->program, 0, 0, it->program.count);
            memcpy(expected, it->a, sizeof expected);
            CHECK(isfinite(expected[0]) && expected[0] != 0, "the program computes %g",
                  (double)expected[0]);
        }
        run_crew(it, runs, before_rounds, after_rounds);
    }
}

static void append_cross_entropy(world *it) {
    quern_record *record = append(it, QUERN_KERNEL_cross_entropy_f32, QUERN_BARRIER);
    record->pointers[0] = it->losses;
    record->pointers[1] = it->lse;
    record->pointers[2] = it->b;
    record->pointers[3] = it->labels;
    record->integers[0] = ROWS;
    record->integers[1] = CHANNELS;
}

static void before_failure(world *it, int run) {
    reset(it);
    memset(it->labels, 0, sizeof it->labels);
    it->labels[run % ROWS] = CHANNELS + 5;
}

static void after_failure(world *it, int run, const int32_t *statuses, char messages[][256]) {
    char text[64];
    int told = 0;
    snprintf(text, sizeof text, "row %d: label %d", run % ROWS, CHANNELS + 5);
    for (int32_t part = 0; part < it->program.parts; part++) {
        CHECK(statuses[part] == QUERN_BAD_INDEX, "worker %d ends with %d", part, statuses[part]);
        told += strstr(messages[part], text) != NULL;
        CHECK(strstr(messages[part], text) != NULL || messages[part][0] == 0, "message %s",
              messages[part]);
    }
    CHECK(told == 1, "%d workers tell of \"%s\"", told, text);
    CHECK(it->step.status == QUERN_BAD_INDEX && it->step.failed_record == 6, "record %lld",
          (long long)it->step.failed_record);
}

/* One worker fails at record 6 while the others wait for it at the barrier, or come there later. */
static void failure_of_one(int32_t tier) {
    for (int32_t parts = 1; parts <= MOST_WORKERS; parts++) {
        world *it = new_world(parts, tier);
        append_round(it);
        append_round(it);
        append_cross_entropy(it);
        append_round(it);
        run_crew(it, 200, before_failure, after_failure);
    }
}

typedef struct canceller {
    world *it;
    int delay;
} canceller;

static void *cancel_soon(void *argument) {
    canceller *of = argument;
    for (volatile int i = 0; i < of->delay; i++) {
    }
    __atomic_store_n(&of->it->step.cancel, 1, __ATOMIC_RELAXED);
    return NULL;
}

static pthread_t cancelling;
static canceller cancellation;

static void before_cancel(world *it, int run) {
    reset(it);
    cancellation = (canceller){it, run * 1000};
    if (pthread_create(&cancelling, NULL, cancel_soon, &cancellation) != 0) exit(1);
}

static long cancelled_runs;

static void after_cancel(world *it, int run, const int32_t *statuses, char messages[][256]) {
    (void)run;
    pthread_join(cancelling, NULL);
    if (it->step.status == QUERN_OK) return;
    cancelled_runs++;
    for (int32_t part = 0; part < it->program.parts; part++) {
        CHECK(statuses[part] == QUERN_CANCELLED, "worker %d ends with %d", part, statuses[part]);
        CHECK(messages[part][0] == 0 || strstr(messages[part], "cancelled at record") != NULL,
              "message %s", messages[part]);
    }
    CHECK(it->step.failed_record >= 0 && it->step.failed_record < it->program.count, "record %lld",
          (long long)it->step.failed_record);
}

static void cancellation_at_any_time(int32_t tier) {
    for (int32_t parts = 1; parts <= MOST_WORKERS; parts++) {
        world *it = new_world(parts, tier);
        while (it->program.count + 3 <= 3000) append_round(it);
        run_crew(it, 150, before_cancel, after_cancel);
    }
    CHECK(cancelled_runs > 100, "only %ld runs were cancelled", cancelled_runs);
}

static void after_update(world *it, int run, const int32_t *statuses, char messages[][256]) {
    after_rounds(it, run, statuses, messages);
    CHECK(it->y[5] == (it->step.update ? 0.5f : 0), "update %d gives %g", it->step.update,
          (double)it->y[5]);
}

static void before_update(world *it, int run) {
    reset(it);
    it->step.update = run % 2;
    for (int i = 0; i < SIZE; i++) it->b[i] = 0.25f;
    memcpy(expected, it->a, sizeof expected);
}

/* Records left out keep their barriers, and a pending cancellation does not tear an update. */
static void updates(int32_t tier) {
    for (int32_t parts = 1; parts <= MOST_WORKERS; parts++) {
        world *it = new_world(parts, tier);
        append_add(it, it->losses, it->losses, it->losses, QUERN_BARRIER);
        it->records[0].integers[0] = ROWS;
        for (int i = 0; i < 5; i++) append_add(it, it->y, it->b, it->b, QUERN_BARRIER | QUERN_ON_UPDATE);
        run_crew(it, 100, before_update, after_update);
    }
    world *it = new_world(1, tier);
    append_add(it, it->y, it->b, it->b, QUERN_COMMITTED);
    append_add(it, it->y, it->b, it->b, QUERN_ON_UPDATE);
    before_update(it, 1);
    it->step.cancel = 1;
    CHECK(quern_run(&it->program, 0, 0, 2) == QUERN_CANCELLED, "cancelled");
    CHECK(it->y[5] == 0.5f && it->step.failed_record == 1, "an update that has begun is finished");
}

static quern_sample taken[MOST_WORKERS * (ROUNDS * 3 + 2)];

static void before_samples(world *it, int run) {
    reset(it);
    memset(taken, -1, sizeof taken);
    it->step.update = run % 2;
    it->program.samples = taken;
}

static void after_samples(world *it, int run, const int32_t *statuses, char messages[][256]) {
    int64_t count = it->program.count;
    int64_t last_arrival[ROUNDS * 3 + 2] = {0};
    for (int32_t part = 0; part < it->program.parts; part++) {
        CHECK(statuses[part] == QUERN_OK, "%s", messages[part]);
        int64_t before = 1;
        for (int64_t i = 0; i < count; i++) {
            quern_sample sample = taken[part * count + i];
            int left_out = (it->records[i].flags & QUERN_ON_UPDATE) && !(run % 2);
            CHECK(left_out ? sample.begin == 0 : sample.begin >= before, "begin of record %d", (int)i);
            CHECK(sample.end >= before && sample.end >= sample.begin, "end of record %d", (int)i);
            int meets = (it->records[i].flags & QUERN_BARRIER) && it->program.parts > 1;
            CHECK(meets ? sample.met >= sample.end : sample.met == sample.end, "record %d", (int)i);
            if (sample.end > last_arrival[i]) last_arrival[i] = sample.end;
            before = sample.met;
        }
    }
    /* Nobody has met the others before the last has come. */
    for (int32_t part = 0; part < it->program.parts && it->program.parts > 1; part++) {
        for (int64_t i = 0; i < count; i++) {
            if (!(it->records[i].flags & QUERN_BARRIER)) continue;
            CHECK(taken[part * count + i].met >= last_arrival[i], "met at record %d", (int)i);
        }
    }
    CHECK(memcmp(it->a, expected, sizeof expected) == 0, "times change no bits");
}

/* Needs `expected`, which same_bits leaves behind for this tier. */
static void samples(int32_t tier) {
    for (int32_t parts = 1; parts <= MOST_WORKERS; parts++) {
        world *it = new_world(parts, tier);
        for (int round = 0; round < ROUNDS; round++) append_round(it);
        append_add(it, it->y, it->b, it->b, QUERN_ON_UPDATE | QUERN_BARRIER);
        append_add(it, it->y, it->b, it->b, QUERN_ON_UPDATE);
        run_crew(it, 20, before_samples, after_samples);
    }
}

/* Three records that are fused, and one that reads what they made by other shares. */
static void append_fused(world *it) {
    quern_record *norm = append(it, QUERN_KERNEL_rms_norm_backward_f32, QUERN_BARRIER | QUERN_FUSED);
    norm->pointers[0] = it->y;
    norm->pointers[1] = it->sums;
    norm->pointers[2] = it->a;
    norm->pointers[3] = it->b;
    norm->pointers[4] = it->losses;
    norm->pointers[5] = it->b;
    norm->integers[0] = ROWS;
    norm->integers[1] = CHANNELS;
    quern_record *act = append(it, QUERN_KERNEL_activation_f32, QUERN_BARRIER | QUERN_FUSED);
    act->pointers[0] = act->pointers[1] = it->y;
    act->integers[0] = SIZE;
    act->integers[1] = QUERN_GELU_TANH;
    append_add(it, it->y, it->y, it->b, QUERN_BARRIER);
    quern_record *sum = append(it, QUERN_KERNEL_column_sum_f32, QUERN_BARRIER);
    sum->pointers[0] = it->sums;
    sum->pointers[1] = it->y;
    sum->integers[0] = ROWS;
    sum->integers[1] = CHANNELS;
}

/* Few rows by weights [K,N], of which workers share columns where a barrier follows. */
enum { TOKENS = 2, WIDTH = 330 };

static float weights[WIDTH * WIDTH], token_x[TOKENS * WIDTH], token_y[TOKENS * WIDTH], token_z[TOKENS * WIDTH];
static float expected_x[TOKENS * WIDTH];

static quern_record *append_product(world *it, float *out, float *x, int32_t flags) {
    static unsigned char scratch[MOST_WORKERS * QUERN_WORK_BYTES];
    quern_record *product = append(it, QUERN_KERNEL_matmul_f32, flags);
    product->work = scratch;
    product->pointers[0] = out;
    product->pointers[1] = x;
    product->pointers[2] = weights;
    product->integers[0] = TOKENS;
    product->integers[1] = product->integers[2] = WIDTH;
    product->integers[3] = product->integers[4] = product->integers[5] = WIDTH;
    return product;
}

/* y = x w + y, while z = x w of another worker may be under way; y = silu(y); x = y w. */
static void append_token(world *it) {
    append_product(it, token_z, token_x, 0);
    append_product(it, token_y, token_x, QUERN_BARRIER | QUERN_FUSED)->integers[6] = QUERN_ACCUMULATE;
    quern_record *act = append(it, QUERN_KERNEL_activation_f32, QUERN_BARRIER);
    act->pointers[0] = act->pointers[1] = token_y;
    act->integers[0] = TOKENS * WIDTH;
    act->integers[1] = QUERN_SILU;
    append_product(it, token_x, token_y, QUERN_BARRIER);
}

static void before_tokens(world *it, int run) {
    (void)run;
    reset(it);
    for (int i = 0; i < TOKENS * WIDTH; i++) {
        token_x[i] = (float)(i % 11) * 0.1f;
        token_y[i] = (float)(i % 5) * 0.1f;
    }
}

static void after_tokens(world *it, int run, const int32_t *statuses, char messages[][256]) {
    for (int32_t part = 0; part < it->program.parts; part++) {
        CHECK(statuses[part] == QUERN_OK, "worker %d: %s", part, messages[part]);
    }
    CHECK(memcmp(token_x, expected_x, sizeof expected_x) == 0, "run %d of %d workers gives other bits", run,
          it->program.parts);
}

static void shared_columns(int32_t tier, int runs) {
    for (int i = 0; i < WIDTH * WIDTH; i++) weights[i] = (float)(i % 17 - 8) * 0.01f;
    for (int32_t parts = 1; parts <= MOST_WORKERS; parts++) {
        world *it = new_world(parts, tier);
        for (int round = 0; round < ROUNDS; round++) append_token(it);
        if (parts == 1) {
            before_tokens(it, 0);
            quern_run(&it->program, 0, 0, it->program.count);
            memcpy(expected_x, token_x, sizeof expected_x);
            CHECK(isfinite(expected_x[7]) && expected_x[7] != 0, "the program computes %g", (double)expected_x[7]);
        }
        run_crew(it, runs, before_tokens, after_tokens);
    }
}

static float expected_sums[CHANNELS];

static void before_fused(world *it, int run) {
    reset(it);
    for (int i = 0; i < ROWS; i++) it->losses[i] = 0.5f;
    it->program.samples = run % 2 ? taken : NULL;
}

static void after_fused(world *it, int run, const int32_t *statuses, char messages[][256]) {
    for (int32_t part = 0; part < it->program.parts; part++) {
        CHECK(statuses[part] == QUERN_OK, "%s", messages[part]);
        const quern_sample *sample = taken + part * it->program.count;
        if (run % 2 == 0) continue;
        CHECK(sample[0].begin > 0 && sample[0].met >= sample[0].end, "the first has the time of all");
        for (int i = 1; i < 3; i++) {
            CHECK(sample[i].begin == 0 && sample[i].end == sample[0].met && sample[i].met == sample[0].met,
                  "record %d was done with the first", i);
        }
        CHECK(sample[3].begin >= sample[0].met, "the next begins when all have met");
    }
    CHECK(memcmp(it->y, expected, sizeof expected) == 0 &&
              memcmp(it->sums, expected_sums, sizeof expected_sums) == 0,
          "fused or not: the same bits");
}

/* One after the other, and so in ranges that end within the row, they give the bits of the row. */
static void fused(int32_t tier) {
    static const int64_t ends[][4] = {{1, 2, 3, 4}, {2, 3, 4, 4}, {1, 3, 4, 4}, {3, 4, 4, 4}, {4, 4, 4, 4}};
    for (int way = 0; way < 5; way++) {
        world *it = new_world(1, tier);
        append_fused(it);
        before_fused(it, 0);
        int64_t from = 0;
        for (int i = 0; i < 4; i++) {
            CHECK(quern_run(&it->program, 0, from, ends[way][i]) == QUERN_OK, "%s", quern_error_message());
            from = ends[way][i];
        }
        if (way == 0) {
            memcpy(expected, it->y, sizeof expected);
            memcpy(expected_sums, it->sums, sizeof expected_sums);
        }
        CHECK(memcmp(it->y, expected, sizeof expected) == 0 &&
                  memcmp(it->sums, expected_sums, sizeof expected_sums) == 0,
              "way %d gives the same bits", way);
    }
    for (int32_t parts = 1; parts <= MOST_WORKERS; parts++) {
        world *it = new_world(parts, tier);
        append_fused(it);
        run_crew(it, 50, before_fused, after_fused);
    }
}

static void refuse(const quern_program *program, int32_t part, int64_t first, int64_t last,
                   const char *text) {
    if (program && program->step) program->step->status = QUERN_OK;
    int32_t status = quern_run(program, part, first, last);
    CHECK(status == QUERN_BAD_PROGRAM, "\"%s\": status %d", text, status);
    CHECK(strstr(quern_error_message(), text) != NULL, "message \"%s\" lacks \"%s\"",
          quern_error_message(), text);
    CHECK(!program || !program->step || program->step->status == QUERN_BAD_PROGRAM,
          "the status stands in the step block");
}

static void refusals(void) {
    world *it = new_world(2, QUERN_SCALAR);
    append_round(it);
    refuse(NULL, 0, 0, 0, "no program");
    quern_program bad = it->program;
    bad.step = NULL;
    refuse(&bad, 0, 0, 0, "no step block");
    refuse(&it->program, 2, 0, 3, "no worker 2 of 2");
    refuse(&it->program, -1, 0, 3, "no worker -1 of 2");
    refuse(&it->program, 0, 0, 4, "records 0 to 4 are not within the program's 3");
    refuse(&it->program, 0, -1, 3, "records -1 to 3");
    refuse(&it->program, 0, 2, 1, "records 2 to 1");
    bad = it->program;
    bad.parts = 0;
    refuse(&bad, 0, 0, 3, "no worker 0 of 0");
    bad = it->program;
    bad.barrier = NULL;
    refuse(&bad, 0, 0, 3, "needs a barrier");
    const int32_t tiers[] = {QUERN_TIERS, -1, INT32_MAX, INT32_MIN};
    for (int i = 0; i < 4; i++) {
        bad = it->program;
        bad.tier = tiers[i];
        refuse(&bad, 0, 0, 3, "(unknown) cannot run on this machine");
    }
    const int32_t kernels[] = {QUERN_KERNELS, -1, INT32_MAX, INT32_MIN};
    for (int i = 0; i < 4; i++) {
        world *other = new_world(1, QUERN_SCALAR);
        append_round(other);
        other->records[1].kernel = kernels[i];
        refuse(&other->program, 0, 0, 3, "record 1 asks for kernel");
        CHECK(other->step.failed_record == 1, "record %lld", (long long)other->step.failed_record);
    }
    it = new_world(1, QUERN_SCALAR);
    append_round(it);
    reset(it);
    CHECK(quern_run(&it->program, 0, 0, 3) == QUERN_OK && quern_error_message()[0] == 0,
          "a call that succeeds leaves no message");
    CHECK(quern_run(&it->program, 0, 3, 3) == QUERN_OK, "an empty range is nothing to do");
    it->step.status = QUERN_BAD_INDEX;
    CHECK(quern_run(&it->program, 0, 0, 3) == QUERN_BAD_INDEX, "a failed program does not go on");
}

int main(void) {
    for (int32_t tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_tier(tier)) continue;
        same_bits(tier, tier == quern_cpu_tier() ? 1000 : 50);
        samples(tier);
        failure_of_one(tier);
        updates(tier);
        fused(tier);
        shared_columns(tier, tier == quern_cpu_tier() ? 1000 : 50);
    }
    cancellation_at_any_time(quern_cpu_tier());
    refusals();
    return check_result();
}
