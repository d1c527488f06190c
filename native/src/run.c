/* The walker: every worker goes through the same records, does its share and meets the others. */
#define _POSIX_C_SOURCE 200809L
#include "clock.h"
#include "cpu.h"
#include "error.h"
#include "tiers.h"

#include <inttypes.h>
#include <sched.h>
#include <stddef.h>

/* Spins before a waiting worker offers its core to others: there may be more workers than cores. */
#define SPINS_BEFORE_YIELD 2000

static void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int32_t status_of(const quern_step *step) {
    return __atomic_load_n(&step->status, __ATOMIC_ACQUIRE);
}

/* The first failure of all workers stays; returns what stands then. */
static int32_t record_failure(quern_step *step, int32_t status, int64_t record) {
    int32_t found = QUERN_OK;
    if (__atomic_compare_exchange_n(&step->status, &found, status, 0, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        __atomic_store_n(&step->failed_record, record, __ATOMIC_RELEASE);
        return status;
    }
    return found;
}

/* Waits for all workers; a failure anywhere ends the wait, since that worker does not arrive. */
static void meet(quern_barrier *barrier, int32_t parts, const quern_step *step) {
    int32_t generation = __atomic_load_n(&barrier->generation, __ATOMIC_RELAXED);
    if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) == parts) {
        int32_t next = (int32_t)((uint32_t)generation + 1u);
        __atomic_store_n(&barrier->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&barrier->generation, next, __ATOMIC_RELEASE);
        return;
    }
    int32_t spins = 0;
    while (__atomic_load_n(&barrier->generation, __ATOMIC_ACQUIRE) == generation) {
        if (status_of(step) != QUERN_OK) {
            return;
        }
        if (spins < SPINS_BEFORE_YIELD) {
            spins++;
            pause_briefly();
        } else {
            sched_yield();
        }
    }
}

static int32_t check_program(const quern_program *program, int32_t part, int64_t first,
                             int64_t last) {
    int32_t parts = program->parts;
    if (parts < 1 || part < 0 || part >= parts) {
        return quern_fail(QUERN_BAD_PROGRAM,
                          "there is no worker %" PRId32 " of %" PRId32 ": they count from 0", part,
                          parts);
    }
    if (program->barrier == NULL && parts > 1) {
        return quern_fail(QUERN_BAD_PROGRAM, "a program for %" PRId32 " workers needs a barrier",
                          parts);
    }
    if (first < 0 || first > last || last > program->count ||
        (program->records == NULL && first < last)) {
        return quern_fail(QUERN_BAD_PROGRAM,
                          "records %" PRId64 " to %" PRId64 " are not within the program's %" PRId64,
                          first, last, program->count);
    }
    if (!quern_tier_usable(program->tier)) {
        const char *name = quern_tier_name(program->tier);
        return quern_fail(QUERN_BAD_PROGRAM, "tier %" PRId32 " (%s) cannot run on this machine",
                          program->tier, name == NULL ? "unknown" : name);
    }
    return QUERN_OK;
}

/* The last of the row of fused records that begins here, or -1 where the row is not run as a whole. */
static int64_t last_fused(const quern_program *program, int64_t index, int64_t last) {
    if (index > 0 && (program->records[index - 1].flags & QUERN_FUSED)) return -1;
    while (index < last && (program->records[index].flags & QUERN_FUSED)) index++;
    return index < last ? index : -1;
}

static int32_t run_record(const quern_program *program, int64_t index, int32_t part, int alone) {
    const quern_record *record = &program->records[index];
    quern_record copy;
    if (alone && (record->flags & QUERN_FUSED)) {
        copy = *record;
        copy.flags &= ~QUERN_FUSED;
        record = &copy;
    }
    quern_function *function = quern_function_of(program->tier, record->kernel);
    if (function == NULL) {
        return quern_fail(QUERN_BAD_PROGRAM,
                          "record %" PRId64 " asks for kernel %" PRId32
                          ", but the library's are 0 to %d",
                          index, record->kernel, QUERN_KERNELS - 1);
    }
    return function(record, part, program->parts);
}

static int32_t cancel(quern_step *step, int64_t index) {
    quern_fail(QUERN_CANCELLED, "cancelled at record %" PRId64, index);
    return record_failure(step, QUERN_CANCELLED, index);
}

/* Compiled twice: without samples, at no cost to those who want none; and with them. */
static inline __attribute__((always_inline)) int32_t walk(const quern_program *program, int32_t part,
                                                          int64_t first, int64_t last,
                                                          quern_sample *samples) {
    quern_step *step = program->step;
    int32_t update = step->update;
    for (int64_t i = first; i < last; i++) {
        int32_t status = status_of(step);
        if (status != QUERN_OK) {
            return status;
        }
        int32_t flags = program->records[i].flags;
        /* An update that has begun is finished, so that no parameter is ahead of another. */
        if (!(flags & QUERN_COMMITTED) && __atomic_load_n(&step->cancel, __ATOMIC_RELAXED) != 0) {
            return cancel(step, i);
        }
        const int64_t fused = last_fused(program, i, last);
        int64_t begin = 0;
        if (update || !(flags & QUERN_ON_UPDATE)) {
            begin = samples == NULL ? 0 : quern_nanoseconds();
            status = run_record(program, i, part, fused < 0);
            if (status == QUERN_CANCELLED) {
                return cancel(step, i);
            }
            if (status != QUERN_OK) {
                return record_failure(step, status, i);
            }
        }
        int64_t end = samples == NULL ? 0 : quern_nanoseconds();
        /* A record left out keeps its barrier: all workers decide by the same step->update. */
        if (fused > i) flags = program->records[fused].flags;
        int meets = (flags & QUERN_BARRIER) && program->parts > 1;
        if (meets) {
            meet(program->barrier, program->parts, step);
        }
        if (samples != NULL) {
            const int64_t met = meets ? quern_nanoseconds() : end;
            samples[i] = (quern_sample){begin, end, met};
            for (int64_t done = i + 1; done <= fused; done++) samples[done] = (quern_sample){0, met, met};
        }
        if (fused > i) i = fused;
    }
    return status_of(step);
}

int32_t quern_run(const quern_program *program, int32_t part, int64_t first, int64_t last) {
    quern_error_clear();
    if (program == NULL || program->step == NULL) {
        return quern_fail(QUERN_BAD_PROGRAM, "there is no program, or it has no step block");
    }
    int32_t status = check_program(program, part, first, last);
    if (status != QUERN_OK) {
        return record_failure(program->step, status, first);
    }
    if (program->samples == NULL) {
        return walk(program, part, first, last, NULL);
    }
    return walk(program, part, first, last, program->samples + part * program->count);
}
