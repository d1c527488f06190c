package org.quern.profile;

import java.util.List;
import java.util.Locale;

/** A profile as a table: operations by time, and beneath the larger ones their shapes. */
final class ProfileTable {
  /** Operations below this share of a run are not split by shape, nor are such shapes shown. */
  private static final double SPLIT = 0.02;

  /** Characters of the first column, unless a name is longer. */
  private static final int NAME_WIDTH = 40;

  private final ExecutionProfile profile;
  private final Roofline roofline;
  private final long runs;
  private final double seconds;
  private final int width;
  private final StringBuilder text = new StringBuilder();

  private ProfileTable(ExecutionProfile profile, Roofline roofline) {
    this.profile = profile;
    this.roofline = roofline;
    this.runs = Math.max(1, profile.runs());
    this.seconds = profile.seconds();
    this.width =
        profile.operations().stream()
            .mapToInt(operation -> operation.name().length())
            .reduce(NAME_WIDTH, Math::max);
  }

  static String of(ExecutionProfile profile, Roofline roofline) {
    return new ProfileTable(profile, roofline).write();
  }

  private String write() {
    List<OperationTime> operations = profile.operations();
    OperationTime all = new OperationTime("all operations", profile.records());
    line(
        "Profile of a %s: %d %s of %.3f ms (mean), %d records, %d %s",
        profile.title(),
        profile.runs(),
        profile.runs() == 1 ? "run" : "runs",
        milliseconds(seconds),
        profile.plan().graph().nodes().size(),
        profile.workers(),
        profile.workers() == 1 ? "thread" : "threads");
    line("Roofline: %s", roofline);
    line(
        "%-" + width + "s %6s %9s %7s %8s %8s %7s %8s",
        "operation",
        "count",
        "ms",
        "share",
        "wait ms",
        "GFLOP/s",
        "GB/s",
        "roofline");
    for (OperationTime operation : operations) {
      row("", operation);
      List<OperationTime> shapes = operation.byShape();
      if (shapes.size() > 1 && operation.seconds() >= SPLIT * seconds) {
        shapes.stream()
            .filter(shape -> shape.seconds() >= SPLIT * seconds)
            .forEach(shape -> row("  ", shape));
      }
    }
    row("", all);
    rest("waiting at barriers", all.waitSeconds());
    rest("waking workers, between records", seconds - all.seconds() - all.waitSeconds());
    return text.toString();
  }

  private void row(String indent, OperationTime operation) {
    if (operation.count() > 0) {
      line(
          "%-" + width + "s %6s %9.3f %5.1f %% %8.3f %8s %7s %6.0f %%",
          indent + operation.name(),
          count(operation),
          milliseconds(operation.seconds()),
          share(operation.seconds()),
          milliseconds(operation.waitSeconds()),
          giga(operation.flopsPerSecond()),
          giga(operation.bytesPerSecond()),
          100 * operation.shareOf(roofline));
    }
  }

  private void rest(String what, double part) {
    line("%-" + width + "s %6s %9.3f %5.1f %%", what, "", milliseconds(part), share(part));
  }

  /** Records a run; not whole where some runs leave the optimizer out. */
  private String count(OperationTime operation) {
    return operation.count() % runs == 0
        ? Long.toString(operation.count() / runs)
        : String.format(Locale.ROOT, "%.1f", (double) operation.count() / runs);
  }

  private double milliseconds(double part) {
    return part * 1e3 / runs;
  }

  private double share(double part) {
    return seconds > 0 ? 100 * part / seconds : 0;
  }

  private static String giga(double rate) {
    return rate > 0 ? String.format(Locale.ROOT, "%.1f", rate / 1e9) : "-";
  }

  private void line(String format, Object... values) {
    text.append(String.format(Locale.ROOT, format, values).stripTrailing()).append('\n');
  }
}
