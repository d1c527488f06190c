package org.quern.check;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.quern.format.ConfigJson;
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
 * @param tolerance the largest relative error, F32
 */
record ReferenceCase(
    Path folder,
    String name,
    Optimizer.AdamW optimizer,
    float learningRate,
    int steps,
    double tolerance) {

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
        json.requireObject("tolerance")
            .requireObject("float32")
            .requireDouble("relative_l2", 0, 1));
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
