package org.quern.app;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A process for tests: notes its name in a file, prints a text, and ends with a code. */
public final class PrintingProgram {
  private PrintingProgram() {}

  /** Arguments: name, file, text, code. */
  public static void main(String[] arguments) throws IOException {
    Files.writeString(
        Path.of(arguments[1]),
        arguments[0] + "\n",
        StandardOpenOption.CREATE,
        StandardOpenOption.APPEND);
    System.out.println("This line is no result.");
    System.out.println(arguments[2]);
    System.err.println("The last words of " + arguments[0]);
    System.exit(Integer.parseInt(arguments[3]));
  }
}
