package org.quern.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.quern.ir.Graph;
import org.quern.ir.Parameter;

/** Every operation of the engine at the sizes of models that are trained and run. */
final class KernelCases {
  private final List<KernelCase> cases = new ArrayList<>();
  private final String model;
  private final int ids;
  private final int start;
  private final boolean decoding;

  /**
   * An empty list.
   *
   * @param model whose sizes they are
   * @param ids ids and labels are below this
   * @param start where sequences begin
   * @param decoding whether they are parts of writing
   */
  KernelCases(String model, int ids, int start, boolean decoding) {
    this.model = model;
    this.ids = ids;
    this.start = start;
    this.decoding = decoding;
  }

  void add(String shape, List<Parameter> parameters, Consumer<Graph> build) {
    cases.add(new KernelCase(model, shape, parameters, build, ids, start, decoding));
  }

  void add(String shape, Consumer<Graph> build) {
    add(shape, List.of(), build);
  }

  List<KernelCase> list() {
    return List.copyOf(cases);
  }

  static List<KernelCase> all() {
    List<KernelCase> all = new ArrayList<>();
    all.addAll(Gpt2Cases.of("gpt2-124m", 4, 64, 768, 12, 50_257));
    all.addAll(Gpt2Cases.of("gpt-char", 12, 64, 128, 4, 65));
    all.addAll(LlamaCases.reading("llama-135m", 512));
    all.addAll(LlamaCases.writing("llama-135m", 1));
    all.addAll(LlamaCases.writing("llama-135m", 8));
    return List.copyOf(all);
  }

  /** The cases whose names contain one of these, or all where there is none. */
  static List<KernelCase> matching(List<String> parts) {
    return all().stream()
        .filter(found -> parts.isEmpty() || parts.stream().anyMatch(found::matches))
        .toList();
  }

  static KernelCase named(String name) {
    return all().stream()
        .filter(found -> found.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("There is no case " + name + "."));
  }
}
