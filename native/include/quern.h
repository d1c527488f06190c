/*
 * Quern's native interface: programs of fixed-size records, walked by worker threads that the caller
 * owns. Native code never prints, exits, aborts or starts a thread; a call returns a quern_status.
 *
 * Shapes: B batch, T time, C channels, H heads, G key/value heads, D head size, V vocabulary,
 * N rows (B*T unless said otherwise). Tensors are row-major and contiguous unless a stride, counted
 * in elements, is given. Pointers are aligned to their elements at least; operands do not overlap unless
 * the contract says "in place". Parameters' gradients are added to (+=), but for the first record to
 * contribute to one (quern_record.assigned); everything else is assigned (=).
 */
#ifndef QUERN_H
#define QUERN_H

#include <stdint.h>

#define QUERN_ABI_VERSION 12

#if defined(__GNUC__)
#define QUERN_API __attribute__((visibility("default")))
#else
#define QUERN_API
#endif

/* What a call returns, and what a run leaves in quern_step.status. */
enum quern_status {
    QUERN_OK = 0,
    /* quern_step.cancel was set. */
    QUERN_CANCELLED = 1,
    /* A token id, label or position lies outside its table. */
    QUERN_BAD_INDEX = 2,
    /* The program is not one that this library can run: kernel, tier or version unknown. */
    QUERN_BAD_PROGRAM = 3
};

/* Instruction sets that kernels are compiled for: a higher one is preferred, and need not hold all of a lower one. */
enum quern_tier {
    QUERN_SCALAR = 0,
    QUERN_AVX2 = 1,
    QUERN_AVX2_VNNI = 2,
    QUERN_AVX512 = 3,
    QUERN_AVX512_VNNI = 4,
    QUERN_AVX512_BF16 = 5,
    QUERN_AMX = 6,
    QUERN_TIERS = 7
};

/* quern_record.flags */
enum quern_flag {
    /* All workers meet after this record. */
    QUERN_BARRIER = 1,
    /* The record is left out unless quern_step.update is set: gradient norm and optimizer. */
    QUERN_ON_UPDATE = 2,
    /* A parameter may have changed by now: the run is no longer cancelled. */
    QUERN_COMMITTED = 4,
    /*
     * The next record goes on with what this one makes: a walker may do both together, block by block,
     * as quern_run does. One that does record after record lets the workers meet in between;
     * QUERN_BARRIER is set for it. First of such a row may be matmul_f32, matmul_bf16, add_f32,
     * dropout_f32 or a norm or its backward; after it activation_f32, gated_activation_f32, their
     * backwards, add_f32, round_f32 and widen_bf16, all of whose operands have as many elements as what
     * the first makes (the norms' out and dx), and which write nothing that the first one reads beyond
     * the same elements. Where the first is no product, layer_norm_f32 and rms_norm_f32 may follow, too,
     * on rows as long as its.
     */
    QUERN_FUSED = 8
};

/* quern_record.integers[6] of matmul_f32 and matmul_bf16; embedding_f32 has QUERN_STORED_BF16 alone. */
enum quern_matmul_flag {
    QUERN_TRANSPOSE_A = 1,
    QUERN_TRANSPOSE_B = 2,
    QUERN_ACCUMULATE = 4,
    /* b is stored as BF16, the upper halves of floats. */
    QUERN_STORED_BF16 = 8,
    /* a is stored so. */
    QUERN_STORED_A_BF16 = 16
};

/* quern_record.integers[13] of attention_f32, and [6] of cache_append_f32, which has the latter alone. */
enum quern_keys_flag {
    /* k and v are [B,G,S,D]. */
    QUERN_KEYS_BY_HEAD = 1,
    /* They are stored as BF16. */
    QUERN_KEYS_BF16 = 2
};

/* The function of activation_f32 and gated_activation_f32. */
enum quern_activation {
    QUERN_RELU = 0,
    /* 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
    QUERN_GELU_TANH = 1,
    /* 0.5 x (1 + erf(x / sqrt 2)) */
    QUERN_GELU_ERF = 2,
    /* x / (1 + exp(-x)) */
    QUERN_SILU = 3
};

/* A label that counts for nothing. */
#define QUERN_IGNORED_LABEL (-100)

/* Scratch memory that each worker has for the duration of one record, in bytes. */
#define QUERN_WORK_BYTES (2 << 20)

/* Most groups of workers that share columns of a product of few rows. */
#define QUERN_SHARED_COLUMNS 12

/* Elements that square_sum_f32 adds up into one partial sum. */
#define QUERN_SQUARE_SUM_BLOCK 16384

/* Largest K of matmul_int8. */
#define QUERN_INT8_DEPTH 65536

enum quern_kernel {
#define QUERN_KERNEL(name) QUERN_KERNEL_##name,
#include "../src/kernels.def"
#undef QUERN_KERNEL
    QUERN_KERNELS
};

/* What changes from one run of a program to the next. Written between runs, but for cancel. */
typedef struct quern_step {
    /* The optimizer's step, counted from 1. */
    int64_t step;
    /* Counts forward passes; with seed it decides every random number of a run. */
    int64_t sequence;
    int64_t seed;
    /* Whether records flagged QUERN_ON_UPDATE run. */
    int32_t update;
    /*
     * May be set by any thread at any time: the run ends with QUERN_CANCELLED, unless it has reached
     * the first record flagged QUERN_COMMITTED; then it goes on, so that no parameter is ahead of
     * another.
     */
    int32_t cancel;
    float learning_rate;
    /* What each counted label's loss is multiplied by: 1 / labels counted. */
    float loss_scale;
    /* Largest global gradient norm; 0 for no clipping. */
    float max_norm;
    /* Out: loss_sum_f32's result. */
    float loss;
    /* Out: gradient_norm_f32's result, before clipping. */
    float grad_norm;
    /* Out of gradient_norm_f32, into the optimizer. */
    float clip_scale;
    /*
     * Out, zero before a run: one more than the node of the first record that met a loss, a norm or
     * squares of a gradient that were NaN or infinite. From that record on the optimizer changes
     * nothing.
     */
    int32_t nonfinite;
    /* Out: the first status other than QUERN_OK; zero before a run. */
    int32_t status;
    /* Out: the index of the record that gave the status. */
    int64_t failed_record;
    /* Whether gradients go on from those of the run before, as in a step of many micro batches. */
    int64_t accumulate;
    /* For QUERN_SHARED_COLUMNS groups of workers who share columns of a product of few rows; zero before a run. */
    int32_t arrived[12];
} quern_step;

/* Where workers meet; zero before a run. Each counter has a cache line pair of its own. */
typedef struct quern_barrier {
    int32_t arrived;
    int32_t arrived_padding[31];
    int32_t generation;
    int32_t generation_padding[31];
} quern_barrier;

/* One kernel call. Constant while a program runs. */
typedef struct quern_record {
    /* A quern_kernel. */
    int32_t kernel;
    /* A sum of quern_flag. */
    int32_t flags;
    /* The operation's number in the graph, for messages. */
    int32_t node;
    /*
     * Bit i: pointers[i] is a gradient that no record before this one contributes to; it is assigned,
     * and added to only where step->accumulate is set.
     */
    int32_t assigned;
    quern_step *step;
    /* Base of all workers' scratch: worker w has QUERN_WORK_BYTES from w * QUERN_WORK_BYTES on. */
    void *work;
    void *pointers[10];
    int64_t integers[14];
    float floats[8];
} quern_record;

/* When one worker did one record: nanoseconds of a clock that only goes forward. */
typedef struct quern_sample {
    /* When the kernel began; 0 where the record was left out (QUERN_ON_UPDATE) or done with another. */
    int64_t begin;
    /* When it was done, or the record passed over. */
    int64_t end;
    /* When all workers had met; end where there is no barrier. */
    int64_t met;
} quern_sample;

typedef struct quern_program {
    const quern_record *records;
    int64_t count;
    quern_step *step;
    quern_barrier *barrier;
    /* A quern_tier. */
    int32_t tier;
    /* The number of workers that run this program together. */
    int32_t parts;
    /*
     * Null, or where times are written: record i of worker w has samples[w * count + i]. Those of a
     * run that returns QUERN_OK are complete.
     */
    quern_sample *samples;
} quern_program;

QUERN_API int32_t quern_abi_version(void);

/* "0.1.0 (gcc 12.2.0)"; never null, static. */
QUERN_API const char *quern_version(void);

/* The highest tier that this library holds and the CPU and the operating system allow. */
QUERN_API int32_t quern_cpu_tier(void);

/* Why not a higher one: a sentence; never null, static. */
QUERN_API const char *quern_cpu_explanation(void);

/* "scalar", "avx2", "avx2_vnni", "avx512", "avx512_vnni", "avx512_bf16", "amx"; null for another number. */
QUERN_API const char *quern_tier_name(int32_t tier);

/* Whether the tier computes rightly on the calling thread: runs a small self-test of it. */
QUERN_API int32_t quern_tier_check(int32_t tier);

QUERN_API int32_t quern_kernel_count(void);

/* "layer_norm_f32"; null for another number. */
QUERN_API const char *quern_kernel_name(int32_t kernel);

/*
 * Runs records first <= i < last of the program as worker `part` of program->parts; every worker
 * makes the same call at the same time. Returns program->step->status.
 */
QUERN_API int32_t quern_run(const quern_program *program, int32_t part, int64_t first, int64_t last);

/*
 * The rate of the arithmetic that a kernel is made of, in operations a second, a multiply-add counting
 * as two: independent chains of it in the tier's registers, on the calling thread, for about so long.
 * For matmul_bf16 and matmul_int8 it is that of the instructions that the tier computes these products
 * with, for all other kernels F32's. 0 where the tier cannot run here.
 */
QUERN_API double quern_measure_arithmetic(int32_t tier, int32_t kernel, int64_t nanoseconds);

/*
 * The rate of reading in bytes a second: goes through the memory with the tier's widest loads, on the
 * calling thread, again and again for about so long. It measures main memory where `bytes`, of which
 * whole blocks of 64 KiB count, are more than the caches hold. 0 where the tier cannot run here or
 * there is less than a block. The memory holds floats, best zeros: subnormal numbers take longer.
 */
QUERN_API double quern_measure_reading(int32_t tier, const void *memory, int64_t bytes,
                                       int64_t nanoseconds);

/* What went wrong in the last call on this thread: a sentence; empty where nothing did. */
QUERN_API const char *quern_error_message(void);

/*
 * The kernels' contracts. p: pointers, i: integers, f: floats. `starts` holds the position of each
 * sequence's first row, int32 [B]; null means zero for all.
 *
 * embedding_f32            out[n] = table[ids[n]] (+ positions[starts[n / T] + n % T])
 *   p0 out [N,C]  p1 ids int32 [N]  p2 table [V,C]  p3 positions [P,C] or null  p4 starts or null
 *   i0 N  i1 C  i2 V  i3 T  i4 P  i5 0, or QUERN_STORED_BF16 if the table is stored so
 *                                                    split by rows
 * embedding_backward_f32   dtable[ids[n]] += dout[n]; dpositions[n % T] += dout[n]
 *   p0 dtable [V,C]  p1 ids  p2 dout [N,C]  p3 dpositions [P,C] or null
 *   i0 N  i1 C  i2 V  i3 T  i4 P                     split by channels, rows added in order
 *   p0 may be null where only positions are wanted.
 *
 * layer_norm_f32           out = (x - mean) * rstd * gamma + beta, rstd = 1 / sqrt(variance + f0)
 *   p0 out [N,C]  p1 mean [N]  p2 rstd [N]  p3 x [N,C]  p4 gamma [C]  p5 beta [C] or null
 *   i0 N  i1 C  f0 epsilon                           split by rows
 * layer_norm_backward_f32
 *   p0 dx [N,C]  p1 dgamma [C] +=  p2 dbeta [C] += or null  p3 dout  p4 x  p5 mean  p6 rstd
 *   p7 gamma   i0 N  i1 C                            dx by rows; dgamma, dbeta by channels
 *
 * rms_norm_f32             out = x * rstd * gamma, rstd = 1 / sqrt(mean(x^2) + f0)
 *   p0 out [N,C]  p1 rstd [N]  p2 x [N,C]  p3 gamma [C]
 *   i0 N  i1 C  f0 epsilon                           split by rows
 * rms_norm_backward_f32
 *   p0 dx [N,C]  p1 dgamma [C] +=  p2 dout  p3 x  p4 rstd  p5 gamma
 *   i0 N  i1 C                                       dx by rows; dgamma by channels
 *
 * matmul_f32               out = op(a) op(b) + bias, or with QUERN_ACCUMULATE, unless assigned, out +=
 *   p0 out [M,N]  p1 a: [M,K], or [K,M] if transposed  p2 b: [K,N], or [N,K] if transposed
 *   p3 bias [N] or null
 *   i0 M  i1 N  i2 K  i3 stride of a  i4 stride of b  i5 stride of out  i6 quern_matmul_flag
 *   K = 0 gives the bias, or zero.                   split by tiles of out
 *   Up to 16 rows by b [K,N] with a barrier after it: workers may share columns, each with rows of b of its own, and
 *   whoever is last of step->arrived adds up what they left in each other's scratch memory.
 * matmul_bf16              as matmul_f32, of a and b rounded to BF16 (nearest, ties to even) and
 *   summed up as floats. Denormals may count as zero, and sums are rounded to the nearest, ties to
 *   even, whatever mode the thread has set. Up to 8 rows are bound by reading b, and not rounded,
 *   unless a is stored as BF16.
 * matmul_int8              out = a b^T + bias, b of INT8 with a scale for each row and group of G steps, a
 *   rounded to INT8 likewise: with x the largest |a| of a group in its row, a counts as x / 127 times the
 *   integer nearest to 127 / x a, ties to even. Groups below 2^-100 count as zero; of a row that has a
 *   number that is not finite all of out is NaN.
 *   p0 out [M,N]  p1 a [M,K]  p2 b int8 [N,K]  p3 bias [N] or null  p4 scales [N,(K + G - 1) / G]
 *   i0 M  i1 N  i2 0 < K <= QUERN_INT8_DEPTH  i3 stride of a  i4 stride of b  i5 stride of out
 *   i6 G: a multiple of 32, or at least K
 *   Products are added up without rounding over a group, or 512 steps of it or more; these sums, times
 *   both scales, are added as floats in rising order.  split by tiles of out
 * column_sum_f32           out[c] += sum over n of x[n,c], rows added in order
 *   p0 out [C]  p1 x [N,C]   i0 N  i1 C              split by channels
 *
 * attention_f32            out = dropout(softmax(scale q k^T + mask)) v, by head
 *   p0 out  p1 lse [B,H,T]  p2 q  p3 k  p4 v  p5 starts or null
 *   i0 B  i1 T  i2 H  i3 G  i4 D  i5 stride of q  i6 of k  i7 of v  i8 of out
 *   i9 S: rows of k and v for each sequence  i10 window or 0  i11 causal  i12 dropout stream
 *   i13 flags (quern_keys_flag)
 *   f0 scale  f1 dropout probability
 *   q and out: row b*T + t, head h at h*D. k and v, with g = h / (H/G): row b*S + s, head g at g*D,
 *   or, by head, row (b*G + g)*S + s.
 *   Causal: row t stands at position p = starts[b] + t and sees keys s <= p, and with a window
 *   only s > p - window; not causal: all S. lse is log(sum(exp(scale q k))) over the seen keys.
 *   A row that sees none gives zeros and lse = -infinity. Without p5 and causal, S = T in training.
 *   Dropout: a weight is kept where random(stream, ((b*H + h)*T + t)*S + s) >= probability, and
 *   divided by (1 - probability).
 * attention_backward_f32   (FlashAttention-2, algorithm 2: the weights are made again from lse)
 *   p0 dq  p1 dk  p2 dv  p3 dout  p4 q  p5 k  p6 v  p7 out  p8 lse
 *   integers and floats as above; dq, dk, dv have the strides of q, k, v, dout that of out;
 *   starts are zero.                                 split by (sequence, key/value head)
 * attention_bf16           as attention_f32, but a tier that has instructions for products of BF16 rounds q, k,
 *   v and weights to BF16 (nearest, ties to even) for them; the softmax and its sums, lse and the sums of
 *   products are floats. Where a key/value head has up to 8 rows it is attention_f32.
 * attention_backward_bf16  as attention_backward_f32, likewise; dout and the gradients of scores are rounded, too
 *
 * rope_f32                 rotates pairs (d, d + R/2) of each head by the angle of its position
 *   y[d] = x[d] cos - x[d + R/2] sin;  y[d + R/2] = x[d + R/2] cos + x[d] sin; the rest is copied
 *   p0 y [N,H*D]  p1 x [N,H*D]  p2 table [P,R]: R/2 cosines, then R/2 sines  p3 starts or null
 *   i0 N  i1 T  i2 H  i3 D  i4 P  i5 inverse (sines negated)  i6 R
 *   in place: y = x                                  split by rows
 *
 * activation_f32           y = act(x)                p0 y  p1 x   i0 n  i1 quern_activation
 *   in place: y = x
 * activation_backward_f32  dx = act'(x) dy           p0 dx  p1 dy  p2 x   i0 n  i1 quern_activation
 *   in place: dx = dy
 * gated_activation_f32     y = act(gate) * up        p0 y  p1 gate  p2 up   i0 n  i1 quern_activation
 *   in place: y = gate or y = up
 * gated_activation_backward_f32   dgate = dy up act'(gate); dup = dy act(gate)
 *   p0 dgate  p1 dup  p2 dy  p3 gate  p4 up   i0 n  i1 quern_activation
 *   in place: dup = dy
 * add_f32                  y = a + b                 p0 y  p1 a  p2 b   i0 n
 *   i1 C, which divides n: the length of a row, where fused with what follows
 *   in place: y = a or y = b
 * dropout_f32              y = x kept / (1 - f0)     p0 y  p1 x   i0 n  i1 stream  i2 C, as i1 of add_f32
 *   f0 probability   element i is kept where random(stream, i) >= f0; its own adjoint; in place: y = x
 * round_f32                y = x rounded to BF16 (nearest, ties to even); NaN stays NaN
 *   p0 y, BF16  p1 the same numbers as floats, or null  p2 x   i0 n
 *   in place: p1 = x
 * widen_bf16               y = x                     p0 y  p1 x, BF16   i0 n
 * The last eight are split by elements, in multiples of 16.
 *
 * cross_entropy_f32        losses[n] = lse[n] - logits[n, labels[n]], or 0 where ignored
 *   p0 losses [N]  p1 lse [N]  p2 logits [N,V]  p3 labels int32 [N]
 *   i0 N  i1 V                                       split by rows
 * loss_sum_f32             out[0] = step.loss = step.loss_scale * sum of losses, added as doubles;
 *                          sets step.nonfinite where that is not finite
 *   p0 out [1]  p1 losses [N]   i0 N                 worker 0 alone
 * cross_entropy_backward_f32   dlogits = (softmax(logits) - onehot(label)) * step.loss_scale
 *   p0 dlogits [N,V]  p1 logits  p2 labels  p3 lse   i0 N  i1 V   rows of ignored labels are zero
 *   in place: dlogits = logits                       split by rows
 * cross_entropy_with_gradient_f32   both of one reading: losses as cross_entropy_f32, dlogits as its
 *                          backward               p0 losses [N]  p1 dlogits [N,V]  p2 logits  p3 labels
 *   i0 N  i1 V    in place: dlogits = logits         split by rows
 *
 * cross_entropy_chunk_f32  the same where a row's logits come by chunks of V: those of the classes
 *                          [first, first + W), after all before them. state[n] is the highest logit so
 *                          far, the sum of exp(logit - highest), and the label's logit, 0 until it comes;
 *                          losses[n] is of the classes so far, and complete after the last chunk
 *   p0 state [N,3]  p1 losses [N]  p2 logits [N,W]  p3 labels int32 [N]  p4 state before, null at first 0
 *   i0 N  i1 W  i2 first  i3 V   in place: state = state before   split by rows
 *
 * cache_append_f32         cache[b, g, starts[b] + t] = x[b, t, g], rounded where the cache is BF16
 *   p0 cache [B,G,S,D]  p1 x [B*T rows], head g at g*D  p2 starts or null
 *   i0 B  i1 T  i2 G  i3 S  i4 D  i5 stride of x  i6 flags (QUERN_KEYS_BF16)
 *                                                    split by rows of x
 *
 * square_sum_f32           out[j] = sum of x[i]^2 over block j of QUERN_SQUARE_SUM_BLOCK elements,
 *                          added as doubles          p0 out  p1 x   i0 n   split by blocks
 * gradient_norm_f32        out[0] = step.grad_norm = sqrt(sum of p1), added as doubles;
 *   step.clip_scale = min(1, max_norm / (norm + 1e-6)), or 1 where max_norm is 0;
 *   sets step.nonfinite, if it is zero, where the norm or step.loss is not finite
 *   p0 out [1]  p1 partial sums [n]   i0 n           worker 0 alone
 * adamw_f32                (Loshchilov and Hutter 2019, algorithm 2), as PyTorch's AdamW computes it
 *   g = grad * clip_scale; p *= 1 - lr f3; m = f0 m + (1 - f0) g; v = f1 v + (1 - f1) g^2;
 *   p -= lr / (1 - f0^t) * m / (sqrt(v) / sqrt(1 - f1^t) + f2)
 *   p0 parameter  p1 grad  p2 m  p3 v  p4 squares [i1] or null  p5 copy or null   i0 n
 *   i1 number of squares  f0 beta1  f1 beta2  f2 epsilon  f3 weight decay
 * sgd_f32                  g = grad * clip_scale + f1 p; m = f0 m + g; p -= lr m
 *   p0 parameter  p1 grad  p2 m  p3 squares [i1] or null  p4 copy or null   i0 n
 *   i1 number of squares  f0 momentum  f1 weight decay
 * Both are split by elements, in multiples of 16, and do nothing where a record before them, or they,
 * set step.nonfinite. Squares are square_sum_f32's of this gradient, for an update that does not wait
 * for the norm: clip_scale counts as 1, and squares that are not finite set step.nonfinite. The copy
 * is the updated parameter as round_f32 makes it, in BF16 of its shape.
 *
 * Random numbers: Philox4x32-10 (Salmon et al. 2011). Key: the low and the high half of step.seed.
 * Counter: (index / 4) low half, (index / 4) high half, stream, step.sequence low half.
 * random(stream, index) = (word[index % 4] >> 8) / 2^24, in [0, 1).
 */

#endif
