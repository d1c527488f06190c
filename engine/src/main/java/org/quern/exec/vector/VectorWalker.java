package org.quern.exec.vector;

import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Locale;
import org.quern.exec.ProgramLayout;
import org.quern.exec.Status;
import org.quern.exec.Walker;
import org.quern.ir.Kernel;
import org.quern.plan.RecordLayout;
import org.quern.profile.SampleLayout;

/**
 * Runs programs with the JDK's Vector API: what {@code quern_run} is to the native library, on the
 * same memory. A run allocates nothing on the Java heap; only one that fails makes its message.
 */
public final class VectorWalker implements Walker {
  private static final VarHandle INT =
      ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

  /** How often a worker looks again before it lets others have the processor. */
  private static final int SPINS = 4096;

  private static final VectorKernel[] KERNELS = kernels();

  private final ThreadLocal<String> failure = ThreadLocal.withInitial(() -> "");
  private final ThreadLocal<ProgramRecord> reading = ThreadLocal.withInitial(ProgramRecord::new);

  /** A walker; any number of backends may share it. */
  public VectorWalker() {}

  /** Floats that one vector holds on this machine. */
  public static int lanes() {
    return Lanes.COUNT;
  }

  @Override
  public String failure() {
    return failure.get();
  }

  @Override
  public double measureArithmetic(int tier, Kernel kernel, long nanos) {
    return PeakLoops.arithmetic(nanos);
  }

  @Override
  public long warmUpNanos() {
    return PeakLoops.WARM_UP_NANOS;
  }

  @Override
  public double measureReading(int tier, long address, long bytes, long nanos) {
    return PeakLoops.reading(address, bytes, nanos);
  }

  @Override
  public int run(long program, int part, long first, long last) {
    failure.set("");
    long records = Memory.getLong(program + ProgramLayout.RECORDS);
    long step = Memory.getLong(program + ProgramLayout.STEP);
    int parts = Memory.getInt(program + ProgramLayout.PARTS);
    if (part < 0
        || part >= parts
        || first < 0
        || first > last
        || last > Memory.getLong(program + ProgramLayout.COUNT)) {
      return fail(
          step, first, Status.BAD_PROGRAM, "the records or the worker are not in the program");
    }
    long samples = Memory.getLong(program + ProgramLayout.SAMPLES);
    if (samples != 0) {
      samples += part * Memory.getLong(program + ProgramLayout.COUNT) * SampleLayout.BYTES;
    }
    ProgramRecord record = reading.get();
    boolean update = Memory.getInt(step + Fields.STEP_UPDATE) != 0;
    for (long i = first; i < last; i++) {
      int before = status(step);
      if (before != Status.OK) {
        return before;
      }
      record.read(records + i * RecordLayout.BYTES);
      int flags = record.flags();
      boolean updates = (flags & RecordLayout.FLAG_ON_UPDATE) != 0;
      boolean committed = (flags & RecordLayout.FLAG_COMMITTED) != 0;
      // An update that has begun is finished, so that no parameter is ahead of another.
      if (!committed && (int) INT.getOpaque(Memory.ALL, step + Fields.STEP_CANCEL) != 0) {
        return fail(step, i, Status.CANCELLED, "cancelled");
      }
      long begin = 0;
      if (update || !updates) {
        begin = samples == 0 ? 0 : System.nanoTime();
        int status = Status.BAD_PROGRAM;
        try {
          status = run(record, part, parts);
        } finally {
          // Here for errors too: the others would wait at the barrier for this worker.
          if (status != Status.OK) {
            status = fail(step, i, status, describe(record, part, status));
          }
        }
        if (status != Status.OK) {
          return status;
        }
      }
      long end = samples == 0 ? 0 : System.nanoTime();
      // A record left out keeps its barrier: all workers decide by the same step.update.
      boolean meets = (flags & RecordLayout.FLAG_BARRIER) != 0 && parts > 1;
      if (meets) {
        meet(step, Memory.getLong(program + ProgramLayout.BARRIER), parts);
      }
      if (samples != 0) {
        write(samples + i * SampleLayout.BYTES, begin, end, meets ? System.nanoTime() : end);
      }
    }
    return status(step);
  }

  private static void write(long sample, long begin, long end, long met) {
    Memory.setLong(sample + SampleLayout.BEGIN, begin);
    Memory.setLong(sample + SampleLayout.END, end);
    Memory.setLong(sample + SampleLayout.MET, met);
  }

  private static int run(ProgramRecord record, int part, int parts) {
    int kernel = record.kernel();
    if (kernel < 0 || kernel >= KERNELS.length) {
      return Status.BAD_PROGRAM;
    }
    return KERNELS[kernel].run(record, part, parts);
  }

  private static int status(long step) {
    return (int) INT.getAcquire(Memory.ALL, step + Fields.STEP_STATUS);
  }

  /** Notes the status unless another worker was first; returns what stands then. */
  private int fail(long step, long record, int status, String reason) {
    failure.set(reason);
    if (INT.compareAndSet(Memory.ALL, step + Fields.STEP_STATUS, Status.OK, status)) {
      Memory.setLong(step + Fields.STEP_FAILED_RECORD, record);
    }
    return status(step);
  }

  private static String describe(ProgramRecord record, int part, int status) {
    int kernel = record.kernel();
    if (kernel < 0 || kernel >= KERNELS.length) {
      return "there is no kernel " + kernel;
    }
    return switch (status) {
      case Status.CANCELLED -> "cancelled";
      case Status.BAD_INDEX -> {
        long scratch = record.scratch(part);
        yield "row "
            + Memory.getLong(scratch)
            + " has the index "
            + Memory.getLong(scratch + 8)
            + ", which is not in [0, "
            + Memory.getLong(scratch + 16)
            + ")";
      }
      default ->
          "the kernel "
              + Kernel.values()[kernel].name().toLowerCase(Locale.ROOT)
              + " cannot run with its arguments";
    };
  }

  /**
   * Waits until all workers are here, or one has failed. The last to arrive opens the next
   * generation.
   */
  private static void meet(long step, long barrier, int parts) {
    long arrived = barrier + Fields.BARRIER_ARRIVED;
    long generation = barrier + Fields.BARRIER_GENERATION;
    int mine = (int) INT.getAcquire(Memory.ALL, generation);
    if ((int) INT.getAndAdd(Memory.ALL, arrived, 1) == parts - 1) {
      INT.setOpaque(Memory.ALL, arrived, 0);
      INT.setRelease(Memory.ALL, generation, mine + 1);
      return;
    }
    int spins = 0;
    while ((int) INT.getAcquire(Memory.ALL, generation) == mine && status(step) == Status.OK) {
      if (++spins < SPINS) {
        Thread.onSpinWait();
      } else {
        Thread.yield();
      }
    }
  }

  private static VectorKernel[] kernels() {
    Kernel[] all = Kernel.values();
    VectorKernel[] kernels = new VectorKernel[all.length];
    for (int i = 0; i < all.length; i++) {
      kernels[i] = kernel(all[i]);
    }
    return kernels;
  }

  static VectorKernel kernel(Kernel kernel) {
    return switch (kernel) {
      case EMBEDDING_F32 -> new EmbeddingKernel();
      case EMBEDDING_BACKWARD_F32 -> new EmbeddingKernel.Backward();
      case LAYER_NORM_F32 -> new LayerNormKernel();
      case LAYER_NORM_BACKWARD_F32 -> new LayerNormKernel.Backward();
      case RMS_NORM_F32 -> new RmsNormKernel();
      case RMS_NORM_BACKWARD_F32 -> new RmsNormKernel.Backward();
      case MATMUL_F32 -> new MatmulKernel();
      case COLUMN_SUM_F32 -> new ColumnSumKernel();
      case ATTENTION_F32 -> new AttentionKernel();
      case ATTENTION_BACKWARD_F32 -> new AttentionBackward();
      case ROPE_F32 -> new RopeKernel();
      case ACTIVATION_F32 -> new ActivationKernel();
      case ACTIVATION_BACKWARD_F32 -> new ActivationKernel.Backward();
      case GATED_ACTIVATION_F32 -> new GatedActivationKernel();
      case GATED_ACTIVATION_BACKWARD_F32 -> new GatedActivationKernel.Backward();
      case ADD_F32 -> new AddKernel();
      case DROPOUT_F32 -> new DropoutKernel();
      case ROUND_F32 -> new RoundKernel();
      case WIDEN_BF16 -> new RoundKernel.Widen();
      case CROSS_ENTROPY_F32 -> new CrossEntropyKernel();
      case CROSS_ENTROPY_BACKWARD_F32 -> new CrossEntropyKernel.Backward();
      case CROSS_ENTROPY_WITH_GRADIENT_F32 -> new CrossEntropyKernel.WithGradient();
      case CROSS_ENTROPY_CHUNK_F32 -> new CrossEntropyKernel.Chunk();
      case LOSS_SUM_F32 -> new LossSumKernel();
      case CACHE_APPEND_F32 -> new CacheAppendKernel();
      case SQUARE_SUM_F32 -> new SquareSumKernel();
      case GRADIENT_NORM_F32 -> new GradientNormKernel();
      case ADAMW_F32 -> new AdamWKernel();
      case SGD_F32 -> new SgdKernel();
      case MATMUL_INT8 -> new MatmulInt8Kernel();
      // These kernels compute in F32 alone, and no engine asks them for more.
      case MATMUL_BF16, ATTENTION_BF16, ATTENTION_BACKWARD_BF16 ->
          (record, part, parts) -> Status.BAD_PROGRAM;
    };
  }
}
