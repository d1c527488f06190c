/* cross_entropy, its backward and loss_sum against naive loops in double. */
#include "kernel_check.h"


/* log(sum(exp(row))), by the definition with the maximum taken out. */
static double naive_lse(const float *row, int64_t classes) {
    double high = -INFINITY;
    for (int64_t v = 0; v < classes; v++) high = fmax(high, row[v]);
    double sum = 0;
    for (int64_t v = 0; v < classes; v++) sum += isinf(row[v]) && row[v] < 0 ? 0 : exp(row[v] - high);
    return high + log(sum);
}

/* hidden: how many logits of each row are minus infinity. */
static void cross_entropy_case(int64_t rows, int64_t classes, float magnitude, int64_t hidden) {
    int64_t n = rows * classes;
    float *logits = check_random(n, magnitude);
    int32_t *labels = check_ints(rows);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t v = 0; v < hidden; v++) logits[r * classes + v] = -INFINITY;
        labels[r] = (int32_t)(hidden + check_below(classes - hidden));
        if (r % 4 == 2) labels[r] = QUERN_IGNORED_LABEL;
    }
    quern_step step = {.loss_scale = 0.3f};
    output out[2] = {output_of(rows), output_of(rows)};
    output backward = output_of(n);
    output in_place = output_from(logits, n);
    output both[2] = {output_of(rows), output_of(n)};
    output both_in_place[2] = {output_of(rows), output_from(logits, n)};
    float *lse = check_floats(rows);
    for (int64_t r = 0; r < rows; r++) {
        const float *row = logits + r * classes;
        int ignored = labels[r] == QUERN_IGNORED_LABEL;
        double exact = naive_lse(row, classes);
        lse[r] = (float)exact;
        expect(&out[0], r, ignored ? 0 : exact - row[labels[r]], ignored ? 0 : 1);
        expect(&out[1], r, exact, 1);
        expect(&both[0], r, ignored ? 0 : exact - row[labels[r]], ignored ? 0 : 1);
        expect(&both_in_place[0], r, ignored ? 0 : exact - row[labels[r]], ignored ? 0 : 1);
        for (int64_t v = 0; v < classes; v++) {
            int64_t i = r * classes + v;
            double softmax = exp(row[v] - (double)lse[r]);
            double value = ignored ? 0 : (softmax - (v == labels[r])) * step.loss_scale;
            /* logit - lse is rounded before its exponential is taken. */
            double difference = isinf(row[v]) ? 0 : fabs(row[v] - lse[r]);
            double scale = ignored ? 0 : (softmax * (1 + difference) + (v == labels[r])) * step.loss_scale;
            expect(&backward, i, value, scale);
            expect(&in_place, i, value, scale);
            /* One sum and one division more; and the logarithm is not rounded to a float. */
            softmax = exp(row[v] - exact);
            value = ignored ? 0 : (softmax - (v == labels[r])) * step.loss_scale;
            scale = ignored ? 0 : (softmax * (2 + difference) + (v == labels[r])) * step.loss_scale;
            expect(&both[1], i, value, scale);
            expect(&both_in_place[1], i, value, scale);
        }
    }
    quern_record record = {.step = &step,
                           .pointers = {out[0].p, out[1].p, logits, labels},
                           .integers = {rows, classes}};
    check_kernel_runs("cross_entropy", QUERN_KERNEL_cross_entropy_f32, &record, out, 2, 8);
    record.pointers[0] = backward.p;
    record.pointers[1] = logits;
    record.pointers[2] = labels;
    record.pointers[3] = lse;
    int32_t kernel = QUERN_KERNEL_cross_entropy_backward_f32;
    check_kernel_runs("cross_entropy_backward", kernel, &record, &backward, 1, 4);
    record.pointers[0] = record.pointers[1] = in_place.p;
    check_kernel_runs("cross_entropy_backward", kernel, &record, &in_place, 1, 4);
    record = (quern_record){.step = &step,
                            .pointers = {both[0].p, both[1].p, logits, labels},
                            .integers = {rows, classes}};
    kernel = QUERN_KERNEL_cross_entropy_with_gradient_f32;
    check_kernel_runs("cross_entropy_with_gradient", kernel, &record, both, 2, 8);
    record.pointers[0] = both_in_place[0].p;
    record.pointers[1] = record.pointers[2] = both_in_place[1].p;
    check_kernel_runs("cross_entropy_with_gradient", kernel, &record, both_in_place, 2, 8);
    free_outputs(both, 2);
    free_outputs(both_in_place, 2);
    free_outputs(out, 2);
    free_outputs(&backward, 1);
    free_outputs(&in_place, 1);
    check_free(0);
}

/* The losses of rows whose logits come by chunks of some classes, against those of whole rows. */
static void chunks_case(int64_t rows, int64_t classes, int64_t most, float magnitude, int64_t hidden) {
    float *logits = check_random(rows * classes, magnitude);
    float *chunk = check_floats(rows * most);
    float *before = check_floats(3 * rows);
    int32_t *labels = check_ints(rows);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t v = 0; v < hidden; v++) logits[r * classes + v] = -INFINITY;
        labels[r] = r % 4 == 2 ? QUERN_IGNORED_LABEL : (int32_t)(hidden + check_below(classes - hidden));
    }
    quern_step step = {.loss_scale = 1};
    for (int64_t first = 0; first < classes; first += most) {
        int64_t width = classes - first < most ? classes - first : most;
        int64_t end = first + width;
        output out[2] = {output_of(3 * rows), output_of(rows)};
        output in_place[2] = {output_from(before, 3 * rows), output_of(rows)};
        for (int64_t r = 0; r < rows; r++) {
            const float *row = logits + r * classes;
            memcpy(chunk + r * width, row + first, (size_t)width * sizeof(float));
            double high = -INFINITY;
            for (int64_t v = 0; v < end; v++) high = fmax(high, row[v]);
            double sum = 0;
            for (int64_t v = 0; v < end; v++) sum += isinf(row[v]) ? 0 : exp(row[v] - high);
            double own = labels[r] >= 0 && labels[r] < end ? row[labels[r]] : 0;
            double loss = labels[r] == QUERN_IGNORED_LABEL ? 0 : high - own + log(sum);
            output *made[] = {out, in_place};
            for (int i = 0; i < 2; i++) {
                expect(&made[i][0], 3 * r, high, 0);
                expect(&made[i][0], 3 * r + 1, sum, sum * (1 + fmin(magnitude, 80)));
                expect(&made[i][0], 3 * r + 2, own, 0);
                expect(&made[i][1], r, loss, isinf(loss) ? 0 : 1 + fmin(magnitude, 80));
            }
        }
        quern_record record = {.step = &step,
                               .pointers = {out[0].p, out[1].p, chunk, labels, first ? before : NULL},
                               .integers = {rows, width, first, classes}};
        int32_t kernel = QUERN_KERNEL_cross_entropy_chunk_f32;
        check_kernel_runs("cross_entropy_chunk", kernel, &record, out, 2, 8);
        if (first) {
            record.pointers[0] = record.pointers[4] = in_place[0].p;
            record.pointers[1] = in_place[1].p;
            check_kernel_runs("cross_entropy_chunk", kernel, &record, in_place, 2, 8);
        }
        memcpy(before, out[0].p, (size_t)(3 * rows) * sizeof(float));
        free_outputs(out, 2);
        free_outputs(in_place, 2);
    }
    check_free(0);
}

static void special_rows(void) {
    enum { ROWS = 5, CLASSES = 37 };
    float *logits = check_random(ROWS * CLASSES, 3);
    int32_t *labels = check_ints(ROWS);
    for (int v = 0; v < CLASSES; v++) {
        labels[v % ROWS] = 4;
        logits[CLASSES + v] = -INFINITY;
        /* One class alone is possible. */
        logits[2 * CLASSES + v] = v == 4 ? 7 : -INFINITY;
    }
    logits[3 * CLASSES + 36] = NAN;
    float *losses = check_floats(ROWS);
    float *dlogits = check_floats(ROWS * CLASSES);
    float *lse = check_floats(ROWS);
    quern_step step = {.loss_scale = 1};
    quern_record record = {.step = &step,
                           .pointers = {losses, lse, logits, labels},
                           .integers = {ROWS, CLASSES}};
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, QUERN_KERNEL_cross_entropy_f32)) continue;
        check_run(QUERN_KERNEL_cross_entropy_f32, tier, &record, 2);
        CHECK(isfinite(losses[0]) && isfinite(losses[4]), "rows beside a NaN stay finite");
        CHECK(lse[1] == -INFINITY, "lse of nothing is %g", (double)lse[1]);
        CHECK(lse[2] == 7 && losses[2] == 0, "one class: lse %g, loss %g", (double)lse[2],
              (double)losses[2]);
        CHECK(isnan(losses[3]) && isnan(lse[3]), "NaN is kept: %g", (double)losses[3]);
        quern_record both = record;
        both.pointers[1] = dlogits;
        check_run(QUERN_KERNEL_cross_entropy_with_gradient_f32, tier, &both, 2);
        CHECK(isfinite(losses[0]) && isfinite(losses[4]), "rows beside a NaN stay finite");
        CHECK(losses[2] == 0 && dlogits[2 * CLASSES + 4] == 0, "one class: loss %g, gradient %g",
              (double)losses[2], (double)dlogits[2 * CLASSES + 4]);
        CHECK(isnan(losses[3]) && isnan(dlogits[3 * CLASSES]), "NaN is kept: %g", (double)losses[3]);
        CHECK(isfinite(dlogits[4 * CLASSES]), "rows beside a NaN stay finite");
    }
    check_free(0);
}

static void bad_labels(void) {
    enum { ROWS = 5, CLASSES = 11 };
    float *logits = check_random(ROWS * CLASSES, 1);
    float *out = check_floats(ROWS * CLASSES);
    float *lse = check_random(ROWS, 1);
    int32_t *labels = check_ints(ROWS);
    const int32_t bad[] = {CLASSES, -1, -99, INT32_MAX, INT32_MIN};
    quern_step step = {.loss_scale = 1};
    quern_record record = {.step = &step, .node = 12, .integers = {ROWS, CLASSES}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[128];
        for (int r = 0; r < ROWS; r++) labels[r] = r == 3 ? bad[i] : 0;
        snprintf(text, sizeof text, "node 12, row 3: label %d is neither within 0 to 10", bad[i]);
        void *forward[] = {out, lse, logits, labels};
        memcpy(record.pointers, forward, sizeof forward);
        check_kernel_refuses("cross_entropy", QUERN_KERNEL_cross_entropy_f32, &record,
                             QUERN_BAD_INDEX, text);
        void *backward[] = {out, logits, labels, lse};
        memcpy(record.pointers, backward, sizeof backward);
        check_kernel_refuses("cross_entropy_backward", QUERN_KERNEL_cross_entropy_backward_f32,
                             &record, QUERN_BAD_INDEX, text);
        void *chunk[] = {out, lse, logits, labels};
        memcpy(record.pointers, chunk, sizeof chunk);
        record.integers[3] = CLASSES;
        check_kernel_refuses("cross_entropy_chunk", QUERN_KERNEL_cross_entropy_chunk_f32, &record,
                             QUERN_BAD_INDEX, text);
        void *both[] = {lse, out, logits, labels};
        memcpy(record.pointers, both, sizeof both);
        check_kernel_refuses("cross_entropy_with_gradient",
                             QUERN_KERNEL_cross_entropy_with_gradient_f32, &record,
                             QUERN_BAD_INDEX, text);
    }
    check_free(0);
}

static void loss_sum_case(int64_t rows) {
    float *losses = check_random(rows, 12);
    quern_step step = {.loss_scale = 1.0f / 3};
    output out = output_of(1);
    double sum = 0;
    for (int64_t r = 0; r < rows; r++) sum += losses[r];
    expect(&out, 0, sum * step.loss_scale, 0);
    quern_record record = {.step = &step, .pointers = {out.p, losses}, .integers = {rows}};
    check_kernel_runs("loss_sum", QUERN_KERNEL_loss_sum_f32, &record, &out, 1, 1);
    CHECK(step.loss == out.p[0], "step.loss is %g, not %g", (double)step.loss, (double)out.p[0]);
    free_outputs(&out, 1);
    check_free(0);
}

int main(void) {
    const int64_t classes[] = {1, 2, 5, 7, 8, 9, 16, 17, 33, 97, 4096, 4097, 8200, 50257};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        int64_t rows = classes[i] > 10000 ? 3 : 7;
        cross_entropy_case(rows, classes[i], 5, 0);
        cross_entropy_case(rows, classes[i], 80, 0);
        cross_entropy_case(rows, classes[i], 10000, 0);
        cross_entropy_case(rows, classes[i], 1e-40f, 0);
        /* More than the first block of classes hidden. */
        if (classes[i] > 2) cross_entropy_case(rows, classes[i], 5, classes[i] - 2);
    }
    chunks_case(7, 1, 1, 5, 0);
    chunks_case(7, 37, 16, 5, 0);
    chunks_case(7, 37, 5, 80, 20);
    chunks_case(5, 100, 33, 10000, 0);
    chunks_case(5, 9001, 4096, 20, 5000);
    special_rows();
    bad_labels();
    loss_sum_case(1);
    loss_sum_case(1023);
    return check_result();
}
