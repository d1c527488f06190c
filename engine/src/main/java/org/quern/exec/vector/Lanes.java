package org.quern.exec.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** The vectors that every kernel uses: the widest that the CPU prefers, unless a property says. */
final class Lanes {
  /**
   * System property: the bits of a vector, 64, 128, 256 or 512. What the CPU lacks is slow, but
   * right.
   */
  static final String BITS_PROPERTY = "quern.vector.bits";

  static final VectorSpecies<Float> FLOATS = VectorSpecies.of(float.class, shape());

  /** Lanes of a vector. */
  static final int COUNT = FLOATS.length();

  /** Bytes of a vector. */
  static final long BYTES = 4L * COUNT;

  private Lanes() {}

  private static VectorShape shape() {
    int preferred = Math.min(512, FloatVector.SPECIES_PREFERRED.vectorBitSize());
    int bits = Integer.getInteger(BITS_PROPERTY, preferred);
    return VectorShape.forBitSize(Integer.highestOneBit(Math.clamp(bits, 64, 512)));
  }
}
