package org.quern.profile;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** One run of a program, with its duration. */
@Name("org.quern.Program")
@Label("Program")
@Category("Quern")
@Description("One run of a program: a training step, a piece of a prompt, a token")
@StackTrace(false)
final class ProgramEvent extends Event {
  @Label("Program")
  String program = "";

  @Label("Records")
  int records;

  @Label("Workers")
  int workers;
}
