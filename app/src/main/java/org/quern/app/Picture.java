package org.quern.app;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;
import javax.imageio.ImageIO;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.internal.chartpart.Chart;

/** Writes a chart as PNG. */
final class Picture {
  private Picture() {}

  /**
   * Writes a picture.
   *
   * @param chart with its text
   * @param plain the same without, for systems on which none can be drawn
   */
  static void write(Path file, Supplier<Chart<?, ?>> chart, Supplier<BufferedImage> plain) {
    try (OutputStream out = Files.newOutputStream(file)) {
      ImageIO.write(image(chart, plain), "png", out);
    } catch (IOException e) {
      throw new AppException(
          "The picture " + file + " cannot be written (" + e.getMessage() + ").");
    }
  }

  private static BufferedImage image(Supplier<Chart<?, ?>> chart, Supplier<BufferedImage> plain) {
    try {
      return BitmapEncoder.getBufferedImage(chart.get());
    } catch (RuntimeException | InternalError | LinkageError noFonts) {
      // Text cannot be drawn where a system has no fonts, and AWT says so in all these ways.
      return plain.get();
    }
  }
}
