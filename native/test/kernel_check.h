/*
 * Runs a kernel on every tier and with one to five workers, and compares what it wrote with a naive
 * version in double. Outputs end flush at a guard page; other workers' numbers have to give the same
 * bits as one alone.
 */
#ifndef QUERN_KERNEL_CHECK_H
#define QUERN_KERNEL_CHECK_H

#include "check.h"

#define MOST_PARTS 5

/* Of one output: what stands in it before, what has to stand in it after, and how exactly. */
typedef struct output {
    float *p;
    int64_t n;
    float *initial;
    double *expected;
    /* What errors are measured against: the sum of the magnitudes that went into an element. */
    double *scale;
    float *alone;
} output;

/* Flush at a guard page. */
CHECK_UNUSED static uint16_t *halves(int64_t n) { return (uint16_t *)check_alloc((size_t)(n + n % 2) * 2) + n % 2; }

CHECK_UNUSED static void *check_heap(size_t bytes) {
    void *p = malloc(bytes + 1);
    if (!p) {
        printf("no memory for %zu bytes\n", bytes);
        exit(1);
    }
    return p;
}

/* Before a run it holds NaN, so that what a kernel leaves out shows. */
CHECK_UNUSED static output output_of(int64_t n) {
    output of = {0};
    size_t count = (size_t)n;
    of.p = check_floats(n);
    of.n = n;
    of.initial = check_heap(count * sizeof(float));
    of.expected = check_heap(count * sizeof(double));
    of.scale = check_heap(count * sizeof(double));
    of.alone = check_heap(count * sizeof(float));
    for (int64_t i = 0; i < n; i++) {
        of.initial[i] = NAN;
        of.expected[i] = 0;
        of.scale[i] = 0;
    }
    return of;
}

/* For what is added to, or computed in place: before a run it holds these values. */
CHECK_UNUSED static output output_from(const float *initial, int64_t n) {
    output of = output_of(n);
    memcpy(of.initial, initial, (size_t)n * sizeof(float));
    return of;
}

CHECK_UNUSED static void free_outputs(output *outputs, int count) {
    for (int i = 0; i < count; i++) {
        free(outputs[i].initial);
        free(outputs[i].expected);
        free(outputs[i].scale);
        free(outputs[i].alone);
    }
}

/* The expected value with the magnitude of what it was made of. */
CHECK_UNUSED static void expect(output *of, int64_t i, double value, double scale) {
    of->expected[i] = value;
    of->scale[i] = fabs(scale) > fabs(value) ? fabs(scale) : fabs(value);
}

static int is_close(float actual, double expected, double scale, double ulps) {
    if (isnan(expected)) return isnan(actual);
    if (fabs(expected) > 3.4028234e38) return isinf(actual) && (actual > 0) == (expected > 0);
    if (ulps == 0) return actual == expected;
    return fabs(actual - expected) <= ulps * 0x1p-24 * scale + 2e-45 * (1 + ulps);
}

/* The outputs' addresses stand in the record already. */
CHECK_UNUSED static void check_kernel_runs(const char *what, int32_t kernel,
                                           quern_record *record, output *outputs, int count,
                                           double ulps) {
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, kernel)) continue;
        for (int32_t parts = 1; parts <= MOST_PARTS; parts++) {
            for (int k = 0; k < count; k++) {
                memcpy(outputs[k].p, outputs[k].initial, (size_t)outputs[k].n * sizeof(float));
            }
            int32_t status = check_run(kernel, tier, record, parts);
            CHECK(status == QUERN_OK, "%s %s: status %d: %s", what, check_tier_names[tier], status,
                  quern_error_message());
            for (int k = 0; k < count; k++) {
                output *of = &outputs[k];
                size_t bytes = (size_t)of->n * sizeof(float);
                if (parts == 1) {
                    memcpy(of->alone, of->p, bytes);
                    int64_t i = 0;
                    while (i < of->n && is_close(of->p[i], of->expected[i], of->scale[i], ulps)) i++;
                    CHECK(i == of->n, "%s %s: output %d[%lld of %lld] = %.9g, not %.9g (%.1f ulps of %g)",
                          what, check_tier_names[tier], k, (long long)i, (long long)of->n,
                          (double)of->p[i], of->expected[i],
                          fabs(of->p[i] - of->expected[i]) / (0x1p-24 * of->scale[i]), of->scale[i]);
                } else {
                    CHECK(memcmp(of->p, of->alone, bytes) == 0, "%s %s: output %d: %d workers differ from one",
                          what, check_tier_names[tier], k, parts);
                }
            }
        }
    }
}

/* That the kernel refuses the record on every tier, with a message that holds `text`. */
CHECK_UNUSED static void check_kernel_refuses(const char *what, int32_t kernel,
                                              quern_record *record, int32_t status,
                                              const char *text) {
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, kernel)) continue;
        for (int32_t parts = 1; parts <= MOST_PARTS; parts++) {
            int32_t result = check_run(kernel, tier, record, parts);
            CHECK(result == status, "%s %s: status %d, not %d", what, check_tier_names[tier], result,
                  status);
            CHECK(strstr(quern_error_message(), text) != NULL, "%s %s: message \"%s\" lacks \"%s\"",
                  what, check_tier_names[tier], quern_error_message(), text);
        }
    }
}

/*
 * As check_kernel_runs, for outputs that are gradients: added to; added to because the step says so,
 * though they are assigned by default; and assigned, over NaN. places[k] is the index among the
 * record's pointers of output k, or -1 where that is no gradient.
 */
CHECK_UNUSED static void check_gradient_runs(const char *what, int32_t kernel, quern_record *record,
                                             output *outputs, int count, const int *places,
                                             double ulps) {
    check_kernel_runs(what, kernel, record, outputs, count, ulps);
    quern_step step = {.accumulate = 1};
    record->step = &step;
    for (int k = 0; k < count; k++) {
        if (places[k] >= 0) record->assigned |= 1 << places[k];
    }
    check_kernel_runs(what, kernel, record, outputs, count, ulps);
    step.accumulate = 0;
    for (int k = 0; k < count; k++) {
        for (int64_t i = 0; places[k] >= 0 && i < outputs[k].n; i++) {
            outputs[k].expected[i] -= (double)outputs[k].initial[i];
            outputs[k].initial[i] = NAN;
        }
    }
    check_kernel_runs(what, kernel, record, outputs, count, ulps);
}

/* Fills: what values a case is made of. */
enum { FILL_SMALL, FILL_INTEGERS, FILL_80, FILL_10000, FILL_SUBNORMAL, FILL_CONSTANT, FILLS };

CHECK_UNUSED static void fill(float *p, int64_t n, int kind) {
    float constant = check_float();
    for (int64_t i = 0; i < n; i++) {
        switch (kind) {
            case FILL_INTEGERS: p[i] = (float)(check_below(17) - 8); break;
            case FILL_80: p[i] = 80 * check_float(); break;
            case FILL_10000: p[i] = 10000 * check_float(); break;
            case FILL_SUBNORMAL: p[i] = 1e-40f * check_float(); break;
            case FILL_CONSTANT: p[i] = 10000 * constant; break;
            default: p[i] = check_float();
        }
    }
}

CHECK_UNUSED static float *filled(int64_t n, int kind) {
    float *p = check_floats(n);
    fill(p, n, kind);
    return p;
}

#endif
