package org.quern.app;

import java.io.PrintWriter;

/**
 * Where a command prints.
 *
 * @param out results
 * @param err notices
 * @param terminal whether both are a terminal, where lines can be drawn over
 */
record Console(PrintWriter out, PrintWriter err, boolean terminal) {
  void say(String line) {
    out.println(line);
    out.flush();
  }

  void note(String line) {
    err.println(line);
    err.flush();
  }
}
