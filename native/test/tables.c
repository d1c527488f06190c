/* What looks up rows by number: embedding, rope and cache_append, against naive loops. */
#include "kernel_check.h"


enum { BATCH = 3, TIME = 5, ROWS = BATCH * TIME, IDS = 7, POSITIONS = 9 };

static const int64_t sizes[] = {1, 7, 8, 9, 15, 16, 17, 33, 67};
#define COUNT(array) (sizeof array / sizeof *array)

static int32_t *some_ids(void) {
    int32_t *ids = check_ints(ROWS);
    for (int r = 0; r < ROWS; r++) ids[r] = (int32_t)check_below(IDS);
    return ids;
}

static int32_t *some_starts(int64_t below) {
    int32_t *starts = check_ints(BATCH);
    for (int b = 0; b < BATCH; b++) starts[b] = (int32_t)check_below(below);
    return starts;
}

/* The upper halves of floats that small integers are. */
static uint16_t *upper_halves(const float *x, int64_t n) {
    uint16_t *halves = (uint16_t *)check_ints((n + 1) / 2);
    for (int64_t i = 0; i < n; i++) memcpy(halves + i, (const char *)(x + i) + 2, 2);
    return halves;
}

static void embedding_case(int64_t channels, int with_positions, int with_starts, int stored) {
    int32_t *ids = some_ids();
    int32_t *starts = with_starts ? some_starts(POSITIONS - TIME + 1) : NULL;
    float *table = filled(IDS * channels, FILL_INTEGERS);
    float *positions = with_positions ? filled(POSITIONS * channels, FILL_INTEGERS) : NULL;
    output out = output_of(ROWS * channels);
    for (int64_t r = 0; r < ROWS; r++) {
        int64_t position = (starts ? starts[r / TIME] : 0) + r % TIME;
        for (int64_t c = 0; c < channels; c++) {
            double shift = positions ? positions[position * channels + c] : 0;
            expect(&out, r * channels + c, table[ids[r] * channels + c] + shift, 0);
        }
    }
    quern_record record = {.pointers = {out.p, ids, stored ? (void *)upper_halves(table, IDS * channels) : table,
                                        positions, starts},
                           .integers = {ROWS, channels, IDS, TIME, POSITIONS, stored ? QUERN_STORED_BF16 : 0}};
    check_kernel_runs("embedding", QUERN_KERNEL_embedding_f32, &record, &out, 1, 0);
    free_outputs(&out, 1);
    check_free(0);
}

static void embedding_backward_case(int64_t channels, int with_table, int with_positions) {
    int32_t *ids = some_ids();
    float *dout = filled(ROWS * channels, FILL_INTEGERS);
    float *before = filled(IDS * channels, FILL_INTEGERS);
    float *positions_before = filled(POSITIONS * channels, FILL_INTEGERS);
    output out[2] = {output_from(before, IDS * channels),
                     output_from(positions_before, POSITIONS * channels)};
    for (int64_t i = 0; i < IDS * channels; i++) expect(&out[0], i, before[i], 0);
    for (int64_t i = 0; i < POSITIONS * channels; i++) expect(&out[1], i, positions_before[i], 0);
    for (int64_t r = 0; r < ROWS; r++) {
        for (int64_t c = 0; c < channels; c++) {
            if (with_table) out[0].expected[ids[r] * channels + c] += dout[r * channels + c];
            if (with_positions) out[1].expected[r % TIME * channels + c] += dout[r * channels + c];
        }
    }
    quern_record record = {
        .pointers = {with_table ? out[0].p : NULL, ids, dout, with_positions ? out[1].p : NULL},
        .integers = {ROWS, channels, IDS, TIME, POSITIONS}};
    check_gradient_runs("embedding_backward", QUERN_KERNEL_embedding_backward_f32, &record, out, 2,
                        (const int[]){with_table ? 0 : -1, with_positions ? 3 : -1}, 0);
    free_outputs(out, 2);
    check_free(0);
}

static void bad_indices(void) {
    enum { CHANNELS = 20 };
    int32_t *ids = check_ints(ROWS);
    int32_t *starts = check_ints(BATCH);
    float *table = check_random(IDS * CHANNELS, 1);
    float *positions = check_random(POSITIONS * CHANNELS, 1);
    float *out = check_floats(ROWS * CHANNELS);
    quern_record record = {.node = 3,
                           .pointers = {out, ids, table, positions, starts},
                           .integers = {ROWS, CHANNELS, IDS, TIME, POSITIONS}};
    const int32_t bad[] = {IDS, -1, -100, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char text[128];
        memset(starts, 0, BATCH * sizeof *starts);
        for (int r = 0; r < ROWS; r++) ids[r] = r == 11 ? bad[i] : 1;
        snprintf(text, sizeof text, "node 3, row 11: token id %d is not within the vocabulary, 0 to 6",
                 bad[i]);
        check_kernel_refuses("embedding", QUERN_KERNEL_embedding_f32, &record, QUERN_BAD_INDEX, text);
        quern_record backward = record;
        backward.pointers[0] = table;
        backward.pointers[2] = out;
        check_kernel_refuses("embedding_backward", QUERN_KERNEL_embedding_backward_f32, &backward,
                             QUERN_BAD_INDEX, text);
        for (int r = 0; r < ROWS; r++) ids[r] = 1;
        starts[1] = bad[i];
        /* The last of sequence 1's five rows stands too far, if not the first. */
        int64_t row = bad[i] == IDS ? TIME + POSITIONS - IDS : TIME;
        snprintf(text, sizeof text, "node 3, row %d: position %lld is not within the table of positions, 0 to 8",
                 (int)row, (long long)bad[i] + row - TIME);
        check_kernel_refuses("embedding", QUERN_KERNEL_embedding_f32, &record, QUERN_BAD_INDEX, text);
        quern_record rope = {.node = 3,
                             .pointers = {out, out, positions, starts},
                             .integers = {ROWS, TIME, 1, CHANNELS, POSITIONS, 0, CHANNELS}};
        snprintf(text, sizeof text, "node 3, row %d: position %lld is not within the table of angles, 0 to 8",
                 (int)row, (long long)bad[i] + row - TIME);
        check_kernel_refuses("rope", QUERN_KERNEL_rope_f32, &rope, QUERN_BAD_INDEX, text);
        quern_record append = {.node = 3,
                               .pointers = {check_floats(BATCH * POSITIONS * CHANNELS), out, starts},
                               .integers = {BATCH, TIME, 1, POSITIONS, CHANNELS, CHANNELS}};
        snprintf(text, sizeof text, "node 3, sequence 1: position %lld is not within the cache, 0 to 8",
                 (long long)bad[i] + row - TIME);
        check_kernel_refuses("cache_append", QUERN_KERNEL_cache_append_f32, &append, QUERN_BAD_INDEX,
                             text);
    }
    quern_record tall = {.pointers = {NULL, ids, out, positions},
                         .integers = {ROWS, CHANNELS, IDS, TIME, TIME - 1}};
    check_kernel_refuses("embedding_backward", QUERN_KERNEL_embedding_backward_f32, &tall,
                         QUERN_BAD_INDEX, "row 4: position 4 is not within the table of positions, 0 to 3");
    check_free(0);
}

static void rope_case(int64_t heads, int64_t head_size, int64_t rotated, int inverse, int with_starts,
                      int kind) {
    int64_t n = ROWS * heads * head_size;
    int32_t *starts = with_starts ? some_starts(POSITIONS - TIME + 1) : NULL;
    float *x = filled(n, kind);
    float *table = filled(POSITIONS * rotated, kind);
    output out = output_of(n);
    output in_place = output_from(x, n);
    int64_t half = rotated / 2;
    for (int64_t r = 0; r < ROWS; r++) {
        const float *angles = table + ((starts ? starts[r / TIME] : 0) + r % TIME) * rotated;
        for (int64_t h = 0; h < heads; h++) {
            int64_t at = (r * heads + h) * head_size;
            for (int64_t d = 0; d < head_size; d++) {
                double value = x[at + d];
                double scale = 0;
                if (d < rotated) {
                    double cosine = angles[d % half];
                    double sine = inverse ? -angles[half + d % half] : angles[half + d % half];
                    double other = d < half ? -x[at + d + half] : x[at + d - half];
                    scale = fabs(value * cosine) + fabs(other * sine);
                    value = value * cosine + other * sine;
                }
                expect(&out, at + d, value, scale);
                expect(&in_place, at + d, value, scale);
            }
        }
    }
    double ulps = kind == FILL_INTEGERS ? 0 : 3;
    quern_record record = {
        .pointers = {out.p, x, table, starts},
        .integers = {ROWS, TIME, heads, head_size, POSITIONS, inverse, rotated}};
    check_kernel_runs("rope", QUERN_KERNEL_rope_f32, &record, &out, 1, ulps);
    record.pointers[0] = record.pointers[1] = in_place.p;
    check_kernel_runs("rope", QUERN_KERNEL_rope_f32, &record, &in_place, 1, ulps);
    free_outputs(&out, 1);
    free_outputs(&in_place, 1);
    check_free(0);
}

enum { CACHED = 8 };

/* Where number c of row r goes in a cache [BATCH, groups, CACHED, size]. */
static int64_t cached_at(const int32_t *starts, int64_t groups, int64_t size, int64_t r, int64_t c) {
    const int64_t position = (starts ? starts[r / TIME] : 0) + r % TIME;
    return ((r / TIME * groups + c / size) * CACHED + position) * size + c % size;
}

static void cache_append_case(int64_t groups, int64_t size, int64_t stride, int with_starts) {
    const int64_t channels = groups * size, n = BATCH * CACHED * channels;
    int32_t *starts = with_starts ? some_starts(CACHED - TIME + 1) : NULL;
    float *x = check_random((ROWS - 1) * stride + channels, 1);
    float *before = check_random(n, 1);
    output out = output_from(before, n);
    for (int64_t i = 0; i < out.n; i++) expect(&out, i, before[i], 0);
    for (int64_t r = 0; r < ROWS; r++) {
        for (int64_t c = 0; c < channels; c++) {
            out.expected[cached_at(starts, groups, size, r, c)] = x[r * stride + c];
        }
    }
    quern_record record = {.pointers = {out.p, x, starts},
                           .integers = {BATCH, TIME, groups, CACHED, size, stride}};
    check_kernel_runs("cache_append", QUERN_KERNEL_cache_append_f32, &record, &out, 1, 0);
    free_outputs(&out, 1);
    check_free(0);
}

/* A cache in BF16 has the upper halves of the rounded numbers, and keeps what it had elsewhere. */
static void rounded_append_case(int64_t groups, int64_t size, int64_t stride) {
    const int64_t channels = groups * size, n = BATCH * CACHED * channels;
    int32_t *starts = some_starts(CACHED - TIME + 1);
    float *x = check_random((ROWS - 1) * stride + channels, 1);
    uint16_t *cache = halves(n), *expected = malloc((size_t)(n + 1) * sizeof *expected);
    memset(expected, 0x5a, (size_t)n * sizeof *expected);
    for (int64_t r = 0; r < ROWS; r++) {
        for (int64_t c = 0; c < channels; c++) {
            expected[cached_at(starts, groups, size, r, c)] = check_to_bf16(x[r * stride + c]);
        }
    }
    for (int32_t tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, QUERN_KERNEL_cache_append_f32)) continue;
        for (int32_t parts = 1; parts <= 3; parts++) {
            memset(cache, 0x5a, (size_t)n * sizeof *cache);
            quern_record record = {.pointers = {cache, x, starts},
                                   .integers = {BATCH, TIME, groups, CACHED, size, stride, QUERN_KEYS_BF16}};
            CHECK(check_run(QUERN_KERNEL_cache_append_f32, tier, &record, parts) == QUERN_OK, "appending");
            CHECK(memcmp(cache, expected, (size_t)n * sizeof *cache) == 0,
                  "%s: %ld groups of %ld, parts %d", check_tier_names[tier], (long)groups, (long)size, parts);
        }
    }
    free(expected);
    check_free(0);
}

int main(void) {
    for (size_t i = 0; i < COUNT(sizes); i++) {
        int64_t size = sizes[i];
        for (int stored = 0; stored < 2; stored++) {
            embedding_case(size, 0, 0, stored);
            embedding_case(size, 1, 0, stored);
            embedding_case(size, 1, 1, stored);
        }
        embedding_backward_case(size, 1, 0);
        embedding_backward_case(size, 1, 1);
        embedding_backward_case(size, 0, 1);
        for (int inverse = 0; inverse < 2; inverse++) {
            rope_case(3, 2 * size, 2 * size, inverse, 0, FILL_INTEGERS);
            rope_case(2, 2 * size, 2 * size, inverse, 1, FILL_SMALL);
            rope_case(2, 2 * size + 5, 2 * size, inverse, 1, FILL_INTEGERS);
        }
        cache_append_case(1, size, size, 0);
        cache_append_case(3, size, 3 * size + 3, 1);
        rounded_append_case(1, size, size);
        rounded_append_case(2, size, 2 * size + 3);
    }
    bad_indices();
    return check_result();
}
