package org.quern.app;

import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.quern.Engine;
import org.quern.EngineException;
import org.quern.Work;
import org.quern.exec.ExecutionException;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.exec.vector.VectorKernels;
import org.quern.memory.AvailableMemory;
import org.quern.memory.Bytes;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code quern doctor}. */
@Command(
    name = "doctor",
    description = "Tells what the engine runs on here: what was chosen, why, how to change it.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    footer = {"", "Examples:", "  quern doctor --max-isa scalar", "  quern doctor --measure"})
final class DoctorCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();
  @Mixin private EngineMixin engine = new EngineMixin();

  @Option(
      names = "--measure",
      description =
          "Measure what this machine does at most, in about a second: arithmetic, reading memory.")
  private boolean measure;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    line(out, "Quern", Version.number());
    line(
        out,
        "Java",
        System.getProperty("java.vm.name")
            + " "
            + Runtime.version()
            + " in "
            + System.getProperty("java.home"));
    line(
        out,
        "System",
        System.getProperty("os.name")
            + " "
            + System.getProperty("os.version")
            + ", "
            + System.getProperty("os.arch"));
    line(
        out,
        "Processors",
        Runtime.getRuntime().availableProcessors()
            + " for this process, a container's quota respected; --threads or QUERN_THREADS"
            + " changes the number of threads");
    memory(out);
    nativeLibrary(out);
    line(
        out,
        "Vector API",
        VectorKernels.isAvailable()
            ? VectorKernels.explanation()
            : "not loaded; QUERN_VECTOR=1 or --backend vector loads it");
    return conclusion(out);
  }

  private void memory(PrintWriter out) {
    long budget = engine.options().memoryBudget().orElseGet(AvailableMemory::bytes);
    line(
        out,
        "Memory",
        Bytes.toString(AvailableMemory.bytes())
            + " available, of which the engine may take "
            + Bytes.toString(budget)
            + "; --memory or QUERN_MEMORY changes that; the Java heap"
            + " is "
            + Bytes.toString(Runtime.getRuntime().maxMemory())
            + " at most");
  }

  private static void nativeLibrary(PrintWriter out) {
    NativeKernels kernels = NativeKernels.find();
    line(out, "Native library", kernels.explanation());
    kernels.attempts().forEach(attempt -> line(out, "", attempt));
    if (kernels.isLoaded()) {
      line(out, "  version", kernels.version());
      line(
          out,
          "  instruction set",
          kernels.bestTier().text()
              + ": "
              + kernels.tierExplanation()
              + " --max-isa or QUERN_MAX_ISA limits it.");
    }
  }

  /** What {@code auto} would take. */
  private String precision(Work work) {
    try (Engine open = Engine.open(engine.options().withPrecision("auto").withWork(work))) {
      String use = work == Work.TRAINING ? "For training, auto: " : "For writing, auto: ";
      return use + open.describe().precisionReason().orElse("f32 is all there is.");
    }
  }

  private int conclusion(PrintWriter out) {
    try (Engine open = engine.open()) {
      line(out, "Chosen", open.describe().summary());
      if (open.describe().backend().equals("native")) {
        line(out, "Precision", precision(Work.TRAINING) + " " + precision(Work.WRITING));
      }
      if (measure) {
        line(out, "Roofline", open.measureRoofline().toString());
      }
      return 0;
    } catch (EngineException | ExecutionException e) {
      line(out, "Chosen", "nothing: no engine can be opened like that.");
      throw e;
    } finally {
      out.flush();
    }
  }

  private static void line(PrintWriter out, String what, String text) {
    out.printf("%-18s %s%n", what, text);
  }
}
