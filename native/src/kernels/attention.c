/*
 * attention_f32 and attention_bf16 with their backwards for all heads: see quern.h.
 *   weights = softmax(scale q k^T over the seen keys); out = dropout(weights) v
 *
 * Neither holds more than a block of weights (Dao, "FlashAttention-2", 2023): the forward carries each
 * row's maximum and sum from one block of keys to the next (Milakov and Gimelshein, 2018), the backward
 * makes the weights again from lse. Blocks of keys begin at multiples of a fixed number and blocks of
 * rows do not depend on the number of workers, and so neither do the results.
 */
#include "kernels/attention.h"
#include "kernels/attention_products.h"
#include "kernels/attention_rows.h"
#include "kernels/attention_softmax.h"
#include "kernels/elements.h"

#define WORK_FLOATS (QUERN_WORK_BYTES / (int64_t)sizeof(float))

/*
 * Rows and keys of a block of weights, unless heads are too wide for it; whole register tiles. Where
 * there are few rows, half as many are taken: less of what the mask hides is computed.
 */
#define BLOCK_ROWS ((PRODUCT_ROWS == 32 ? 64 : 48) / PRODUCT_ROWS * PRODUCT_ROWS)
#define BLOCK_KEYS 128
#define HALF_BLOCK_ROWS (BLOCK_ROWS / 2 / PRODUCT_ROWS * PRODUCT_ROWS)

_Static_assert(HALF_BLOCK_ROWS > 0, "half a block is a tile at least");
_Static_assert(BLOCK_KEYS % PRODUCT_COLUMNS == 0, "keys are packed in whole panels");

typedef struct block_size {
    int64_t rows;
    int64_t keys;
} block_size;

/*
 * The largest block for which `vectors` of head size for each row and key and `maps` numbers for each
 * pair of them fit into half of the scratch memory. No rows: not even the smallest one does.
 */
static block_size block_of(const attention *x, int64_t vectors, int64_t maps) {
    const int64_t width = (x->size + PRODUCT_COLUMNS - 1) / PRODUCT_COLUMNS * PRODUCT_COLUMNS;
    block_size block = {rows_of(x) <= 4 * BLOCK_ROWS ? HALF_BLOCK_ROWS : BLOCK_ROWS, BLOCK_KEYS};
    while (vectors * (block.rows + block.keys) * width + maps * block.rows * block.keys > WORK_FLOATS / 2) {
        if (block.rows == PRODUCT_ROWS && block.keys == PRODUCT_COLUMNS) return (block_size){0, 0};
        block.rows = quern_max(block.rows / 2 / PRODUCT_ROWS, 1) * PRODUCT_ROWS;
        block.keys = quern_max(block.keys / 2, PRODUCT_COLUMNS);
    }
    return block;
}

/* Of rows.first <= r < rows.last those that see any of the keys first <= s < last. */
static quern_range seeing(const attention *x, int64_t b, quern_range rows, int64_t first, int64_t last) {
    while (rows.first < rows.last && seen_by(x, b, rows.first).last <= first) rows.first++;
    while (rows.first < rows.last && seen_by(x, b, rows.last - 1).first >= last) rows.last--;
    return rows;
}

/*
 * The rows of a tensor [B*T, H*D] for one key/value head: where they stand if they are evenly spaced,
 * else a copy.
 */
typedef struct row_block {
    const float *first;
    int64_t stride;
} row_block;

static row_block gather(const attention *x, float *copy, const float *from, int64_t stride, int64_t b,
                        int64_t g, quern_range rows) {
    if (x->shared == 1) return (row_block){from + row_offset(x, b, g, rows.first, stride), stride};
    for (int64_t r = rows.first; r < rows.last; r++) {
        memcpy(copy + (r - rows.first) * x->size, from + row_offset(x, b, g, r, stride),
               (size_t)x->size * sizeof(float));
    }
    return (row_block){copy, x->size};
}

/* Weights outside of `seen` in keys first <= s < last, the first of which stands at weights[0]. */
QUERN_INLINE void clear_unseen(float *weights, quern_range seen, int64_t first, int64_t last) {
    for (int64_t s = first; s < quern_min(seen.first, last); s++) weights[s - first] = 0;
    for (int64_t s = quern_max(seen.last, first); s < last; s++) weights[s - first] = 0;
}

/* The scratch memory of the forward by blocks. */
typedef struct forward_work {
    block_size block;
    /* [rows, D] each: a copy of q, and out before it is divided. */
    float *q;
    float *sums;
    /* [rows, keys] */
    float *scores;
    float *random;
    /* Of products. */
    float *left;
    /* Blocks of keys and values, packed; block j of the head stands in slot j % slots. */
    float *packed;
    int64_t slots;
    int64_t slot_size;
    /* The head whose blocks first <= j < last are packed. */
    int64_t head;
    quern_range ready;
} forward_work;

static forward_work forward_work_of(const attention *x, float *work) {
    forward_work w = {.block = block_of(x, 2 + QUERN_MULTIPLIES_BF16, 1 + QUERN_MULTIPLIES_BF16), .head = -1};
    if (w.block.rows == 0) return w;
    const float *end = work + WORK_FLOATS;
    w.q = take(&work, w.block.rows * x->size);
    w.sums = take(&work, w.block.rows * x->size);
    w.scores = take(&work, w.block.rows * w.block.keys);
    w.random = take(&work, w.block.keys);
    w.left = take(&work, left_work(w.block.rows, quern_max(x->size, w.block.keys)));
    w.packed = work;
    w.slot_size = packed_right(x->size, w.block.keys) + packed_right(w.block.keys, x->size);
    w.slots = (end - work) / w.slot_size;
    return w;
}

/* Keys of the block from s on that are packed: what stands behind the last that any row sees may be no number. */
static int64_t packed_keys(const attention *x, const forward_work *w, int64_t b, int64_t s) {
    return quern_min(w->block.keys, seen_by(x, b, rows_of(x) - 1).last - s);
}

/* Block j of keys, transposed, and behind it of values; packed if it is not ready. */
static const float *packed_block(const attention *x, const quern_record *record, forward_work *w,
                                 int64_t b, int64_t g, int64_t j) {
    const int64_t head = b * x->groups + g;
    float *slot = w->packed + j % w->slots * w->slot_size;
    if (head == w->head && j >= w->ready.first && j < w->ready.last) return slot;
    const int64_t s = j * w->block.keys, n = packed_keys(x, w, b, s);
    const void *k = operand_at(record->pointers[3], key_offset(x, b, g, s, x->k_stride), x->stored);
    const void *v = operand_at(record->pointers[4], key_offset(x, b, g, s, x->v_stride), x->stored);
    pack_right(slot, k, x->stored, x->k_stride, 1, x->size, n);
    pack_right(slot + packed_right(x->size, w->block.keys), v, x->stored, x->v_stride, 0, n, x->size);
    if (head != w->head || j != w->ready.last) w->ready.first = j;
    w->head = head;
    w->ready.last = j + 1;
    w->ready.first = quern_max(w->ready.first, w->ready.last - w->slots);
    return slot;
}

/* A block of rows against all blocks of keys that any of them sees. */
static void attend_block(const attention *x, const quern_record *record, int64_t b, int64_t g,
                         quern_range rows, forward_work *w) {
    const int64_t size = x->size, stride = w->block.keys;
    const row_block q = gather(x, w->q, record->pointers[2], x->q_stride, b, g, rows);
    online states[BLOCK_ROWS];
    for (int64_t r = rows.first; r < rows.last; r++) states[r - rows.first] = (online){-INFINITY, 0};
    memset(w->sums, 0, (size_t)((rows.last - rows.first) * size) * sizeof(float));
    const int64_t first = seen_by(x, b, rows.first).first, last = seen_by(x, b, rows.last - 1).last;
    for (int64_t j = first / stride; j * stride < last; j++) {
        const int64_t s = j * stride, end = quern_min(s + stride, last);
        const quern_range active = seeing(x, b, rows, s, end);
        const int64_t skipped = active.first - rows.first, count = active.last - active.first;
        const float *keys = packed_block(x, record, w, b, g, j);
        const float *values = keys + packed_right(size, stride);
        multiply(w->scores, stride, q.first + skipped * q.stride, q.stride, 0, keys, size, 0, count, end - s, size,
                 w->left);
        for (int64_t r = active.first; r < active.last; r++) {
            float *scores = w->scores + (r - active.first) * stride;
            const quern_range seen = within(seen_by(x, b, r), s, end);
            clear_unseen(scores, seen, s, end);
            if (seen.first >= seen.last) continue;
            const float correction = weigh(x, &states[r - rows.first], scores + (seen.first - s), w->random,
                                           b, g, r, seen);
            if (correction != 1.0f) {
                float *sums = w->sums + (r - rows.first) * size;
                scaled_copy(sums, correction, sums, size);
            }
        }
        multiply(w->sums + skipped * size, size, w->scores, stride, 0, values, packed_keys(x, w, b, s), 1, count,
                 size, end - s, w->left);
    }
    for (int64_t r = rows.first; r < rows.last; r++) {
        finish_row(x, record, w->sums + (r - rows.first) * size, states[r - rows.first], b, g, r);
    }
}

static int32_t attend(const quern_record *record, int32_t part, int32_t parts) {
    const attention x = attention_of(record, record->pointers[5]);
    const int64_t rows = rows_of(&x), heads = x.batch * x.groups;
    forward_work w = forward_work_of(&x, quern_work(record, part));
    const int single = rows <= QUERN_ATTENTION_ROWS || w.block.rows == 0;
    int64_t height = single ? QUERN_ATTENTION_ROWS : w.block.rows;
    /* Rows weighed one by one may be divided anyhow: so that there is something for every worker. */
    if (single && heads * ((rows + height - 1) / height) < 2 * parts) height = 1;
    const int64_t units = (rows + height - 1) / height;

    /* A unit costs as many steps as its rows see keys; each worker gets neighbours of equal cost. */
    double total = 0;
    int64_t head = 0;
    quern_range gathered = {0, 0};
    for (int pass = 0; pass < 2; pass++) {
        double before = 0;
        for (int64_t i = 0; i < heads * units; i++) {
            const int64_t b = i / units / x.groups, g = i / units % x.groups;
            const quern_range own = {i % units * height, quern_min((i % units + 1) * height, rows)};
            const quern_range seen = {seen_by(&x, b, own.first).first, seen_by(&x, b, own.last - 1).last};
            const double cost =
                (double)(own.last - own.first) * (double)(16 + quern_max(seen.last - seen.first, 0));
            const int mine = pass == 1 && (int32_t)((before + cost / 2) / total * parts) == part;
            before += cost;
            if (!mine) continue;
            if (quern_cancelled(record)) return QUERN_CANCELLED;
            if (!single) {
                attend_block(&x, record, b, g, own, &w);
                continue;
            }
            /* Neighbours of a head together, so that its keys are read once for all of them. */
            if (head != i / units || own.first != gathered.last ||
                own.last - gathered.first > QUERN_ATTENTION_ROWS) {
                quern_attend_rows(&x, record, head, gathered, quern_work(record, part));
                head = i / units;
                gathered.first = own.first;
            }
            gathered.last = own.last;
        }
        total = before;
    }
    quern_attend_rows(&x, record, head, gathered, quern_work(record, part));
    return QUERN_OK;
}

/*
 * The backward. In exact numbers, for each row and each key that it sees:
 *   weight = exp(scale q . k - lse)                     dropped = weight kept / (1 - probability), or 0
 *   dv += dropped dout                                  dweight = dout . v, dropped likewise
 *   dscore = weight (dweight - dout . out) scale        dq += dscore k;  dk += dscore q
 * dq, dk and dv are assigned: zeroed first, then added to.
 */

/* Whole vectors, or one, of which `count` elements are there; kept: null without dropout. */
QUERN_INLINE void weigh_step(float *scores, float *dweights, const float *kept, float scale, float norm,
                             float along, const int vectors, int64_t count) {
    vfloat weights[QUERN_TOGETHER];
    QUERN_EACH(j, vectors) {
        weights[j] = v_splat(scale) * load_up_to(scores + j * QUERN_LANES, count) - v_splat(norm);
    }
    v_exp_each(weights, vectors);
    QUERN_EACH(j, vectors) {
        const int64_t at = j * QUERN_LANES;
        vfloat dropped = weights[j], dweight = load_up_to(dweights + at, count);
        if (kept) {
            dropped = dropped * load_up_to(kept + at, count);
            dweight = dweight * load_up_to(kept + at, count);
        }
        store_up_to(scores + at, dropped, count);
        store_up_to(dweights + at, weights[j] * (dweight - v_splat(along)) * v_splat(scale), count);
    }
}

/* Makes scores q . k into dropped weights, and dweights dout . v into dscores, for one row. */
static void weigh_again(const attention *x, float *scores, float *dweights, float *kept, float *random,
                        float norm, float along, int64_t b, int64_t g, int64_t r, quern_range seen) {
    const int64_t n = seen.last - seen.first;
    if (x->dropout > 0) {
        for (int64_t i = 0; i < n; i++) kept[i] = 1.0f;
        drop(x, kept, random, b, g, r, seen.first, seen.last);
    } else {
        kept = NULL;
    }
    QUERN_FOR_VECTORS(0, n, weigh_step(scores + i, dweights + i, kept ? kept + i : NULL, x->scale, norm, along,
                                       vectors, count))
}

/* One row against keys one by one: no head is too wide for it. */
static void attend_row_backward(const attention *x, const quern_record *record, int64_t b, int64_t g,
                                int64_t r, float *work) {
    float *dquery = (float *)record->pointers[0] + row_offset(x, b, g, r, x->q_stride);
    float *dk = record->pointers[1];
    float *dv = record->pointers[2];
    const float *gradient = (float *)record->pointers[3] + row_offset(x, b, g, r, x->out_stride);
    const float *query = (float *)record->pointers[4] + row_offset(x, b, g, r, x->q_stride);
    const float *k = record->pointers[5];
    const float *v = record->pointers[6];
    const float *out = (float *)record->pointers[7] + row_offset(x, b, g, r, x->out_stride);
    const float norm = ((float *)record->pointers[8])[lse_offset(x, b, g, r)];
    float *weights = take(&work, BLOCK_KEYS);
    float *dscores = take(&work, BLOCK_KEYS);
    float *kept = take(&work, BLOCK_KEYS);
    float *random = take(&work, BLOCK_KEYS);
    if (norm == -INFINITY) return;
    const float along = dot(gradient, out, 0, x->size);
    const quern_range all = seen_by(x, b, r);
    for (int64_t s = all.first; s < all.last; s += BLOCK_KEYS) {
        const quern_range seen = within(all, s, s + BLOCK_KEYS);
        for (int64_t i = seen.first; i < seen.last; i++) {
            weights[i - s] = dot(query, k + key_offset(x, b, g, i, x->k_stride), 0, x->size);
            dscores[i - s] = dot(gradient, v + key_offset(x, b, g, i, x->v_stride), 0, x->size);
        }
        weigh_again(x, weights, dscores, kept, random, norm, along, b, g, r, seen);
        for (int64_t i = seen.first; i < seen.last; i++) {
            const int64_t key = key_offset(x, b, g, i, x->k_stride);
            add_scaled(dv + key_offset(x, b, g, i, x->v_stride), weights[i - s], gradient, x->size);
            add_scaled(dk + key, dscores[i - s], query, x->size);
            add_scaled(dquery, dscores[i - s], k + key, x->size);
        }
    }
}

/* The scratch memory of the backward by blocks. */
typedef struct backward_work {
    block_size block;
    /* For each key: k and v, transposed, and k. */
    float *k_transposed;
    float *v_transposed;
    float *k;
    /* For each row: q and dout, copied and packed, and what is to be added to dq. */
    float *q_copy;
    float *dout_copy;
    float *q;
    float *dout;
    float *dq;
    /* [rows, keys]: scores, then weights; and dweights, then dscores. */
    float *weights;
    float *dscores;
    float *kept;
    float *random;
    /* Of products. */
    float *left;
} backward_work;

static backward_work backward_work_of(const attention *x, float *work) {
    backward_work w = {.block = block_of(x, 5 + QUERN_MULTIPLIES_BF16, 2 + QUERN_MULTIPLIES_BF16)};
    const int64_t rows = w.block.rows, keys = w.block.keys;
    w.k_transposed = take(&work, packed_right(x->size, keys));
    w.v_transposed = take(&work, packed_right(x->size, keys));
    w.k = take(&work, packed_right(keys, x->size));
    w.q_copy = take(&work, rows * x->size);
    w.dout_copy = take(&work, rows * x->size);
    w.q = take(&work, packed_right(rows, x->size));
    w.dout = take(&work, packed_right(rows, x->size));
    w.dq = take(&work, rows * x->size);
    w.weights = take(&work, rows * keys);
    w.dscores = take(&work, rows * keys);
    w.kept = take(&work, keys);
    w.random = take(&work, keys);
    w.left = take(&work, quern_max(left_work(rows, quern_max(x->size, keys)), left_work(keys, rows)));
    return w;
}

/* A block of rows, each of which sees some of it, against the block of keys s <= . < end. */
static void attend_block_backward(const attention *x, const quern_record *record, int64_t b, int64_t g,
                                  quern_range rows, int64_t s, int64_t end, backward_work *w) {
    float *dq = record->pointers[0];
    float *dk = (float *)record->pointers[1] + key_offset(x, b, g, s, x->k_stride);
    float *dv = (float *)record->pointers[2] + key_offset(x, b, g, s, x->v_stride);
    const float *out = record->pointers[7];
    const float *lse = record->pointers[8];
    const int64_t size = x->size, stride = w->block.keys, count = rows.last - rows.first;
    /* Keys beyond the last row's sight are left out of every product. */
    const int64_t seen_end = quern_min(end, seen_by(x, b, rows.last - 1).last);
    const int64_t keys = seen_end - s;
    const row_block q = gather(x, w->q_copy, record->pointers[4], x->q_stride, b, g, rows);
    const row_block dout = gather(x, w->dout_copy, record->pointers[3], x->out_stride, b, g, rows);
    multiply(w->weights, stride, q.first, q.stride, 0, w->k_transposed, size, 0, count, keys, size, w->left);
    multiply(w->dscores, stride, dout.first, dout.stride, 0, w->v_transposed, size, 0, count, keys, size, w->left);
    for (int64_t i = 0; i < count; i++) {
        const int64_t r = rows.first + i;
        float *weights = w->weights + i * stride;
        float *dscores = w->dscores + i * stride;
        const float norm = lse[lse_offset(x, b, g, r)];
        quern_range seen = within(seen_by(x, b, r), s, seen_end);
        if (norm == -INFINITY) seen.last = seen.first = s;
        clear_unseen(weights, seen, s, seen_end);
        clear_unseen(dscores, seen, s, seen_end);
        if (seen.first >= seen.last) continue;
        const float along =
            dot(dout.first + i * dout.stride, out + row_offset(x, b, g, r, x->out_stride), 0, size);
        weigh_again(x, weights + (seen.first - s), dscores + (seen.first - s), w->kept, w->random, norm,
                    along, b, g, r, seen);
    }
    pack_right(w->dout, dout.first, 0, dout.stride, 0, count, size);
    multiply(dv, x->v_stride, w->weights, stride, 1, w->dout, count, 1, keys, size, count, w->left);
    pack_right(w->q, q.first, 0, q.stride, 0, count, size);
    multiply(dk, x->k_stride, w->dscores, stride, 1, w->q, count, 1, keys, size, count, w->left);
    if (x->shared == 1) {
        multiply(dq + row_offset(x, b, g, rows.first, x->q_stride), x->q_stride, w->dscores, stride, 0, w->k,
                 end - s, 1, count, size, keys, w->left);
        return;
    }
    multiply(w->dq, size, w->dscores, stride, 0, w->k, end - s, 0, count, size, keys, w->left);
    for (int64_t i = 0; i < count; i++) {
        add_to(dq + row_offset(x, b, g, rows.first + i, x->q_stride), w->dq + i * size, size);
    }
}

static void attend_head_backward(const attention *x, const quern_record *record, int64_t b, int64_t g,
                                 backward_work *w) {
    const float *k = record->pointers[5];
    const float *v = record->pointers[6];
    const int64_t rows = rows_of(x);
    for (int64_t s = 0; s < x->keys; s += w->block.keys) {
        const int64_t end = quern_min(s + w->block.keys, x->keys);
        const float *keys = k + key_offset(x, b, g, s, x->k_stride);
        pack_right(w->k_transposed, keys, 0, x->k_stride, 1, x->size, end - s);
        pack_right(w->k, keys, 0, x->k_stride, 0, end - s, x->size);
        pack_right(w->v_transposed, v + key_offset(x, b, g, s, x->v_stride), 0, x->v_stride, 1, x->size, end - s);
        for (int64_t r = 0; r < rows; r += w->block.rows) {
            const quern_range block = {r, quern_min(r + w->block.rows, rows)};
            const quern_range active = seeing(x, b, block, s, end);
            if (active.first < active.last) {
                attend_block_backward(x, record, b, g, active, s, end, w);
            }
        }
    }
}

static int32_t attend_backward(const quern_record *record, int32_t part, int32_t parts) {
    const attention x = attention_of(record, NULL);
    float *dq = record->pointers[0];
    float *dk = record->pointers[1];
    float *dv = record->pointers[2];
    const size_t bytes = (size_t)x.size * sizeof(float);
    backward_work w = backward_work_of(&x, quern_work(record, part));
    const quern_range own = quern_share(x.batch * x.groups, 1, part, parts);
    for (int64_t i = own.first; i < own.last; i++) {
        if (quern_cancelled(record)) return QUERN_CANCELLED;
        const int64_t b = i / x.groups, g = i % x.groups;
        for (int64_t s = 0; s < x.keys; s++) {
            memset(dk + key_offset(&x, b, g, s, x.k_stride), 0, bytes);
            memset(dv + key_offset(&x, b, g, s, x.v_stride), 0, bytes);
        }
        for (int64_t r = 0; r < rows_of(&x); r++) {
            memset(dq + row_offset(&x, b, g, r, x.q_stride), 0, bytes);
        }
        if (w.block.rows > 0) {
            attend_head_backward(&x, record, b, g, &w);
            continue;
        }
        for (int64_t r = 0; r < rows_of(&x); r++) {
            attend_row_backward(&x, record, b, g, r, quern_work(record, part));
        }
    }
    return QUERN_OK;
}

#if QUERN_MULTIPLIES_BF16

QUERN_KERNEL_DEFINE(attention_bf16) {
    quern_products_begin();
    const int32_t status = attend(record, part, parts);
    quern_products_end();
    return status;
}

QUERN_KERNEL_DEFINE(attention_backward_bf16) {
    quern_products_begin();
    const int32_t status = attend_backward(record, part, parts);
    quern_products_end();
    return status;
}

#else

QUERN_KERNEL_DEFINE(attention_f32) { return attend(record, part, parts); }

QUERN_KERNEL_DEFINE(attention_backward_f32) { return attend_backward(record, part, parts); }

QUERN_KERNEL_DEFINE(attention_bf16) { return attend(record, part, parts); }

QUERN_KERNEL_DEFINE(attention_backward_bf16) { return attend_backward(record, part, parts); }

#endif
