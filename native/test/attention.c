/* Attention and its backward, in F32 and in BF16, on every tier against loops in double. */
#include "check.h"
#include "random.h"

typedef struct attention_case {
    int64_t batch, time, heads, groups, size, keys, window;
    int causal;
    float dropout;
    /* Whether starts are given; the gradient is then not asked for. */
    int cached;
    /* Elements that each row is longer than it need be. */
    int64_t beyond;
    /* Magnitude of q and k. */
    float magnitude;
    /* attention_bf16, whose operands are numbers that BF16 holds. */
    int bf16;
} attention_case;

static int32_t forward_of(int bf16) { return bf16 ? QUERN_KERNEL_attention_bf16 : QUERN_KERNEL_attention_f32; }

static int32_t backward_of(int bf16) {
    return bf16 ? QUERN_KERNEL_attention_backward_bf16 : QUERN_KERNEL_attention_backward_f32;
}

/* How far results may be off: weights and their gradients are rounded to 8 bits where the tier multiplies BF16. */
static double bound_of(int bf16, int tier) { return bf16 && tier >= QUERN_AVX512_BF16 ? 0x1p-8 : 1e-5; }

static void round_all(float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) x[i] = check_of_bf16(check_to_bf16(x[i]));
}

/* Everything about a case in doubles; tensors [B,T,H,D] or [B,S,G,D] without gaps. */
typedef struct reference {
    double *out, *lse, *dq, *dk, *dv;
    /* The largest term that cancels in a gradient of q or k. */
    double term;
} reference;

static double *doubles(int64_t n) { return calloc((size_t)n + 1, sizeof(double)); }

static void compute(const attention_case *c, const float *q, const float *k, const float *v,
                    const float *dout, const int32_t *starts, const quern_step *step, int64_t stream,
                    float scale, int64_t q_stride, int64_t k_stride, reference *to) {
    const quern_random random = quern_random_of(step, stream);
    double *weights = doubles(c->keys), *kept = doubles(c->keys);
    for (int64_t b = 0; b < c->batch; b++) {
        for (int64_t h = 0; h < c->heads; h++) {
            const int64_t g = h / (c->heads / c->groups);
            for (int64_t t = 0; t < c->time; t++) {
                const int64_t position = (starts ? starts[b] : 0) + t;
                const float *query = q + (b * c->time + t) * q_stride + h * c->size;
                const float *gradient = dout + (b * c->time + t) * q_stride + h * c->size;
                double most = -INFINITY, sum = 0;
                for (int64_t s = 0; s < c->keys; s++) {
                    const float *key = k + (b * c->keys + s) * k_stride + g * c->size;
                    double score = 0;
                    for (int64_t d = 0; d < c->size; d++) score += (double)query[d] * key[d];
                    const int seen = !c->causal || (s <= position && (c->window == 0 || s > position - c->window));
                    weights[s] = seen ? score * scale : -INFINITY;
                    most = fmax(most, weights[s]);
                }
                for (int64_t s = 0; s < c->keys; s++) sum += weights[s] > -INFINITY ? exp(weights[s] - most) : 0;
                const int64_t row = ((b * c->heads + h) * c->time) + t;
                to->lse[row] = sum > 0 ? most + log(sum) : -INFINITY;
                double along = 0;
                for (int64_t s = 0; s < c->keys; s++) {
                    weights[s] = weights[s] > -INFINITY ? exp(weights[s] - most) / sum : 0;
                    const float unit = quern_random_at(&random, (uint64_t)(row * c->keys + s));
                    kept[s] = c->dropout == 0 ? 1 : unit >= c->dropout ? 1 / (1 - (double)c->dropout) : 0;
                    const float *value = v + (b * c->keys + s) * k_stride + g * c->size;
                    for (int64_t d = 0; d < c->size; d++) {
                        const double x = weights[s] * kept[s] * value[d];
                        to->out[((b * c->time + t) * c->heads + h) * c->size + d] += x;
                        along += x * gradient[d];
                    }
                }
                for (int64_t s = 0; s < c->keys; s++) {
                    if (weights[s] == 0) continue;
                    const int64_t at = (b * c->keys + s) * k_stride + g * c->size;
                    const int64_t to_key = ((b * c->keys + s) * c->groups + g) * c->size;
                    double dweight = 0;
                    for (int64_t d = 0; d < c->size; d++) {
                        dweight += (double)gradient[d] * v[at + d];
                        to->dv[to_key + d] += weights[s] * kept[s] * gradient[d];
                    }
                    const double dscore = weights[s] * (kept[s] * dweight - along) * scale;
                    to->term = fmax(to->term, weights[s] * (fabs(kept[s] * dweight) + fabs(along)) * scale * c->magnitude);
                    for (int64_t d = 0; d < c->size; d++) {
                        to->dq[((b * c->time + t) * c->heads + h) * c->size + d] += dscore * k[at + d];
                        to->dk[to_key + d] += dscore * query[d];
                    }
                }
            }
        }
    }
    free(weights);
    free(kept);
}

/* The largest error of a tensor of rows beside one without gaps, relative to the largest element or term. */
static double distance(const float *x, const double *y, int64_t rows, int64_t columns, int64_t stride,
                       double term) {
    double worst = 0, most = fmax(1e-2, term);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            const double e = y[i * columns + j];
            const double error = isinf(e) ? (x[i * stride + j] == e ? 0 : INFINITY) : fabs(x[i * stride + j] - e);
            if (!(error <= worst)) worst = isnan(error) ? INFINITY : error;
            if (!isinf(e) && fabs(e) > most) most = fabs(e);
        }
    }
    return worst / most;
}

static int64_t storage(int64_t rows, int64_t columns, int64_t stride) {
    return rows > 0 ? (rows - 1) * stride + columns : 0;
}

/* That each number of out and lse is made by one worker and no other, since they run at the same time. */
static void check_divided(quern_record *forward, int32_t tier, int32_t parts, float *out, int64_t out_size,
                          float *lse, int64_t lse_size, int64_t made) {
    static const uint32_t untouched = 0xffffffff;
    unsigned char *times = calloc((size_t)(out_size + lse_size), 1);
    for (int32_t part = 0; part < parts; part++) {
        memset(out, 0xff, (size_t)out_size * sizeof *out);
        memset(lse, 0xff, (size_t)lse_size * sizeof *lse);
        CHECK(quern_function_of(tier, forward->kernel)(forward, part, parts) == QUERN_OK,
              "part %d of %d", part, parts);
        for (int64_t i = 0; i < out_size + lse_size; i++) {
            const float *x = i < out_size ? out + i : lse + (i - out_size);
            times[i] += memcmp(x, &untouched, sizeof untouched) != 0;
        }
    }
    int64_t all = 0;
    for (int64_t i = 0; i < out_size + lse_size; i++) {
        CHECK(times[i] <= 1, "%s: number %ld is made by %d of %d workers", check_tier_names[tier], (long)i,
              times[i], parts);
        all += times[i];
    }
    CHECK(all == made, "%s: %ld numbers are made by %d workers, not %ld", check_tier_names[tier], (long)all,
          parts, (long)made);
    free(times);
}

#define CASE_FORMAT "%s bf16 %d B %ld T %ld H %ld G %ld D %ld S %ld window %ld causal %d dropout %g cached %d beyond %ld"
#define CASE_VALUES                                                                                 \
    check_tier_names[tier], c->bf16, (long)c->batch, (long)c->time, (long)c->heads, (long)c->groups,         \
        (long)c->size, (long)c->keys, (long)c->window, c->causal, (double)c->dropout, c->cached,    \
        (long)c->beyond

/* k or v, rows `stride` apart, by head: as floats, or in BF16, which holds them. */
static void *by_head(const attention_case *c, const float *rows, int64_t stride, int stored) {
    const int64_t n = c->batch * c->groups * c->keys * c->size;
    float *floats = stored ? NULL : check_floats(n);
    uint16_t *halves = stored ? (uint16_t *)check_alloc((size_t)(n + n % 2) * 2) + n % 2 : NULL;
    for (int64_t i = 0; i < n; i++) {
        const int64_t s = i / c->size % c->keys, head = i / c->size / c->keys;
        const int64_t row = head / c->groups * c->keys + s;
        const float x = rows[row * stride + head % c->groups * c->size + i % c->size];
        if (stored) {
            halves[i] = check_to_bf16(x);
        } else {
            floats[i] = x;
        }
    }
    return stored ? (void *)halves : (void *)floats;
}

/* A cache by head, in either type, gives the bits that the same numbers give by row. */
static void check_by_head(const attention_case *c, const quern_record *by_row, int32_t tier, const float *out,
                          int64_t out_size, const float *lse, int64_t lse_size) {
    float *own_out = malloc((size_t)(out_size + 1) * sizeof(float));
    float *own_lse = malloc((size_t)(lse_size + 1) * sizeof(float));
    for (int stored = 0; stored < 2; stored++) {
        quern_record record = *by_row;
        record.pointers[0] = own_out;
        record.pointers[1] = own_lse;
        for (int i = 0; i < 2; i++) {
            record.pointers[3 + i] = by_head(c, by_row->pointers[3 + i], by_row->integers[6 + i], stored);
            record.integers[6 + i] = c->size;
        }
        record.integers[13] = QUERN_KEYS_BY_HEAD | (stored ? QUERN_KEYS_BF16 : 0);
        for (int32_t parts = 1; parts <= 3; parts += 2) {
            memset(own_out, 0xff, (size_t)out_size * sizeof(float));
            memset(own_lse, 0xff, (size_t)lse_size * sizeof(float));
            CHECK(check_run(record.kernel, tier, &record, parts) == QUERN_OK, "by head");
            CHECK(memcmp(out, own_out, (size_t)out_size * sizeof(float)) == 0 &&
                      memcmp(lse, own_lse, (size_t)lse_size * sizeof(float)) == 0,
                  "by head, stored %d, %d parts " CASE_FORMAT, stored, parts, CASE_VALUES);
        }
    }
    free(own_out);
    free(own_lse);
}

static void check_case(const attention_case *c) {
    const int64_t q_columns = c->heads * c->size, k_columns = c->groups * c->size;
    const int64_t q_rows = c->batch * c->time, k_rows = c->batch * c->keys;
    const int64_t q_stride = q_columns + c->beyond, k_stride = k_columns + c->beyond;
    const int64_t q_size = storage(q_rows, q_columns, q_stride);
    const int64_t k_size = storage(k_rows, k_columns, k_stride);
    const int64_t lse_size = c->batch * c->heads * c->time;
    const float scale = 1 / sqrtf((float)c->size);
    float *q = check_random(q_size, c->magnitude), *k = check_random(k_size, c->magnitude);
    float *v = check_random(k_size, 1), *dout = check_random(q_size, 1);
    int32_t *starts = NULL;
    if (c->bf16) {
        round_all(q, q_size);
        round_all(dout, q_size);
    }
    /* A cache of numbers that BF16 holds can be in either type. */
    if (c->bf16 || c->cached) {
        round_all(k, k_size);
        round_all(v, k_size);
    }
    if (c->cached) {
        starts = check_ints(c->batch);
        for (int64_t b = 0; b < c->batch; b++) starts[b] = (int32_t)check_below(c->keys - c->time + 1);
        /* What stands behind the last row in a cache is never looked at. */
        for (int64_t b = 0; b < c->batch; b++) {
            for (int64_t s = starts[b] + c->time; s < c->keys; s++) {
                for (int64_t d = 0; d < k_columns; d++) {
                    k[(b * c->keys + s) * k_stride + d] = NAN;
                    v[(b * c->keys + s) * k_stride + d] = NAN;
                }
            }
        }
    }
    quern_step step = {.seed = 0x123456789abcdef, .sequence = 7};
    const int64_t stream = 5;
    reference e = {doubles(q_rows * q_columns), doubles(lse_size), doubles(q_rows * q_columns),
                   doubles(k_rows * k_columns), doubles(k_rows * k_columns), 0};
    if (c->cached) {
        /* The reference multiplies masked values by zero: give it numbers. */
        float *k2 = malloc((size_t)(k_size + 1) * sizeof(float)), *v2 = malloc((size_t)(k_size + 1) * sizeof(float));
        for (int64_t i = 0; i < k_size; i++) k2[i] = isnan(k[i]) ? 0 : k[i];
        for (int64_t i = 0; i < k_size; i++) v2[i] = isnan(v[i]) ? 0 : v[i];
        compute(c, q, k2, v2, dout, starts, &step, stream, scale, q_stride, k_stride, &e);
        free(k2);
        free(v2);
    } else {
        compute(c, q, k, v, dout, starts, &step, stream, scale, q_stride, k_stride, &e);
    }
    float *out = check_floats(q_size), *lse = check_floats(lse_size), *dq = check_floats(q_size);
    float *dk = check_floats(k_size), *dv = check_floats(k_size);
    float *saved[5];
    const int64_t sizes[5] = {q_size, lse_size, q_size, k_size, k_size};
    float *results[5] = {out, lse, dq, dk, dv};
    for (int i = 0; i < 5; i++) saved[i] = malloc((size_t)(sizes[i] + 1) * sizeof(float));
    quern_record forward = {.kernel = forward_of(c->bf16),
                            .step = &step,
                            .pointers = {out, lse, q, k, v, starts},
                            .integers = {c->batch, c->time, c->heads, c->groups, c->size, q_stride, k_stride,
                                         k_stride, q_stride, c->keys, c->window, c->causal, stream},
                            .floats = {scale, c->dropout}};
    quern_record backward = forward;
    void *pointers[] = {dq, dk, dv, dout, q, k, v, out, lse};
    memcpy(backward.pointers, pointers, sizeof pointers);
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, forward.kernel)) continue;
        for (int32_t parts = 1; parts <= 5; parts++) {
            for (int i = 0; i < 5; i++) memset(results[i], 0xff, (size_t)sizes[i] * sizeof(float));
            int32_t status = check_run(forward.kernel, tier, &forward, parts);
            CHECK(status == QUERN_OK, "status %d", status);
            if (!c->cached) {
                status = check_run(backward_of(c->bf16), tier, &backward, parts);
                CHECK(status == QUERN_OK, "status %d", status);
            }
            if (parts == 1) {
                const double bound = bound_of(c->bf16, tier);
                double error = distance(out, e.out, q_rows, q_columns, q_stride, 0);
                CHECK(error <= bound, "out %g " CASE_FORMAT, error, CASE_VALUES);
                error = distance(lse, e.lse, lse_size, 1, 1, 0);
                CHECK(error <= 1e-5, "lse %g " CASE_FORMAT, error, CASE_VALUES);
                if (!c->cached) {
                    error = distance(dq, e.dq, q_rows, q_columns, q_stride, e.term);
                    CHECK(error <= bound, "dq %g " CASE_FORMAT, error, CASE_VALUES);
                    error = distance(dk, e.dk, k_rows, k_columns, k_stride, e.term);
                    CHECK(error <= bound, "dk %g " CASE_FORMAT, error, CASE_VALUES);
                    error = distance(dv, e.dv, k_rows, k_columns, k_stride, 0);
                    CHECK(error <= bound, "dv %g " CASE_FORMAT, error, CASE_VALUES);
                }
                for (int i = 0; i < 5; i++) memcpy(saved[i], results[i], (size_t)sizes[i] * sizeof(float));
                if (c->cached) check_by_head(c, &forward, tier, out, q_size, lse, lse_size);
            } else {
                for (int i = 0; i < 5; i++) {
                    CHECK(memcmp(saved[i], results[i], (size_t)sizes[i] * sizeof(float)) == 0,
                          "result %d of %d parts differs " CASE_FORMAT, i, parts, CASE_VALUES);
                }
                check_divided(&forward, tier, parts, out, q_size, lse, lse_size, q_rows * q_columns + lse_size);
                memcpy(out, saved[0], (size_t)q_size * sizeof(float));
                memcpy(lse, saved[1], (size_t)lse_size * sizeof(float));
            }
        }
    }
    for (int i = 0; i < 5; i++) free(saved[i]);
    free(e.out), free(e.lse), free(e.dq), free(e.dk), free(e.dv);
    check_free(0);
}

/* Scores that overflow to -infinity, rows that see nothing, and a NaN that must come through. */
static void check_extremes(int bf16) {
    enum { T = 20, D = 8 };
    for (int tier = 0; tier < QUERN_TIERS; tier++) {
        if (!check_has_own(tier, forward_of(bf16))) continue;
        float *q = check_random(T * D, 1), *k = check_random(T * D, 1), *v = check_random(T * D, 1);
        float *out = check_floats(T * D), *lse = check_floats(T), *dout = check_random(T * D, 1);
        float *dq = check_floats(T * D), *dk = check_floats(T * D), *dv = check_floats(T * D);
        quern_step step = {0};
        quern_record forward = {.step = &step,
                                .pointers = {out, lse, q, k, v},
                                .integers = {1, T, 1, 1, D, D, D, D, D, T, 0, 1, 0},
                                .floats = {1, 0}};
        quern_record backward = forward;
        void *pointers[] = {dq, dk, dv, dout, q, k, v, out, lse};
        memcpy(backward.pointers, pointers, sizeof pointers);
        for (int i = 0; i < T * D; i++) q[i] = 1e30f, k[i] = -1e30f;
        check_run(forward_of(bf16), tier, &forward, 1);
        check_run(backward_of(bf16), tier, &backward, 1);
        for (int i = 0; i < T; i++) CHECK(lse[i] == -INFINITY, "lse %g", (double)lse[i]);
        for (int i = 0; i < T * D; i++) {
            CHECK(out[i] == 0, "out %g", (double)out[i]);
            CHECK(dq[i] == 0 && dk[i] == 0 && dv[i] == 0, "gradients of rows that see nothing");
        }
        check_fill(q, T * D, 1);
        check_fill(k, T * D, 1);
        q[5 * D] = NAN;
        check_run(forward_of(bf16), tier, &forward, 1);
        for (int i = 0; i < T; i++) {
            CHECK((i == 5) == isnan(out[i * D]), "row %d", i);
            CHECK((i == 5) == isnan(lse[i]), "row %d", i);
        }
        check_free(0);
    }
}

int main(void) {
    static const int64_t sizes[] = {1, 3, 7, 8, 9, 15, 16, 17, 24, 32, 35, 64, 67};
    static const int64_t times[] = {1, 2, 5, 8, 17, 31, 53, 64, 97, 131};
    for (int i = 0; i < 200; i++) {
        const int64_t groups = 1 + check_below(3);
        const int64_t time = times[check_below(i % 4 == 0 ? 10 : 6)];
        const int causal = check_below(3) != 0;
        check_case(&(attention_case){.batch = 1 + check_below(2),
                                     .time = time,
                                     .heads = groups * (1 + check_below(3)),
                                     .groups = groups,
                                     .size = sizes[check_below(13)],
                                     .keys = causal ? time : 1 + check_below(time + 40),
                                     .window = causal && i % 3 == 0 ? 1 + check_below(time + 3) : 0,
                                     .causal = causal,
                                     .dropout = i % 5 == 0 ? 0.25f : 0,
                                     .beyond = check_below(2) * 3,
                                     .magnitude = i % 7 == 0 ? 8 : 1,
                                     .bf16 = i % 2});
        const int64_t fresh = i % 2 == 0 ? 1 : times[check_below(6)];
        check_case(&(attention_case){.batch = 1 + check_below(3),
                                     .time = fresh,
                                     .heads = groups * (1 + check_below(3)),
                                     .groups = groups,
                                     .size = sizes[check_below(13)],
                                     .keys = fresh + check_below(300),
                                     .window = i % 3 == 0 ? 1 + check_below(70) : 0,
                                     .causal = 1,
                                     .cached = 1,
                                     .beyond = check_below(2) * 3,
                                     .magnitude = 1,
                                     .bf16 = i % 4 == 3});
    }
    for (int bf16 = 0; bf16 < 2; bf16++) {
        /* Heads wider than the usual ones, with gaps and without, up to those no block has room for. */
        check_case(&(attention_case){1, 70, 2, 1, 128, 70, 0, 1, 0, 0, 0, 1, bf16});
        check_case(&(attention_case){1, 70, 1, 1, 512, 70, 9, 1, 0.5f, 0, 5, 1, bf16});
        check_case(&(attention_case){1, 33, 1, 1, 1111, 33, 0, 1, 0, 0, 1, 1, bf16});
        check_case(&(attention_case){1, 9, 1, 1, 40000, 9, 0, 1, 0, 0, 0, 1, bf16});
        check_case(&(attention_case){1, 1, 1, 1, 64, 700, 0, 1, 0, 1, 0, 1, bf16});
        check_case(&(attention_case){1, 300, 2, 1, 64, 300, 0, 1, 0, 0, 0, 1, bf16});
        check_case(&(attention_case){1, 150, 4, 2, 80, 150, 100, 1, 0.1f, 0, 2, 1, bf16});
        check_extremes(bf16);
    }
    return check_result();
}
