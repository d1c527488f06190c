package org.quern.app;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.quern.format.ConfigJson;
import org.quern.format.ModelInspection;
import org.quern.format.TensorEntry;
import org.quern.memory.Bytes;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

/** {@code quern inspect}. */
@Command(
    name = "inspect",
    description = "Shows what is in a model's folder or a safetensors file.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    footer = {"", "Example:", "  quern inspect models/stories260k"})
final class InspectCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Parameters(
      index = "0",
      paramLabel = "PATH",
      description = "A model's folder, a run's, a safetensors file or an index of shards.")
  private Path path = Path.of("");

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    Path target = ModelPath.resolve(path);
    ModelInspection inspection = ModelInspection.of(target);
    if (json) {
      out.println(new JsonMapper().writeValueAsString(toJson(inspection)));
    } else {
      printConfig(target, out);
      print(inspection, out);
    }
    out.flush();
    return 0;
  }

  private static void printConfig(Path target, PrintWriter out) {
    Path config = target.resolve("config.json");
    if (Files.isRegularFile(config)) {
      ConfigJson parsed = ConfigJson.read(config);
      out.println(config + " (" + parsed.optionalString("model_type", "no model_type") + "):");
      out.println("  " + parsed);
    }
  }

  private static void print(ModelInspection inspection, PrintWriter out) {
    for (ModelInspection.FileSize file : inspection.files()) {
      out.println(file.file() + ": " + Bytes.toString(file.bytes()));
    }
    inspection.metadata().forEach((key, value) -> out.println("  " + key + ": " + value));
    for (TensorEntry tensor : inspection.tensors()) {
      out.printf(
          "  %-60s %-5s %-20s %s%n",
          tensor.name(), tensor.dtype(), tensor.shape(), Bytes.toString(tensor.bytes()));
    }
    inspection
        .totals()
        .forEach((dtype, total) ->
            out.printf(
                "%s: %d tensors, %,d elements, %s%n",
                dtype, total.tensors(), total.elements(), Bytes.toString(total.bytes())));
    out.printf(
        "In all: %d tensors, %,d elements, %s%n",
        inspection.tensors().size(), inspection.elements(), Bytes.toString(inspection.bytes()));
  }

  private static Map<String, Object> toJson(ModelInspection inspection) {
    List<Map<String, Object>> tensors = new ArrayList<>();
    for (TensorEntry tensor : inspection.tensors()) {
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("name", tensor.name());
      entry.put("dtype", tensor.dtype().name());
      entry.put("shape", tensor.shape().toArray());
      entry.put("bytes", tensor.bytes());
      tensors.add(entry);
    }
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("files", inspection.files().stream().map(file -> file.file().toString()).toList());
    json.put("metadata", inspection.metadata());
    json.put("elements", inspection.elements());
    json.put("bytes", inspection.bytes());
    json.put("tensors", tensors);
    return json;
  }
}
