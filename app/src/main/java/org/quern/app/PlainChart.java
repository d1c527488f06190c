package org.quern.app;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Path2D;
import java.awt.image.BufferedImage;
import java.util.List;
import java.util.stream.DoubleStream;

/** Curves in a frame, without any text: for machines that have no fonts. */
final class PlainChart {
  private static final int MARGIN = 24;

  private final BufferedImage image;
  private final List<Curve> curves;
  private final double left;
  private final double right;
  private final double low;
  private final double high;

  /**
   * A line through points.
   *
   * @param x where each point is from left to right
   * @param y where it is from bottom to top, as many
   * @param color the line's
   */
  record Curve(List<Double> x, List<Double> y, Color color) {
    private DoubleStream across() {
      return x.stream().mapToDouble(Double::doubleValue);
    }

    private DoubleStream upward() {
      return y.stream().mapToDouble(Double::doubleValue);
    }
  }

  private PlainChart(int width, int height, List<Curve> curves) {
    image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    this.curves = curves;
    left = curves.stream().flatMapToDouble(Curve::across).min().orElse(0);
    right = curves.stream().flatMapToDouble(Curve::across).max().orElse(1);
    low = curves.stream().flatMapToDouble(Curve::upward).min().orElse(0);
    high = curves.stream().flatMapToDouble(Curve::upward).max().orElse(1);
  }

  /** A picture of the curves, as large as they let it be. */
  static BufferedImage draw(int width, int height, List<Curve> curves) {
    PlainChart chart = new PlainChart(width, height, curves);
    chart.draw();
    return chart.image;
  }

  private void draw() {
    Graphics2D graphics = image.createGraphics();
    graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
    graphics.setColor(Color.WHITE);
    graphics.fillRect(0, 0, image.getWidth(), image.getHeight());
    graphics.setColor(Color.GRAY);
    graphics.drawRect(
        MARGIN, MARGIN, image.getWidth() - 2 * MARGIN, image.getHeight() - 2 * MARGIN);
    graphics.setStroke(new BasicStroke(2));
    for (Curve curve : curves) {
      graphics.setColor(curve.color());
      graphics.draw(path(curve));
    }
    graphics.dispose();
  }

  private Path2D path(Curve curve) {
    Path2D path = new Path2D.Double();
    for (int index = 0; index < curve.x().size(); index++) {
      double x = place(curve.x().get(index), left, right, image.getWidth());
      double y = image.getHeight() - place(curve.y().get(index), low, high, image.getHeight());
      if (index == 0) {
        path.moveTo(x, y);
      } else {
        path.lineTo(x, y);
      }
    }
    return path;
  }

  private static double place(double value, double least, double most, int size) {
    double share = most > least ? (value - least) / (most - least) : 0.5;
    return MARGIN + share * (size - 2 * MARGIN);
  }
}
