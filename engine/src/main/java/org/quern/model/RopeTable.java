package org.quern.model;

/**
 * The cosines and sines of rotary positions: {@code [positions, R]}, a row holding R/2 cosines and
 * then R/2 sines. Angles are computed in double.
 */
final class RopeTable {
  private RopeTable() {}

  static float[] of(int positions, int rotated, double theta, RopeScaling scaling) {
    int half = rotated / 2;
    double[] frequencies = new double[half];
    for (int index = 0; index < half; index++) {
      frequencies[index] = scale(Math.pow(theta, -2.0 * index / rotated), scaling);
    }
    float[] table = new float[Math.multiplyExact(positions, rotated)];
    for (int position = 0; position < positions; position++) {
      for (int index = 0; index < half; index++) {
        double angle = position * frequencies[index];
        table[position * rotated + index] = (float) Math.cos(angle);
        table[position * rotated + half + index] = (float) Math.sin(angle);
      }
    }
    return table;
  }

  private static double scale(double frequency, RopeScaling scaling) {
    return switch (scaling) {
      case RopeScaling.None none -> frequency;
      case RopeScaling.Linear linear -> frequency / linear.factor();
      case RopeScaling.Llama3 llama3 -> scale(frequency, llama3);
    };
  }

  private static double scale(double frequency, RopeScaling.Llama3 scaling) {
    double wavelength = 2 * Math.PI / frequency;
    double context = scaling.originalContext();
    if (wavelength < context / scaling.highFrequencyFactor()) {
      return frequency;
    }
    if (wavelength > context / scaling.lowFrequencyFactor()) {
      return frequency / scaling.factor();
    }
    double smooth =
        (context / wavelength - scaling.lowFrequencyFactor())
            / (scaling.highFrequencyFactor() - scaling.lowFrequencyFactor());
    return (1 - smooth) * frequency / scaling.factor() + smooth * frequency;
  }
}
