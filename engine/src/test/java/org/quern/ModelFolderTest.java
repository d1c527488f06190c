package org.quern;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.format.FormatException;
import org.quern.format.SafetensorsWriter;
import org.quern.format.SafetensorsWriter.Tensor;
import org.quern.generate.GenerationOptions;
import org.quern.ir.DType;
import org.quern.ir.Parameter;
import org.quern.ir.Region;
import org.quern.ir.Shape;

/** Models in folders as Hugging Face keeps them: written, read again, older, damaged. */
class ModelFolderTest {
  private static final String GPT2 = "gpt2, ReLU, scaled by layer";
  private static final String LLAMA = "llama, one key/value head, tied";

  @TempDir Path folder;

  static Stream<String> shapes() {
    return ModelShapes.all().keySet().stream();
  }

  private static Engine open() {
    return TestEngines.best().open(1);
  }

  private static float[] weights(Model model) {
    return model.memory().segment(Region.PARAMETERS).toArray(JAVA_FLOAT);
  }

  private static List<Tensor> tensors(Model model, UnaryOperator<String> name) {
    List<Tensor> tensors = new ArrayList<>();
    for (Parameter parameter : model.memory().layout().parameters()) {
      tensors.add(
          Tensor.f32(
              name.apply(parameter.name()),
              parameter.shape(),
              model.memory().segment(Region.PARAMETERS, parameter.name())));
    }
    return tensors;
  }

  private static Tensor zeros(String name, int... sizes) {
    Shape shape = Shape.of(sizes);
    return Tensor.f32(
        name, shape, MemorySegment.ofArray(new byte[(int) shape.elements() * Float.BYTES]));
  }

  /** Writes a folder with these tensors in place of the model's own. */
  private void write(Model model, SafetensorsWriter writer, List<Tensor> tensors) {
    model.saveDescription(folder);
    assertThat(writer.writeModel(folder, tensors)).isNotEmpty();
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void whatIsSavedIsLoadedAgain(String shape) throws IOException {
    try (Engine engine = open();
        Model model = ModelShapes.create(engine, shape)) {
      model.save(folder);
      try (Model again = engine.load(folder)) {
        assertThat(again.config()).isEqualTo(model.config());
        assertThat(weights(again)).isEqualTo(weights(model));
        assertThat(again.endOfText()).isEqualTo(model.endOfText());
        GenerationOptions options = GenerationOptions.sampling(20, 1, 5).withEndAtEndOfText(false);
        int[] prompt = {1, 2, 3};
        assertThat(again.generate(prompt, options, piece -> true).ids())
            .isEqualTo(model.generate(prompt, options, piece -> true).ids());
        Path copy = folder.resolve("copy");
        again.save(copy);
        for (String file : List.of("config.json", "model.safetensors", "tokenizer.json")) {
          assertThat(Files.mismatch(copy.resolve(file), folder.resolve(file))).isEqualTo(-1);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F16", "BF16"})
  void halvesAreReadAsTheyWereRounded(DType type) {
    try (Engine engine = open()) {
      for (String shape : List.of(GPT2, LLAMA)) {
        try (Model model = ModelShapes.create(engine, shape)) {
          Path first = folder.resolve(shape.substring(0, 4));
          model.save(first, type);
          try (Model rounded = engine.load(first)) {
            float[] exact = weights(model);
            float[] near = weights(rounded);
            double unit = type == DType.F16 ? 0x1p-11 : 0x1p-8;
            for (int i = 0; i < exact.length; i++) {
              assertThat((double) Math.abs(near[i] - exact[i]))
                  .isLessThanOrEqualTo(unit * Math.abs(exact[i]) + 0x1p-24);
            }
            assertThat(near).isNotEqualTo(exact);
            Path second = folder.resolve("again-" + shape.substring(0, 4));
            rounded.save(second, type);
            try (Model again = engine.load(second)) {
              assertThat(weights(again)).isEqualTo(near);
            }
          }
        }
      }
    }
  }

  @Test
  void shardsAreReadAsOne() throws IOException {
    try (Engine engine = open();
        Model model = ModelShapes.create(engine, LLAMA)) {
      write(
          model, SafetensorsWriter.standard().withShardBytes(20_000), tensors(model, name -> name));
      try (Stream<Path> files = Files.list(folder)) {
        assertThat(files.filter(file -> file.toString().endsWith(".safetensors")).count())
            .isGreaterThan(2);
      }
      try (Model again = engine.load(folder)) {
        assertThat(weights(again)).isEqualTo(weights(model));
      }
    }
  }

  @Test
  void gpt2OfOldHasBareNamesAndMasks() {
    try (Engine engine = open();
        Model model = ModelShapes.create(engine, GPT2)) {
      List<Tensor> tensors = tensors(model, name -> name.substring("transformer.".length()));
      for (int layer = 0; layer < 3; layer++) {
        tensors.add(zeros("h." + layer + ".attn.bias", 1, 1, 8, 8));
        tensors.add(zeros("h." + layer + ".attn.masked_bias", 1));
      }
      write(model, SafetensorsWriter.standard(), tensors);
      try (Model again = engine.load(folder)) {
        assertThat(weights(again)).isEqualTo(weights(model));
      }
    }
  }

  @Test
  void llamaOfOldHasBareNamesFrequenciesAndItsTiedHeadTwice() {
    try (Engine engine = open();
        Model model = ModelShapes.create(engine, LLAMA)) {
      List<Tensor> tensors = tensors(model, name -> name.substring("model.".length()));
      tensors.add(zeros("layers.0.self_attn.rotary_emb.inv_freq", 4));
      tensors.add(
          Tensor.f32("lm_head.weight", tensors.getFirst().shape(), tensors.getFirst().data()));
      write(model, SafetensorsWriter.standard(), tensors);
      try (Model again = engine.load(folder)) {
        assertThat(weights(again)).isEqualTo(weights(model));
      }
    }
  }

  @Test
  void theEndTokensAreThoseOfTheGenerationFirst() throws IOException {
    try (Engine engine = open();
        Model model = ModelShapes.create(engine, LLAMA)) {
      model.save(folder);
      Path config = folder.resolve("config.json");
      String json = Files.readString(config).replaceFirst("\\{", "{\"eos_token_id\": [7, 9],");
      Files.writeString(config, json);
      try (Model again = engine.load(folder)) {
        assertThat(again.endOfText()).containsExactly(7, 9);
      }
      Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": 3}");
      try (Model again = engine.load(folder)) {
        assertThat(again.endOfText()).containsExactly(3);
      }
    }
  }

  @Test
  void weightsThatDoNotFitAreOneSentence() throws IOException {
    try (Engine engine = open();
        Model model = ModelShapes.create(engine, LLAMA)) {
      List<String> before = engine.backend().memory().openSlabs();
      List<Tensor> all = tensors(model, name -> name);
      refused(engine, model, all.subList(1, all.size()), "model.embed_tokens.weight");
      List<Tensor> more = new ArrayList<>(all);
      more.add(zeros("model.layers.2.mlp.up_proj.weight", 4));
      refused(engine, model, more, "model.layers.2.mlp.up_proj.weight");
      List<Tensor> other = new ArrayList<>(all);
      other.set(0, zeros(all.getFirst().name(), 60, 40));
      refused(engine, model, other, "[60, 40]");
      List<Tensor> turned = new ArrayList<>(all);
      turned.set(0, zeros(all.getFirst().name(), 40, 61));
      refused(engine, model, turned, "[40, 61]");
      Path weights = folder.resolve("model.safetensors");
      Files.write(weights, Arrays.copyOf(Files.readAllBytes(weights), 5000));
      assertThatThrownBy(() -> engine.load(folder)).isInstanceOf(FormatException.class);
      Files.delete(weights);
      assertThatThrownBy(() -> engine.load(folder))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("safetensors");
      Files.delete(folder.resolve("config.json"));
      assertThatThrownBy(() -> engine.load(folder))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("config.json");
      assertThatThrownBy(() -> engine.load(folder.resolve("nowhere")))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("There is no folder");
      assertThat(engine.backend().memory().openSlabs()).isEqualTo(before);
    }
  }

  private void refused(Engine engine, Model model, List<Tensor> tensors, String part) {
    write(model, SafetensorsWriter.standard(), tensors);
    assertThatThrownBy(() -> engine.load(folder))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining(part)
        .hasMessageEndingWith(".");
  }
}
