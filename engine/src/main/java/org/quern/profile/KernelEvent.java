package org.quern.profile;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** What one worker did for one record. Emitted after the run, so the times are fields. */
@Name("org.quern.Kernel")
@Label("Kernel")
@Category("Quern")
@Description(
    "One record of a program on one worker; off unless enabled, since it times each record")
@Enabled(false)
@StackTrace(false)
final class KernelEvent extends Event {
  @Label("Operation")
  String operation = "";

  @Label("Kernel")
  String kernel = "";

  @Label("Program")
  String program = "";

  @Label("Run")
  @Description("The number of the run since the program was first timed")
  long run;

  @Label("Node")
  int node;

  @Label("Worker")
  int worker;

  @Label("Start")
  @Description("From the beginning of the run")
  @Timespan(Timespan.NANOSECONDS)
  long start;

  @Label("Time")
  @Description("In the kernel")
  @Timespan(Timespan.NANOSECONDS)
  long time;

  @Label("Wait")
  @Description("At the barrier after the kernel")
  @Timespan(Timespan.NANOSECONDS)
  long wait;

  @Label("Work")
  @Description("Floating-point operations of all workers together, in GFLOP")
  double gflop;
}
