package org.quern.app;

import java.util.Arrays;
import java.util.stream.Collectors;

/** What a model is computed in. */
enum Precision {
  F32("f32");

  private final String text;

  Precision(String text) {
    this.text = text;
  }

  static Precision parse(String name) {
    return Arrays.stream(values())
        .filter(precision -> precision.text.equals(name))
        .findFirst()
        .orElseThrow(() ->
            new AppException(
                "There is no precision "
                    + name
                    + " here; choose "
                    + Arrays.stream(values())
                        .map(Precision::toString)
                        .collect(Collectors.joining(" or "))
                    + "."));
  }

  @Override
  public String toString() {
    return text;
  }
}
