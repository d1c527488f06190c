package org.quern.check;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.quern.format.ConfigJson;
import org.quern.format.FormatException;
import org.quern.ir.Precision;
import org.quern.train.Optimizer;

/**
 * One case with known results: a model's folder with {@code inputs.safetensors} and {@code
 * case.json}, which says the task, the optimizer's settings and the tolerance.
 *
 * @param folder where it lies
 * @param name for messages
 * @param optimizer AdamW's settings
 * @param learningRate constant
 * @param steps how many updates on the same batch
 * @param tolerance the largest relative error in F32
 * @param halfTolerance the same in BF16, if the case says it
 */
record ReferenceCase(
    Path folder,
    String name,
    Optimizer.AdamW optimizer,
    float learningRate,
    int steps,
    double tolerance,
    Optional<HalfTolerance> halfTolerance) {

  /**
   * What errors BF16 is allowed.
   *
   * @param outputs of what the model gives
   * @param others of losses, gradients and parameters
   */
  record HalfTolerance(double outputs, double others) {}

  static ReferenceCase read(Path folder) {
    ConfigJson json = ConfigJson.read(folder.resolve("case.json"));
    String task = json.requireString("task");
    if (!task.equals("causal_lm")) {
      throw json.mismatch("task", "causal_lm, the only task so far");
    }
    ConfigJson adamw = json.requireObject("adamw");
    List<Double> betas = adamw.doubles("betas", 0, 1);
    if (betas.size() != 2) {
      throw adamw.mismatch("betas", "two numbers");
    }
    return new ReferenceCase(
        folder,
        json.optionalString("name", folder.toString()),
        new Optimizer.AdamW(
            betas.get(0).floatValue(),
            betas.get(1).floatValue(),
            (float) adamw.requireDouble("eps", 0, 1),
            (float) adamw.requireDouble("weight_decay", 0, 1)),
        (float) adamw.requireDouble("lr", 0, 1),
        adamw.requireInt("steps", 0, 1000),
        json.requireObject("tolerance").requireObject("float32").requireDouble("relative_l2", 0, 1),
        json.requireObject("tolerance")
            .object("bfloat16")
            .map(half ->
                new HalfTolerance(
                    half.requireDouble("outputs", 0, 1), half.requireDouble("others", 0, 1))));
  }

  /** The largest relative error of the tensor of this name. */
  double tolerance(String tensor, Precision precision) {
    return switch (precision) {
      case F32 -> tolerance;
      case BF16 -> {
        HalfTolerance half =
            halfTolerance.orElseThrow(() ->
                new FormatException(
                    folder.resolve("case.json")
                        + " has no tolerance for bfloat16; check the case in f32."));
        yield tensor.endsWith("logits") ? half.outputs() : half.others();
      }
    };
  }

  Path inputs() {
    return folder.resolve("inputs.safetensors");
  }

  Path expected() {
    return folder.resolve("expected.safetensors");
  }

  boolean hasExpected() {
    return Files.exists(expected());
  }
}
