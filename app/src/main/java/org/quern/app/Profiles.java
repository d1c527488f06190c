package org.quern.app;

import java.io.PrintWriter;
import org.quern.profile.ExecutionProfile;
import org.quern.profile.Profiler;
import org.quern.profile.Roofline;

/** Prints what was profiled. */
final class Profiles {
  /** Programs with less than this share of the profiled time are left out, but for one. */
  private static final double LEAST_SHARE = 0.05;

  private Profiles() {}

  /** The table of each program that took a good part of the time, and of that which ran most. */
  static void print(PrintWriter out, Profiler profiler, Roofline roofline) {
    double all = profiler.programs().stream().mapToDouble(ExecutionProfile::seconds).sum();
    long most = profiler.programs().stream().mapToLong(ExecutionProfile::runs).max().orElse(0);
    for (ExecutionProfile program : profiler.programs()) {
      if (program.seconds() >= LEAST_SHARE * all || program.runs() == most) {
        out.println();
        out.print(program.table(roofline));
      }
    }
    out.flush();
  }
}
