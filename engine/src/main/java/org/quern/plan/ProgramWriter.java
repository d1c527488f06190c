package org.quern.plan;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.ToLongFunction;
import org.quern.ir.GraphException;
import org.quern.ir.Node;
import org.quern.ir.Precision;
import org.quern.ir.RecordWriter;
import org.quern.ir.Value;

/** Writes a plan as records, each with absolute addresses. */
public final class ProgramWriter {
  private final Plan plan;
  private final Precision precision;
  private final ToLongFunction<Value> addresses;
  private final long step;
  private final long work;

  /**
   * A writer for one linked program.
   *
   * @param plan what to write
   * @param precision how products are computed
   * @param addresses the address of the first byte of each value
   * @param step the address of the step block
   * @param work the address of the workers' scratch
   */
  public ProgramWriter(
      Plan plan, Precision precision, ToLongFunction<Value> addresses, long step, long work) {
    this.plan = plan;
    this.precision = precision;
    this.addresses = addresses;
    this.step = step;
    this.work = work;
  }

  /** Writes {@link Plan#programBytes} bytes of records. */
  public void write(MemorySegment program) {
    for (Node node : plan.graph().nodes()) {
      MemorySegment record = program.asSlice(node.id() * RecordLayout.BYTES, RecordLayout.BYTES);
      int flags =
          (plan.barrierAfter(node) ? RecordLayout.FLAG_BARRIER : 0)
              | (node.onUpdate() ? RecordLayout.FLAG_ON_UPDATE : 0)
              | (plan.isCommitted(node) ? RecordLayout.FLAG_COMMITTED : 0)
              | (plan.isFusedWithNext(node) ? RecordLayout.FLAG_FUSED : 0);
      int kernel = precision.kernel(node.op().kernel()).ordinal();
      record.set(ValueLayout.JAVA_INT, RecordLayout.KERNEL, kernel);
      record.set(ValueLayout.JAVA_INT, RecordLayout.FLAGS, flags);
      record.set(ValueLayout.JAVA_INT, RecordLayout.NODE, node.id());
      record.set(ValueLayout.JAVA_LONG, RecordLayout.STEP, step);
      record.set(ValueLayout.JAVA_LONG, RecordLayout.WORK, work);
      Operands operands = new Operands(node, record);
      node.op().lower(node, operands);
      record.set(ValueLayout.JAVA_INT, RecordLayout.ASSIGNED, operands.assigned);
    }
  }

  private final class Operands implements RecordWriter {
    private final Node node;
    private final MemorySegment record;
    private int assigned;
    private int pointers;
    private int integers;
    private int floats;

    Operands(Node node, MemorySegment record) {
      this.node = node;
      this.record = record;
    }

    @Override
    public void pointer(Value value, long offset) {
      long address =
          value.isNone() ? 0 : addresses.applyAsLong(value) + offset * value.dtype().bytes();
      check(pointers < RecordLayout.POINTER_COUNT);
      if (node.assigns(value)) {
        assigned |= 1 << pointers;
      }
      record.set(
          ValueLayout.JAVA_LONG, RecordLayout.POINTERS + (long) Long.BYTES * pointers++, address);
    }

    @Override
    public void integer(long value) {
      check(integers < RecordLayout.INTEGER_COUNT);
      record.set(
          ValueLayout.JAVA_LONG, RecordLayout.INTEGERS + (long) Long.BYTES * integers++, value);
    }

    @Override
    public void real(float value) {
      check(floats < RecordLayout.FLOAT_COUNT);
      record.set(
          ValueLayout.JAVA_FLOAT, RecordLayout.FLOATS + (long) Float.BYTES * floats++, value);
    }

    private void check(boolean fits) {
      if (!fits) {
        throw new GraphException(node + " has more operands than a record holds.");
      }
    }
  }
}
