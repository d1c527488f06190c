package org.quern.ir;

/** Element types that a tensor can have, in memory or in a file. All are little-endian. */
public enum DType {
  /** IEEE 754 binary64; read from files, never computed with. */
  F64(8),
  /** IEEE 754 binary32: the type of computation. */
  F32(4),
  /** IEEE 754 binary16. */
  F16(2),
  /** bfloat16: the upper half of a binary32. */
  BF16(2),
  /** Signed 64-bit integer; read from files, never computed with. */
  I64(8),
  /** Signed 32-bit integer: token ids, labels and positions. */
  I32(4),
  /** Signed 16-bit integer. */
  I16(2),
  /** Signed 8-bit integer. */
  I8(1),
  /** Unsigned 8-bit integer. */
  U8(1),
  /** A byte that is zero or one, as masks in older model files are. */
  BOOL(1);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Size of one element in bytes. */
  public int bytes() {
    return bytes;
  }
}
