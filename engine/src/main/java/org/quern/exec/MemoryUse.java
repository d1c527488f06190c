package org.quern.exec;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.quern.ir.Region;
import org.quern.ir.Value;
import org.quern.memory.Bytes;
import org.quern.plan.Plan;

/**
 * What each part of the memory outside the Java heap takes, in bytes.
 *
 * @param parameters weights
 * @param roundedParameters their copy in BF16 for generation, where there is one
 * @param bf16Weights their copy in BF16 for the products of a training, where there is one
 * @param gradients gradients that are kept to the end of a step; folded ones are activations
 * @param optimizer first and second moments
 * @param activations what lies between the nodes of a program; shared by programs that never run at
 *     once
 * @param inputs what the caller writes and reads
 * @param programs records and tables
 * @param scratch the workers' scratch
 */
public record MemoryUse(
    long parameters,
    long roundedParameters,
    long bf16Weights,
    long gradients,
    long optimizer,
    long activations,
    long inputs,
    long programs,
    long scratch) {
  /**
   * Of programs that are linked and share their activations.
   *
   * @param batches bytes of inputs that wait beside those of the programs
   */
  public static MemoryUse of(Backend backend, ModelMemory memory, List<Plan> plans, long batches) {
    return new MemoryUse(
        memory.bytes(Region.PARAMETERS),
        memory.bytes(Region.ROUNDED_PARAMETERS),
        plans.stream().mapToLong(MemoryUse::bf16Weights).sum(),
        memory.bytes(Region.GRADIENTS),
        memory.bytes(Region.FIRST_MOMENTS) + memory.bytes(Region.SECOND_MOMENTS),
        plans.stream().mapToLong(plan -> plan.bytes(Region.ACTIVATIONS)).max().orElse(0),
        batches + plans.stream().mapToLong(plan -> plan.bytes(Region.IO)).sum(),
        plans.stream().mapToLong(plan -> plan.programBytes() + plan.bytes(Region.CONSTANTS)).sum(),
        backend.threads() * ProgramLayout.WORK_BYTES);
  }

  /** Of the region, which is laid out for all parameters, only these are ever touched. */
  private static long bf16Weights(Plan plan) {
    return plan.graph().values().stream()
        .filter(value -> value.region() == Region.BF16_PARAMETERS)
        .mapToLong(Value::bytes)
        .sum();
  }

  /** The parts by name, the largest kinds first. */
  public Map<String, Long> parts() {
    Map<String, Long> parts = new LinkedHashMap<>();
    parts.put("parameters", parameters);
    parts.put("rounded parameters", roundedParameters);
    parts.put("BF16 weights", bf16Weights);
    parts.put("gradients", gradients);
    parts.put("optimizer state", optimizer);
    parts.put("activations", activations);
    parts.put("inputs", inputs);
    parts.put("programs", programs);
    parts.put("workers' scratch", scratch);
    return parts;
  }

  /** All parts together. */
  public long total() {
    return parts().values().stream().mapToLong(Long::longValue).sum();
  }

  /** The parts that there are, with their sizes, and their sum. */
  @Override
  public String toString() {
    return parts().entrySet().stream()
            .filter(part -> part.getValue() > 0)
            .map(part -> part.getKey() + " " + Bytes.toString(part.getValue()))
            .collect(Collectors.joining(", "))
        + "; "
        + Bytes.toString(total())
        + " in all";
  }
}
