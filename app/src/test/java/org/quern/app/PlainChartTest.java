package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.util.List;
import org.junit.jupiter.api.Test;

final class PlainChartTest {
  @Test
  void curvesLieWhereTheirPointsAre() {
    PlainChart.Curve rising =
        new PlainChart.Curve(List.of(0.0, 10.0), List.of(1.0, 3.0), Color.BLUE);
    PlainChart.Curve flat = new PlainChart.Curve(List.of(0.0, 10.0), List.of(1.0, 1.0), Color.RED);
    BufferedImage image = PlainChart.draw(200, 100, List.of(rising, flat));
    assertThat(image.getWidth()).isEqualTo(200);
    assertThat(image.getHeight()).isEqualTo(100);
    assertThat(image.getRGB(3, 3)).isEqualTo(Color.WHITE.getRGB());
    Color middle = new Color(image.getRGB(100, 50));
    assertThat(middle.getBlue()).isGreaterThan(middle.getRed());
    Color bottom = new Color(image.getRGB(100, 76));
    assertThat(bottom.getRed()).isGreaterThan(bottom.getBlue());
  }

  @Test
  void nothingAndASinglePointAreDrawnToo() {
    assertThat(PlainChart.draw(60, 60, List.of()).getRGB(30, 30)).isEqualTo(Color.WHITE.getRGB());
    PlainChart.Curve point = new PlainChart.Curve(List.of(1.0), List.of(2.0), Color.RED);
    assertThat(PlainChart.draw(60, 60, List.of(point)).getWidth()).isEqualTo(60);
  }
}
