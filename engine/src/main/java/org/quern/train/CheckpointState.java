package org.quern.train;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.quern.format.ConfigJson;

/**
 * What a checkpoint says about a training besides the tensors: {@code training.json}.
 *
 * @param step updates done
 * @param cursor where the batch source has come to
 * @param batch rows of a micro batch
 * @param time tokens of a row
 * @param accumulation micro batches a step; a checkpoint is always between steps
 * @param seed of dropout
 * @param optimizer with its settings
 * @param schedule with its settings
 * @param maxNorm the gradients' largest norm
 * @param data tells texts apart, tokenizer and order of batches included
 * @param plan the fingerprint of the program
 * @param backend where it ran: with another the training goes on, but not with the same bits
 */
record CheckpointState(
    long step,
    long cursor,
    int batch,
    int time,
    int accumulation,
    long seed,
    String optimizer,
    String schedule,
    float maxNorm,
    String data,
    long plan,
    String backend) {
  static final String FILE = "training.json";
  private static final int VERSION = 1;

  void write(Path folder) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("version", VERSION);
    json.put("step", step);
    json.put("sequence", step * accumulation);
    json.put("cursor", cursor);
    json.put("batch", batch);
    json.put("time", time);
    json.put("accumulation", accumulation);
    json.put("seed", seed);
    json.put("optimizer", optimizer);
    json.put("schedule", schedule);
    json.put("max_norm", maxNorm);
    json.put("data", data);
    json.put("plan", Long.toHexString(plan));
    json.put("backend", backend);
    ConfigJson.write(folder.resolve(FILE), json);
  }

  static CheckpointState read(Path folder) {
    ConfigJson json = ConfigJson.read(folder.resolve(FILE));
    json.requireInt("version", VERSION, VERSION);
    String plan = json.requireString("plan");
    if (!plan.matches("[0-9a-f]{1,16}")) {
      throw json.mismatch("plan", "a number in hexadecimal digits");
    }
    return new CheckpointState(
        json.requireLong("step", 1, Long.MAX_VALUE),
        json.requireLong("cursor", 0, Long.MAX_VALUE),
        json.requireInt("batch", 1, Integer.MAX_VALUE),
        json.requireInt("time", 1, Integer.MAX_VALUE),
        json.requireInt("accumulation", 1, Integer.MAX_VALUE),
        json.requireLong("seed", Long.MIN_VALUE, Long.MAX_VALUE),
        json.requireString("optimizer"),
        json.requireString("schedule"),
        (float) json.requireDouble("max_norm", 0, Float.MAX_VALUE),
        json.requireString("data"),
        Long.parseUnsignedLong(plan, 16),
        json.requireString("backend"));
  }

  /** Why a training that would be saved as {@code wanted} cannot go on from this, if it cannot. */
  Optional<String> obstacle(CheckpointState wanted) {
    String had;
    String has;
    if (batch != wanted.batch || time != wanted.time) {
      had = "batches of " + batch + " × " + time + " tokens";
      has = "batches of " + wanted.batch + " × " + wanted.time;
    } else if (accumulation != wanted.accumulation) {
      had = accumulation + " micro batches a step";
      has = "" + wanted.accumulation;
    } else if (!optimizer.equals(wanted.optimizer)) {
      had = "the optimizer " + optimizer;
      has = wanted.optimizer;
    } else if (seed != wanted.seed) {
      had = "the seed " + seed;
      has = "" + wanted.seed;
    } else if (!data.equals(wanted.data)) {
      had = "other text, another tokenizer or another order of batches (" + data + ")";
      has = "those given now (" + wanted.data + ")";
    } else if (plan != wanted.plan) {
      had = "a program of other operations (another dropout or version of Quern)";
      has = "the present one";
    } else {
      return Optional.empty();
    }
    return Optional.of("was written by a training with " + had + ", not " + has);
  }

  /** What is different in a way that only people need to know, if anything is. */
  Optional<String> difference(CheckpointState wanted) {
    String changed = "";
    if (!schedule.equals(wanted.schedule)) {
      changed += " the schedule is now " + wanted.schedule + " instead of " + schedule + ";";
    }
    if (maxNorm != wanted.maxNorm) {
      changed += " gradients are clipped to " + wanted.maxNorm + " instead of " + maxNorm + ";";
    }
    if (!backend.equals(wanted.backend)) {
      changed += " it runs on " + wanted.backend + " instead of " + backend + ";";
    }
    return changed.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "The training goes on differently from how it began:"
                + changed
                + " its results are not those of an uninterrupted run.");
  }
}
