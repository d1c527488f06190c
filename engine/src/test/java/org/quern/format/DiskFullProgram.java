package org.quern.format;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.quern.format.SafetensorsWriter.Tensor;
import org.quern.ir.Shape;

/** Writes into a folder with less than 300 KiB of room; prints what came of it, a line a step. */
final class DiskFullProgram {
  private DiskFullProgram() {}

  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    int small = 1_000;
    int large = 20_000;
    try (Arena arena = Arena.ofConfined()) {
      List<Tensor> fits = List.of(Tensor.f32("a", Shape.of(small), arena.allocate(small * 4L)));
      List<Tensor> tooMuch =
          List.of(
              Tensor.f32("a", Shape.of(large), arena.allocate(large * 4L)),
              Tensor.f32("b", Shape.of(large), arena.allocate(large * 4L)),
              Tensor.f32("c", Shape.of(large), arena.allocate(large * 4L)),
              Tensor.f32("d", Shape.of(large), arena.allocate(large * 4L)));
      SafetensorsWriter one = SafetensorsWriter.standard();
      SafetensorsWriter many = one.withShardBytes(large * 4L);
      Map<String, String> hugeConfig = Map.of("x", "y".repeat(400_000));
      report(folder, () -> one.writeModel(folder, fits));
      report(folder, () -> one.writeModel(folder, tooMuch));
      report(folder, () -> many.writeModel(folder, tooMuch));
      report(folder, () -> ConfigJson.write(folder.resolve("config.json"), hugeConfig));
    }
    try (ModelWeights weights = ModelWeights.open(folder)) {
      System.out.println("kept " + weights.tensor("a").shape());
    }
  }

  private static void report(Path folder, Runnable step) throws IOException {
    String outcome = "written";
    try {
      step.run();
    } catch (FormatException failed) {
      outcome = failed.getMessage();
    }
    try (var files = Files.list(folder)) {
      System.out.println(
          files.map(file -> file.getFileName().toString()).sorted().toList() + " " + outcome);
    }
  }
}
