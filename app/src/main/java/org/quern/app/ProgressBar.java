package org.quern.app;

import java.io.PrintWriter;
import java.util.Locale;
import org.quern.train.StepReport;

/** A bar on a terminal's last line, drawn a few times a second. */
final class ProgressBar {
  private static final long REDRAW_NANOS = 100_000_000L;
  private static final int CELLS = 16;

  /** Back to the line's beginning, and what is there erased. */
  private static final String CLEAR = "\r\u001b[K";

  private final PrintWriter out;
  private long drawn;
  private boolean shown;

  ProgressBar(PrintWriter out) {
    this.out = out;
  }

  void update(StepReport report) {
    long now = System.nanoTime();
    if (now - drawn >= REDRAW_NANOS || report.step() == report.steps()) {
      drawn = now;
      shown = true;
      out.print(CLEAR + text(report));
      out.flush();
    }
  }

  /** Makes room for other lines; the next update draws the bar below them. */
  void clear() {
    if (shown) {
      shown = false;
      drawn = 0;
      out.print(CLEAR);
      out.flush();
    }
  }

  /** The bar as text: step, loss, tokens a second, time left. */
  static String text(StepReport report) {
    int full = (int) (CELLS * report.step() / report.steps());
    return String.format(
        Locale.ROOT,
        "[%s%s] %,d/%,d  loss %.3f  %,.0f tokens/s  %s left",
        "=".repeat(full),
        " ".repeat(CELLS - full),
        report.step(),
        report.steps(),
        report.loss(),
        report.tokensPerSecond(),
        time(report.remaining().toSeconds()));
  }

  /** Seconds as {@code 0:07} or {@code 1:02:03}. */
  static String time(long seconds) {
    return seconds < 3600
        ? String.format(Locale.ROOT, "%d:%02d", seconds / 60, seconds % 60)
        : String.format(
            Locale.ROOT, "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
  }
}
