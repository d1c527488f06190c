package org.quern.ir.op;

import org.quern.ir.DType;
import org.quern.ir.GraphException;
import org.quern.ir.Op;
import org.quern.ir.Shape;
import org.quern.ir.Value;

/** What shape rules check, with messages that name the operation, the operand and its shape. */
final class Checks {
  private Checks() {}

  static void that(boolean holds, Op op, String what, Value value) {
    if (!holds) {
      throw new GraphException(op.name() + ": " + what + ", but got " + value + ".");
    }
  }

  static void type(Op op, String operand, Value value, DType dtype) {
    that(value.isNone() || value.dtype() == dtype, op, operand + " must be " + dtype, value);
  }

  static void f32(Op op, Value... values) {
    for (Value value : values) {
      type(op, "each operand", value, DType.F32);
    }
  }

  static void floats(Op op, String operand, Value value) {
    that(
        value.dtype() == DType.F32 || value.dtype() == DType.BF16,
        op,
        operand + " must be F32 or BF16",
        value);
  }

  static void shape(Op op, String operand, Value value, Shape expected) {
    that(value.shape().equals(expected), op, operand + " must be " + expected, value);
  }

  static void elements(Op op, String operand, Value value, long expected) {
    that(
        value.shape().elements() == expected,
        op,
        operand + " must have " + expected + " elements",
        value);
  }

  static void optionalElements(Op op, String operand, Value value, long expected) {
    if (!value.isNone()) {
      elements(op, operand, value, expected);
    }
  }

  static void starts(Op op, Value starts, int batch) {
    type(op, "starts", starts, DType.I32);
    optionalElements(op, "starts", starts, batch);
  }

  static void probability(Op op, float probability) {
    if (!(probability >= 0 && probability < 1)) {
      throw new GraphException(
          op.name() + ": a dropout probability must be in [0, 1), but is " + probability + ".");
    }
  }
}
