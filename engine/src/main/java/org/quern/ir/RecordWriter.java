package org.quern.ir;

/** Receives the operands of one kernel call, in the order of the kernel's contract. */
public interface RecordWriter {
  /** Appends a pointer to the first element of {@code value}; null for {@link Value#NONE}. */
  default void pointer(Value value) {
    pointer(value, 0);
  }

  /** Appends a pointer to element {@code offset} of {@code value}. */
  void pointer(Value value, long offset);

  /** Appends an integer. */
  void integer(long value);

  /** Appends several integers. */
  default void integers(long... values) {
    for (long value : values) {
      integer(value);
    }
  }

  /** Appends a floating-point number. */
  void real(float value);
}
