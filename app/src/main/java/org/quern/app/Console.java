package org.quern.app;

import java.io.PrintWriter;

/**
 * Where a command prints.
 *
 * @param out results
 * @param err progress and notices
 */
record Console(PrintWriter out, PrintWriter err) {
  void say(String line) {
    out.println(line);
    out.flush();
  }

  void note(String line) {
    err.println(line);
    err.flush();
  }
}
