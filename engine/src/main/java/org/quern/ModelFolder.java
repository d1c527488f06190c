package org.quern;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.quern.exec.ModelMemory;
import org.quern.exec.WeightSource;
import org.quern.format.ConfigJson;
import org.quern.format.FormatException;
import org.quern.format.ModelWeights;
import org.quern.format.SafetensorsWriter;
import org.quern.format.TensorEntry;
import org.quern.ir.DType;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.model.ModelConfig;
import org.quern.text.Tokenizer;
import org.quern.text.Tokenizers;

/**
 * A model as Hugging Face stores one: {@code config.json}, weights, and perhaps {@code
 * tokenizer.json}.
 *
 * @param folder where it lies
 * @param config the sizes
 * @param tokenizer the tokens, if the folder has them
 * @param endOfText the tokens after which generation ends
 * @param files the weights
 */
record ModelFolder(
    Path folder,
    ModelConfig config,
    Optional<Tokenizer> tokenizer,
    List<Integer> endOfText,
    ModelWeights files)
    implements AutoCloseable {
  private static final String CONFIG = "config.json";

  /** Buffers that older files carry and that are no weights. */
  private static final Pattern BUFFERS =
      Pattern.compile(".*(\\.attn\\.bias|\\.attn\\.masked_bias|\\.rotary_emb\\.inv_freq)");

  static ModelFolder read(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new FormatException(
          "There is no folder " + folder + "; give one with config.json and model.safetensors.");
    }
    ConfigJson json = ConfigJson.read(folder.resolve(CONFIG));
    ModelConfig config = HuggingFaceConfig.read(json);
    Optional<Tokenizer> tokenizer =
        Files.exists(folder.resolve("tokenizer.json"))
            ? Optional.of(Tokenizers.read(folder))
            : Optional.empty();
    try {
      List<Integer> end = endOfText(folder, json, config);
      return new ModelFolder(folder, config, tokenizer, end, ModelWeights.open(folder));
    } catch (RuntimeException e) {
      tokenizer.ifPresent(Tokenizer::close);
      throw e;
    }
  }

  private static List<Integer> endOfText(Path folder, ConfigJson json, ModelConfig config) {
    int most = config.vocabularySize() - 1;
    Path generation = folder.resolve("generation_config.json");
    if (Files.exists(generation)) {
      List<Integer> ids = ConfigJson.read(generation).ints("eos_token_id", 0, most);
      if (!ids.isEmpty()) {
        return ids;
      }
    }
    return json.ints("eos_token_id", 0, Integer.MAX_VALUE).stream()
        .filter(id -> id <= most)
        .toList();
  }

  /** The folder's weights: each parameter must be there, in its shape, and nothing else. */
  WeightSource weights(ParameterLayout layout) {
    return new FileWeights(files, tensors(files, layout));
  }

  /** Closes tokenizer and weights, which is for whoever makes no model of them. */
  @Override
  public void close() {
    tokenizer.ifPresent(Tokenizer::close);
    files.close();
  }

  private static Map<String, String> tensors(ModelWeights weights, ParameterLayout layout) {
    Map<String, String> names = new LinkedHashMap<>();
    for (Parameter parameter : layout.parameters()) {
      String name = nameIn(weights, parameter.name());
      TensorEntry entry = weights.tensor(name);
      if (!entry.shape().equals(parameter.shape())) {
        throw new FormatException(
            weights.path()
                + ": the tensor "
                + name
                + " is "
                + entry.shape()
                + ", but by config.json it would be "
                + parameter.shape()
                + "; check that weights and config.json belong together.");
      }
      names.put(parameter.name(), name);
    }
    Set<String> used = Set.copyOf(names.values());
    for (String name : weights.tensors().keySet()) {
      // A tied head is stored twice by some programs.
      if (!used.contains(name)
          && !name.equals("lm_head.weight")
          && !BUFFERS.matcher(name).matches()) {
        throw new FormatException(
            weights.path()
                + " has a tensor "
                + name
                + " for which the model of config.json has"
                + " no place; check that weights and config.json belong together.");
      }
    }
    return names;
  }

  /** Files of the bare model leave the first part of the names out. */
  private static String nameIn(ModelWeights weights, String name) {
    if (weights.tensors().containsKey(name)) {
      return name;
    }
    String bare = name.replaceFirst("^(transformer|model)\\.", "");
    return weights.tensors().containsKey(bare) ? bare : name;
  }

  /**
   * Writes a model that Hugging Face's library reads; weights in the type given.
   *
   * @param endOfText the tokens after which generation ends
   */
  static void write(
      Path folder,
      ModelConfig config,
      Optional<Tokenizer> tokenizer,
      List<Integer> endOfText,
      ModelMemory memory,
      DType type) {
    List<SafetensorsWriter.Tensor> tensors = new ArrayList<>();
    for (Parameter parameter : memory.layout().parameters()) {
      tensors.add(
          new SafetensorsWriter.Tensor(
              parameter.name(), DType.F32, parameter.shape(), memory.weights(parameter.name())));
    }
    SafetensorsWriter.standard()
        .withFloatType(type)
        .withMetadata(Map.of("format", "pt"))
        .writeModel(folder, tensors);
    writeDescription(folder, config, tokenizer, endOfText, type);
  }

  /** Writes {@code config.json} and the tokenizer's files. */
  static void writeDescription(
      Path folder,
      ModelConfig config,
      Optional<Tokenizer> tokenizer,
      List<Integer> endOfText,
      DType type) {
    ConfigJson.write(folder.resolve(CONFIG), HuggingFaceConfig.write(config, endOfText, type));
    tokenizer.ifPresent(found -> found.save(folder));
  }
}
