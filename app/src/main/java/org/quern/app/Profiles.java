package org.quern.app;

import java.io.PrintWriter;
import org.quern.profile.ExecutionProfile;
import org.quern.profile.Profiler;
import org.quern.profile.Roofline;

/** Prints what was profiled. */
final class Profiles {
  /** Programs with less than this share of the profiled time are left out. */
  private static final double LEAST_SHARE = 0.05;

  private Profiles() {}

  /** The table of each program that took a good part of the time. */
  static void print(PrintWriter out, Profiler profiler, Roofline roofline) {
    double all = profiler.programs().stream().mapToDouble(ExecutionProfile::seconds).sum();
    for (ExecutionProfile program : profiler.programs()) {
      if (program.seconds() >= LEAST_SHARE * all) {
        out.println();
        out.print(program.table(roofline));
      }
    }
    out.flush();
  }
}
