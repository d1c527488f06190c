package org.quern.peers;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A matrix product as Quern's {@code bench matmul} names it: {@code [M, N] = [M, K] [K, N]}.
 *
 * @param name the whole name
 * @param turnedA whether the first operand is stored as {@code [K, M]} (a weight's gradient, which
 *     is added to the result)
 * @param turnedB whether the second is stored as {@code [N, K]} (an input's gradient)
 * @param m rows of the result
 * @param n columns of the result
 * @param k what is summed over
 */
record Product(String name, boolean turnedA, boolean turnedB, int m, int n, int k) {
  private static final int LEAST_WARMUP = 2;
  private static final int LEAST = 5;
  private static final double SECONDS = 0.5;

  /** What multiplies: made for a product, run, and closed. */
  interface Multiplier extends AutoCloseable {
    void multiply();

    @Override
    void close();
  }

  /** Makes what multiplies. */
  interface Factory {
    Multiplier open(Product product);
  }

  static Product parse(String name) {
    String[] parts = name.split(":", -1);
    String[] sizes = parts[1].split("x", -1);
    return new Product(
        name,
        parts[0].equals("dw"),
        parts[0].equals("dx"),
        Integer.parseInt(sizes[0]),
        Integer.parseInt(sizes[1]),
        Integer.parseInt(sizes[2]));
  }

  static float[] random(int size) {
    SplittableRandom random = new SplittableRandom(1);
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextDouble() - 0.5f;
    }
    return values;
  }

  /**
   * Times products that are named with commas between.
   *
   * @return members of the JSON object to print
   */
  static List<String> measure(String names, Factory factory) {
    List<String> rows = new ArrayList<>();
    double milliseconds = 0;
    for (String name : names.split(",", -1)) {
      Product product = parse(name);
      try (Multiplier multiplier = factory.open(product)) {
        double time =
            Measure.median(Measure.repeat(multiplier::multiply, LEAST_WARMUP, LEAST, SECONDS));
        milliseconds += time;
        double rate = 2.0 * product.m * product.n * product.k / time / 1e6;
        rows.add(
            "{"
                + Measure.member("shape", name)
                + ","
                + Measure.member("ms", time)
                + ","
                + Measure.member("gflops", rate)
                + "}");
      }
    }
    return List.of(
        Measure.member("ms_per_step", milliseconds), "\"shapes\":[" + String.join(",", rows) + "]");
  }
}
