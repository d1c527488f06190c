package org.quern.app;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command line. */
@Command(
    name = "quern",
    description = "Trains language models and writes text with them, on the CPU of this machine.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    footer = {
      "",
      "Exit codes: 0 done, 1 failed, 2 called wrongly, 130 stopped by Ctrl-C.",
      "",
      "Examples:",
      "  quern train                        train a small model for two minutes",
      "  quern generate runs/last 'class '  write text with it",
      "  quern doctor                       see what the engine runs on",
      "  quern bench train                  see how fast it is"
    })
public final class Main implements Runnable {
  /** Whether errors come with a stack trace. */
  @Option(
      names = "--stacktrace",
      scope = ScopeType.INHERIT,
      description = "Print the stack trace of an error.")
  boolean stackTrace;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public void run() {
    spec.commandLine().usage(spec.commandLine().getOut());
  }

  /** Text as UTF-8, whatever the locale: models write all languages. */
  private static PrintWriter writer(OutputStream stream) {
    return new PrintWriter(new OutputStreamWriter(stream, StandardCharsets.UTF_8), true);
  }

  /** Runs a command: 0 if it did what it should, 1 if not, 2 for a wrong call. */
  static int run(PrintWriter out, PrintWriter err, String... arguments) {
    Optional<GenerateCommand> plain = PlainCall.read(arguments);
    int code =
        plain.isPresent()
            ? run(plain.get(), out, err)
            : Commands.of(arguments).setOut(out).setErr(err).execute(arguments);
    out.flush();
    err.flush();
    return code;
  }

  private static int run(GenerateCommand command, PrintWriter out, PrintWriter err) {
    try {
      return command.run(out, err);
    } catch (RuntimeException e) {
      Errors.failure(e, out, err, false);
    } catch (OutOfMemoryError e) {
      Errors.heapIsFull(e, out, err, false);
    }
    return CommandLine.ExitCode.SOFTWARE;
  }

  /** The same; a command whose output is lost has failed. */
  static int run(StandardOutput out, OutputStream err, String... arguments) {
    PrintWriter errors = writer(err);
    int code = run(writer(out), errors, arguments);
    Optional<String> complaint = out.complaint();
    if (complaint.isEmpty()) {
      return code;
    }
    errors.println(complaint.get());
    return code == 0 ? CommandLine.ExitCode.SOFTWARE : code;
  }

  /** Runs a command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(
        run(StandardOutput.ofProcess(), new FileOutputStream(FileDescriptor.err), arguments));
  }
}
