package org.quern.exec.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vectors that every kernel uses: the widest that the CPU prefers, or that a property allows.
 */
final class Lanes {
  /** System property: the most bits that a vector may have: 64, 128, 256 or 512. */
  static final String BITS_PROPERTY = "quern.vector.bits";

  static final VectorSpecies<Float> FLOATS = VectorSpecies.of(float.class, shape());
  static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);

  /** Lanes of a vector. */
  static final int COUNT = FLOATS.length();

  /** Bytes of a vector. */
  static final long BYTES = 4L * COUNT;

  private Lanes() {}

  private static VectorShape shape() {
    VectorShape preferred = FloatVector.SPECIES_PREFERRED.vectorShape();
    int most = Math.min(512, Integer.getInteger(BITS_PROPERTY, 512));
    if (preferred.vectorBitSize() <= most) {
      return preferred;
    }
    return VectorShape.forBitSize(Math.max(64, Integer.highestOneBit(Math.max(1, most))));
  }
}
