package org.quern.app;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.style.Styler;

/** Contests as a picture: for each, how many times our time everyone takes. */
final class ContestChart {
  private static final int LEAST_WIDTH = 1000;
  private static final int WIDTH_OF_A_LABEL = 110;
  private static final int HEIGHT = 600;

  private final List<ContestResult> results;

  ContestChart(List<ContestResult> results) {
    this.results = List.copyOf(results);
  }

  void write(Path picture) {
    Picture.write(picture, this::chart, this::plain);
  }

  private record Bar(String label, String who, double ratio) {}

  private List<Bar> bars() {
    List<Bar> bars = new ArrayList<>();
    for (ContestResult result : results) {
      for (String part : result.parts()) {
        Contest contest = result.contest();
        String label =
            (part.equals("prefill_ms") ? "prefill" : contest.work().toString())
                + " "
                + Path.of(contest.model()).getFileName()
                + " "
                + contest.batch()
                + " x "
                + contest.context()
                + " "
                + contest.precision();
        for (ContestResult.Row row : result.rows()) {
          bars.add(new Bar(label, row.name(), result.ratio(row, part)));
        }
      }
    }
    return bars;
  }

  private int width() {
    long labels = bars().stream().map(Bar::label).distinct().count();
    return Math.max(LEAST_WIDTH, WIDTH_OF_A_LABEL * (int) labels);
  }

  private CategoryChart chart() {
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(width())
            .height(HEIGHT)
            .title("Time taken, as a multiple of Quern's (lower is faster)")
            .yAxisTitle("ratio of medians")
            .build();
    chart.getStyler().setLegendPosition(Styler.LegendPosition.OutsideE);
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    chart.getStyler().setXAxisLabelRotation(20);
    List<Bar> bars = bars();
    List<String> labels = bars.stream().map(Bar::label).distinct().toList();
    for (String who : bars.stream().map(Bar::who).distinct().toList()) {
      List<Double> ratios =
          labels.stream()
              .map(label ->
                  bars.stream()
                      .filter(bar -> bar.label().equals(label) && bar.who().equals(who))
                      .mapToDouble(Bar::ratio)
                      .findFirst()
                      .orElse(0))
              .toList();
      chart.addSeries(who, labels, ratios);
    }
    return chart;
  }

  /** The same bars without text. */
  BufferedImage plain() {
    List<Bar> bars = bars();
    List<PlainChart.Curve> curves =
        IntStream.range(0, bars.size())
            .mapToObj(index ->
                new PlainChart.Curve(
                    List.of(index + 1.0, index + 1.0),
                    List.of(0.0, bars.get(index).ratio()),
                    bars.get(index).who().equals(Contestant.OURS) ? Color.BLUE : Color.RED))
            .toList();
    return PlainChart.draw(width(), HEIGHT, curves);
  }
}
