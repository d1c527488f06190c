/* Records that are fused with the one before them: same bits as one after the other. */
#include "kernel_check.h"

#define MOST_RECORDS 5
#define MOST_OUTPUTS 8

/* A row of records, all but the last flagged, and what they write. */
typedef struct row {
    quern_record records[MOST_RECORDS];
    int count;
    float *outputs[MOST_OUTPUTS];
    int64_t sizes[MOST_OUTPUTS];
    int output_count;
    int64_t elements;
} row;

static float *output_for(row *of, int64_t n) {
    of->outputs[of->output_count] = check_floats(n);
    of->sizes[of->output_count++] = n;
    return of->outputs[of->output_count - 1];
}

static quern_record *append(row *of, int32_t kernel) {
    if (of->count > 0) of->records[of->count - 1].flags = QUERN_FUSED;
    quern_record *record = &of->records[of->count++];
    memset(record, 0, sizeof *record);
    record->kernel = kernel;
    record->integers[0] = of->elements;
    return record;
}

/* Of x, in place or not. */
static float *append_activation(row *of, float *x, int function, int in_place) {
    quern_record *record = append(of, QUERN_KERNEL_activation_f32);
    record->pointers[0] = in_place ? x : output_for(of, of->elements);
    record->pointers[1] = x;
    record->integers[1] = function;
    return record->pointers[0];
}

static float *append_add(row *of, float *x) {
    quern_record *record = append(of, QUERN_KERNEL_add_f32);
    record->pointers[0] = output_for(of, of->elements);
    record->pointers[1] = check_random(of->elements, 1);
    record->pointers[2] = x;
    return record->pointers[0];
}

/* Appends the operands of a norm of x. */
static float *append_norm(row *of, float *x, int64_t channels, int rms) {
    quern_record *record = append(of, rms ? QUERN_KERNEL_rms_norm_f32 : QUERN_KERNEL_layer_norm_f32);
    const int64_t rows = of->elements / channels;
    float *out = output_for(of, of->elements);
    int p = 0;
    record->pointers[p++] = out;
    if (!rms) record->pointers[p++] = output_for(of, rows);
    record->pointers[p++] = output_for(of, rows);
    record->pointers[p++] = x;
    record->pointers[p++] = check_random(channels, 1);
    if (!rms && channels % 2) record->pointers[p++] = check_random(channels, 1);
    record->integers[0] = rows;
    record->integers[1] = channels;
    record->floats[0] = 1e-5f;
    return out;
}

/* One of the rows that may follow on what the first record makes. */
static void append_followers(row *of, float *x, int kind) {
    quern_record *record;
    switch (kind) {
        case 0: append_activation(of, x, QUERN_GELU_TANH, 0); break;
        case 1: append_add(of, x); break;
        case 2: append_add(of, append_activation(of, x, QUERN_SILU, 1)); break;
        case 3:
            record = append(of, QUERN_KERNEL_activation_backward_f32);
            record->pointers[0] = x;
            record->pointers[1] = x;
            record->pointers[2] = check_random(of->elements, 3);
            record->integers[1] = QUERN_GELU_ERF;
            break;
        case 4:
            record = append(of, QUERN_KERNEL_gated_activation_f32);
            record->pointers[0] = output_for(of, of->elements);
            record->pointers[1] = check_random(of->elements, 3);
            record->pointers[2] = x;
            record->integers[1] = QUERN_SILU;
            append_activation(of, record->pointers[0], QUERN_RELU, 0);
            break;
        case 5:
            record = append(of, QUERN_KERNEL_round_f32);
            record->pointers[0] = output_for(of, (of->elements + 1) / 2);
            record->pointers[1] = x;
            record->pointers[2] = x;
            append_activation(of, x, QUERN_RELU, 0);
            break;
        case 6:
            record = append(of, QUERN_KERNEL_widen_bf16);
            record->pointers[0] = output_for(of, of->elements);
            record->pointers[1] = check_random((of->elements + 1) / 2, 1);
            append_add(of, x);
            of->records[of->count - 1].pointers[1] = record->pointers[0];
            break;
        default:
            record = append(of, QUERN_KERNEL_gated_activation_backward_f32);
            record->pointers[0] = output_for(of, of->elements);
            record->pointers[1] = x;
            record->pointers[2] = x;
            record->pointers[3] = check_random(of->elements, 3);
            record->pointers[4] = check_random(of->elements, 1);
            record->integers[1] = QUERN_SILU;
    }
}

#define KINDS 8

/* Outputs hold NaN beforehand: what is left out shows, and so does what is read before it is made. */
static void clear(row *of) {
    for (int k = 0; k < of->output_count; k++) {
        for (int64_t i = 0; i < of->sizes[k]; i++) of->outputs[k][i] = NAN;
    }
}

static void check_row(const char *what, row *of) {
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, of->records[0].kernel)) continue;
        float *expected[MOST_OUTPUTS];
        clear(of);
        for (int r = 0; r < of->count; r++) {
            quern_record alone = of->records[r];
            alone.flags = 0;
            int32_t status = check_run(alone.kernel, tier, &alone, 1);
            CHECK(status == QUERN_OK, "%s %s: status %d", what, check_tier_names[tier], status);
        }
        for (int k = 0; k < of->output_count; k++) {
            const size_t bytes = (size_t)of->sizes[k] * sizeof(float);
            expected[k] = check_heap(bytes);
            memcpy(expected[k], of->outputs[k], bytes);
        }
        for (int32_t parts = 1; parts <= MOST_PARTS; parts++) {
            clear(of);
            int32_t status = check_run(of->records[0].kernel, tier, of->records, parts);
            CHECK(status == QUERN_OK, "%s %s: status %d: %s", what, check_tier_names[tier], status,
                  quern_error_message());
            for (int k = 0; k < of->output_count; k++) {
                CHECK(memcmp(of->outputs[k], expected[k], (size_t)of->sizes[k] * sizeof(float)) == 0,
                      "%s %s: %d workers, output %d differs", what, check_tier_names[tier], parts, k);
            }
        }
        for (int k = 0; k < of->output_count; k++) free(expected[k]);
    }
    check_free(0);
}

static void check_product(int64_t m, int64_t n, int64_t k, int kind) {
    static const int64_t transposes[] = {0, QUERN_TRANSPOSE_B, QUERN_TRANSPOSE_A};
    for (int which = 0; which < 6; which++) {
        row of = {.elements = m * n};
        const int64_t flags = transposes[which % 3];
        quern_record *record =
            append(&of, which < 3 ? QUERN_KERNEL_matmul_f32 : QUERN_KERNEL_matmul_bf16);
        float *out = output_for(&of, m * n);
        record->pointers[0] = out;
        record->pointers[1] = check_random(m * k, 1);
        record->pointers[2] = check_random(k * n, 1);
        record->pointers[3] = kind % 2 ? NULL : check_random(n, 1);
        const int64_t integers[] = {m, n, k, flags & QUERN_TRANSPOSE_A ? m : k,
                                    flags & QUERN_TRANSPOSE_B ? k : n, n, flags};
        memcpy(record->integers, integers, sizeof integers);
        append_followers(&of, out, kind);
        char what[80];
        snprintf(what, sizeof what, "product %lld x %lld x %lld, flags %lld, kernel %d, kind %d", (long long)m,
                 (long long)n, (long long)k, (long long)flags, of.records[0].kernel, kind);
        check_row(what, &of);
    }
}

static void check_norm_backward(int64_t rows, int64_t channels, int rms) {
    row of = {.elements = rows * channels};
    quern_record *record =
        append(&of, rms ? QUERN_KERNEL_rms_norm_backward_f32 : QUERN_KERNEL_layer_norm_backward_f32);
    float *dx = output_for(&of, rows * channels);
    int p = 0;
    record->pointers[p++] = dx;
    record->pointers[p++] = output_for(&of, channels);
    if (!rms) record->pointers[p++] = output_for(&of, channels);
    record->assigned = rms ? 2 : 6;
    record->pointers[p++] = check_random(rows * channels, 1);
    record->pointers[p++] = check_random(rows * channels, 1);
    if (!rms) record->pointers[p++] = check_random(rows, 1);
    record->pointers[p++] = check_random(rows, 1);
    record->pointers[p++] = check_random(channels, 1);
    record->integers[0] = rows;
    record->integers[1] = channels;
    append_add(&of, dx);
    char what[80];
    snprintf(what, sizeof what, "backward of a norm of %lld x %lld, rms %d", (long long)rows, (long long)channels, rms);
    check_row(what, &of);
}

static void check_norm(int64_t rows, int64_t channels, int rms) {
    row of = {.elements = rows * channels};
    float *out = append_norm(&of, check_random(rows * channels, 1), channels, rms);
    append_followers(&of, out, 5);
    char what[60];
    snprintf(what, sizeof what, "norm of %lld x %lld, rms %d", (long long)rows, (long long)channels, rms);
    check_row(what, &of);
}

/* The residual, before which there may be dropout, and what the norm makes of it rounded. */
static void check_residual_norm(int64_t rows, int64_t channels, int rms, int drops) {
    row of = {.elements = rows * channels};
    quern_step step = {.seed = 17, .sequence = 2};
    float *x = check_random(of.elements, 1);
    if (drops) {
        quern_record *record = append(&of, QUERN_KERNEL_dropout_f32);
        record->step = &step;
        record->pointers[0] = output_for(&of, of.elements);
        record->pointers[1] = x;
        record->integers[1] = 3;
        record->integers[2] = channels;
        record->floats[0] = 0.25f;
        x = record->pointers[0];
    }
    float *sum = append_add(&of, x);
    of.records[of.count - 1].integers[1] = channels;
    append_followers(&of, append_norm(&of, sum, channels, rms), 5);
    char what[80];
    snprintf(what, sizeof what, "norm of a sum of %lld x %lld, rms %d, dropout %d", (long long)rows,
             (long long)channels, rms, drops);
    check_row(what, &of);
}

/* What may not follow is named, and nothing is computed with it. */
static void check_refusal(void) {
    row of = {.elements = 12};
    quern_record *record = append(&of, QUERN_KERNEL_matmul_f32);
    record->pointers[0] = output_for(&of, 12);
    record->pointers[1] = check_random(6, 1);
    record->pointers[2] = check_random(8, 1);
    const int64_t integers[] = {3, 4, 2, 2, 4, 4, 0};
    memcpy(record->integers, integers, sizeof integers);
    append(&of, QUERN_KERNEL_column_sum_f32);
    check_kernel_refuses("column_sum_f32", QUERN_KERNEL_matmul_f32, of.records, QUERN_BAD_PROGRAM,
                         "cannot be fused");
    of.count = 1;
    append_norm(&of, record->pointers[0], 4, 1);
    check_kernel_refuses("a norm after a product", QUERN_KERNEL_matmul_f32, of.records, QUERN_BAD_PROGRAM,
                         "parts of rows");
    for (int channels = -1; channels <= 24; channels += 5) {
        row sum = {.elements = 12};
        float *x = append_add(&sum, check_random(12, 1));
        sum.records[0].integers[1] = channels;
        append_norm(&sum, x, 4, 1);
        if (channels == 4) {
            sum.records[1].integers[1] = 3;
        }
        check_kernel_refuses("a norm of other rows", QUERN_KERNEL_add_f32, sum.records, QUERN_BAD_PROGRAM,
                             channels == 4 ? "parts of rows" : "are no rows of");
    }
    check_free(0);
}

int main(void) {
    /* Few rows; within a block; edges of tiles; more than a block of rows, of columns and of depth. */
    static const int64_t shapes[][3] = {{1, 1, 1},    {1, 19, 40},   {8, 33, 7},    {9, 1, 5},  {13, 40, 70},
                                        {30, 65, 0},  {20, 200, 300}, {17, 385, 600}, {190, 40, 33},
                                        {12, 1600, 20}};
    for (int s = 0; s < (int)(sizeof shapes / sizeof *shapes); s++) {
        for (int kind = 0; kind < KINDS; kind++) check_product(shapes[s][0], shapes[s][1], shapes[s][2], kind);
    }
    static const int64_t norms[][2] = {{1, 1}, {3, 7}, {4, 16}, {9, 65}, {11, 300}, {70, 500}};
    for (int s = 0; s < (int)(sizeof norms / sizeof *norms); s++) {
        for (int rms = 0; rms < 2; rms++) {
            check_norm(norms[s][0], norms[s][1], rms);
            check_norm_backward(norms[s][0], norms[s][1], rms);
            check_residual_norm(norms[s][0], norms[s][1], rms, 0);
            check_residual_norm(norms[s][0], norms[s][1], rms, 1);
        }
    }
    check_refusal();
    return check_result();
}
