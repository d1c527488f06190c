package org.quern.exec.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.quern.exec.Status;
import org.quern.ir.Kernel;
import org.quern.memory.Slab;
import org.quern.memory.SlabAllocator;
import org.quern.plan.RecordLayout;

/**
 * Operands and records for one kernel call. Each operand ends where a page begins that must not be
 * touched.
 */
final class KernelRig implements AutoCloseable {
  static final int MOST_PARTS = 4;

  private static final long GUARD = 1 << 16;
  private static final long BYTES = 192L << 20;

  private final SlabAllocator allocator = new SlabAllocator(Long.MAX_VALUE);
  private final Slab slab = allocator.allocate("kernel test", BYTES);
  private final List<long[]> operands = new ArrayList<>();
  private long end;

  final SplittableRandom random;
  final long step;
  final long work;

  KernelRig(long seed) {
    random = new SplittableRandom(seed);
    step = block(128);
    work = block(MOST_PARTS * Fields.WORK_BYTES);
    operands.clear();
    Memory.setFloat(step + Fields.STEP_LOSS_SCALE, 1);
    Memory.setFloat(step + Fields.STEP_CLIP_SCALE, 1);
    // A kernel must not depend on what its scratch held before.
    Memory.fill(work, MOST_PARTS * Fields.WORK_BYTES, Float.NaN);
  }

  /** Bytes that end at a guard. */
  long block(long bytes) {
    long size = (bytes + GUARD - 1) / GUARD * GUARD;
    assertThat(end + size + GUARD).isLessThanOrEqualTo(BYTES);
    long address = slab.address() + end + size - bytes;
    slab.guard(end + size, GUARD);
    end += size + GUARD;
    operands.add(new long[] {address, bytes});
    return address;
  }

  long floats(float... values) {
    long address = block(4L * values.length);
    for (int i = 0; i < values.length; i++) {
      Memory.setFloat(address + 4L * i, values[i]);
    }
    return address;
  }

  long ints(int... values) {
    long address = block(4L * values.length);
    for (int i = 0; i < values.length; i++) {
      Memory.setInt(address + 4L * i, values[i]);
    }
    return address;
  }

  /** Normal-looking values: sums of four uniform numbers, of variance 1. */
  float[] normal(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      double sum = -2;
      for (int j = 0; j < 4; j++) {
        sum += random.nextDouble();
      }
      values[i] = (float) (sum * Math.sqrt(3));
    }
    return values;
  }

  /** An operand of values that no kernel may take for its own result. */
  long output(int count) {
    float[] values = new float[count];
    Arrays.fill(values, Float.NaN);
    return floats(values);
  }

  float[] read(long address, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = Memory.getFloat(address + 4L * i);
    }
    return values;
  }

  long record(Kernel kernel, long[] pointers, long[] integers, float... floats) {
    long record = block(RecordLayout.BYTES);
    operands.removeLast();
    write(record, kernel, pointers, integers, floats);
    return record;
  }

  void write(long record, Kernel kernel, long[] pointers, long[] integers, float... floats) {
    Memory.setInt(record, kernel.ordinal());
    Memory.setLong(record + 16, step);
    Memory.setLong(record + 24, work);
    for (int i = 0; i < pointers.length; i++) {
      Memory.setLong(record + 32 + 8L * i, pointers[i]);
    }
    for (int i = 0; i < integers.length; i++) {
      Memory.setLong(record + 112 + 8L * i, integers[i]);
    }
    for (int i = 0; i < floats.length; i++) {
      Memory.setFloat(record + 224 + 4L * i, floats[i]);
    }
  }

  /** Runs all parts, one after the other. */
  static int run(long record, int parts) {
    ProgramRecord fields = new ProgramRecord();
    fields.read(record);
    VectorKernel kernel = VectorWalker.kernel(Kernel.values()[fields.kernel()]);
    int status = Status.OK;
    for (int part = 0; part < parts; part++) {
      status = Math.max(status, kernel.run(fields, part, parts));
    }
    return status;
  }

  /** Runs with 1 to 4 parts from the same operands, and expects the same bits each time. */
  void run(long record) {
    List<byte[]> before = snapshot();
    assertThat(run(record, 1)).isEqualTo(Status.OK);
    List<byte[]> first = snapshot();
    for (int parts = 2; parts <= MOST_PARTS; parts++) {
      restore(before);
      assertThat(run(record, parts)).isEqualTo(Status.OK);
      List<byte[]> now = snapshot();
      for (int i = 0; i < now.size(); i++) {
        assertThat(now.get(i)).as("operand %d of %d parts", i, parts).isEqualTo(first.get(i));
      }
    }
  }

  private List<byte[]> snapshot() {
    List<byte[]> contents = new ArrayList<>();
    for (long[] operand : operands) {
      byte[] bytes = new byte[(int) operand[1]];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = Memory.ALL.get(ValueLayout.JAVA_BYTE, operand[0] + i);
      }
      contents.add(bytes);
    }
    return contents;
  }

  private void restore(List<byte[]> contents) {
    for (int i = 0; i < contents.size(); i++) {
      byte[] bytes = contents.get(i);
      long address = operands.get(i)[0];
      for (int j = 0; j < bytes.length; j++) {
        Memory.ALL.set(ValueLayout.JAVA_BYTE, address + j, bytes[j]);
      }
    }
  }

  /**
   * Expects floats within {@code relative} of the expected ones' largest magnitude, which counts as
   * 0.1 at least: a sum that should cancel leaves its terms' rounding, and they are of order 1.
   */
  void expect(String what, long address, double[] expected, double relative) {
    double largest = 0.1;
    for (double value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < expected.length; i++) {
      float actual = Memory.getFloat(address + 4L * i);
      if (Double.isNaN(expected[i])) {
        assertThat(actual).as("%s[%d]", what, i).isNaN();
      } else if (Math.abs(actual - expected[i]) > relative * largest || Float.isNaN(actual)) {
        assertThat((double) actual)
            .as("%s[%d] of %d", what, i, expected.length)
            .isCloseTo(expected[i], within(relative * largest));
      }
    }
  }

  static double[] doubles(float[] values) {
    double[] result = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      result[i] = values[i];
    }
    return result;
  }

  @Override
  public void close() {
    slab.close();
    allocator.close();
  }
}
