package org.quern.app;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The loss curve of a run as a picture, from its log. */
final class LossChart {
  private static final int WIDTH = 1000;
  private static final int HEIGHT = 600;
  private static final int POINTS = 400;

  private final Path log;
  private final double unigramEntropy;
  private final List<Double> steps = new ArrayList<>();
  private final List<Double> losses = new ArrayList<>();
  private final List<Double> evaluatedSteps = new ArrayList<>();
  private final List<Double> evaluatedLosses = new ArrayList<>();

  LossChart(Path log, double unigramEntropy) {
    this.log = log;
    this.unigramEntropy = unigramEntropy;
  }

  void write(Path picture) {
    read();
    Picture.write(picture, this::chart, this::plain);
  }

  private XYChart chart() {
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title("Loss")
            .xAxisTitle("step")
            .yAxisTitle("nats a token")
            .build();
    chart.getStyler().setLegendPosition(Styler.LegendPosition.InsideNE);
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    addLine(chart, "training, mean of neighbours", averaged(steps), averaged(losses));
    if (!evaluatedSteps.isEmpty()) {
      chart
          .addSeries("held-out text", evaluatedSteps, evaluatedLosses)
          .setMarker(SeriesMarkers.CIRCLE);
    }
    chart
        .addSeries("unigram entropy", List.of(0.0, lastStep()), unigram())
        .setMarker(SeriesMarkers.NONE)
        .setLineStyle(
            new BasicStroke(
                1.5f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1, new float[] {6, 6}, 0));
    return chart;
  }

  /** The same curves without text. */
  BufferedImage plain() {
    return PlainChart.draw(
        WIDTH,
        HEIGHT,
        List.of(
            new PlainChart.Curve(List.of(0.0, lastStep()), unigram(), Color.LIGHT_GRAY),
            new PlainChart.Curve(averaged(steps), averaged(losses), Color.BLUE),
            new PlainChart.Curve(evaluatedSteps, evaluatedLosses, Color.RED)));
  }

  private double lastStep() {
    return steps.isEmpty() ? 1 : steps.getLast();
  }

  private List<Double> unigram() {
    return List.of(unigramEntropy, unigramEntropy);
  }

  private static void addLine(XYChart chart, String name, List<Double> x, List<Double> y) {
    if (!x.isEmpty()) {
      chart.addSeries(name, x, y).setMarker(SeriesMarkers.NONE);
    }
  }

  private void read() {
    JsonMapper mapper = new JsonMapper();
    try (BufferedReader reader = Files.newBufferedReader(log)) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        JsonNode entry = mapper.readTree(line);
        double step = entry.path("step").asDouble();
        steps.add(step);
        losses.add(entry.path("loss").asDouble());
        if (entry.path("val_loss").isNumber()) {
          evaluatedSteps.add(step);
          evaluatedLosses.add(entry.path("val_loss").asDouble());
        }
      }
    } catch (IOException e) {
      throw new AppException("The log " + log + " cannot be read (" + e.getMessage() + ").");
    }
  }

  private int group() {
    return Math.max(1, steps.size() / POINTS);
  }

  /** Means of neighbours: one batch's loss says little. */
  private List<Double> averaged(List<Double> values) {
    List<Double> means = new ArrayList<>();
    int group = group();
    for (int start = 0; start + group <= values.size(); start += group) {
      means.add(
          values.subList(start, start + group).stream()
              .mapToDouble(Double::doubleValue)
              .average()
              .orElse(0));
    }
    return means;
  }
}
