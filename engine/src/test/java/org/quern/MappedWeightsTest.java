package org.quern;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.data.BatchSource;
import org.quern.data.Corpus;
import org.quern.data.TokenFile;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.generate.Decoder;
import org.quern.generate.GenerationOptions;
import org.quern.ir.DType;
import org.quern.ir.Region;
import org.quern.ir.WeightForm;
import org.quern.model.Gpt2Config;
import org.quern.text.CharacterTokenizer;
import org.quern.train.TrainingOptions;

/** Weights used where the model's file is mapped: the same as copies, in less memory. */
class MappedWeightsTest {
  /** Some pieces of many rows and of few; ids that every vocabulary has. */
  private static final int[] PROMPT = IntStream.range(0, 24).map(i -> i * 5 % 13).toArray();

  private static final GenerationOptions OPTIONS =
      GenerationOptions.sampling(8, 1, 5).withEndAtEndOfText(false);

  private static final String LLAMA = "llama, one key/value head, tied";
  private static final String GPT2 = "gpt2, ReLU, scaled by layer";

  @TempDir Path folder;

  private static Engine open(String precision, boolean map) {
    assumeTrue(
        precision.equals("f32") || NativeKernels.find().isLoaded(),
        "skipped: the native library is not there");
    return Engine.open(
        TestEngines.best().options().withPrecision(precision).withMappedWeights(map));
  }

  private static List<Integer> ids(Model model) {
    List<Integer> ids = new ArrayList<>();
    for (int id : model.generate(PROMPT, OPTIONS, piece -> true).ids()) {
      ids.add(id);
    }
    return ids;
  }

  private void save(String shape, DType type) {
    try (Engine engine = open("f32", true);
        Model model = ModelShapes.create(engine, shape)) {
      model.save(folder, type);
    }
  }

  @ParameterizedTest
  @CsvSource({"F32,f32", "F32,bf16", "BF16,f32", "BF16,bf16", "F16,f32", "F16,bf16"})
  void everyModelWritesTheSameMappedOrCopied(DType type, String precision) {
    try (Engine mapping = open(precision, true);
        Engine copying = open(precision, false)) {
      for (String shape : ModelShapes.all().keySet()) {
        try (Model model = ModelShapes.create(copying, shape)) {
          model.save(folder, type);
        }
        try (Model mapped = mapping.load(folder);
            Model copied = copying.load(folder)) {
          assertThat(mapped.memory().has(Region.PARAMETERS)).isFalse();
          assertThat(copied.memory().has(Region.PARAMETERS))
              .isEqualTo(copying.backend().weightForm(copied.memory()) == WeightForm.F32);
          List<Integer> expected = ids(copied);
          assertThat(ids(mapped)).as(shape).isEqualTo(expected);
          mapped.memory().copyWeights();
          assertThat(ids(mapped)).as(shape + ", copied later").isEqualTo(expected);
          assertThat(ids(copied)).as(shape + ", not affected").isEqualTo(expected);
          assertThat(mapped.memory().segment(Region.PARAMETERS).toArray(JAVA_FLOAT))
              .containsExactly(copied.memory().segment(Region.PARAMETERS).toArray(JAVA_FLOAT));
        }
      }
    }
  }

  @Test
  void whatChangesWeightsChangesWhatIsWritten() {
    save(GPT2, DType.F32);
    try (Engine engine = open("f32", true);
        Model model = engine.load(folder)) {
      List<Integer> before = ids(model);
      model.memory().segment(Region.PARAMETERS).fill((byte) 0);
      assertThat(ids(model)).isNotEqualTo(before);
    }
    try (Engine engine = open("f32", true);
        Model model = engine.load(folder)) {
      float[] written = model.memory().weights("transformer.wte.weight").toArray(JAVA_FLOAT);
      assertThat(written).as("the file is as it was").isNotEqualTo(new float[written.length]);
    }
  }

  @Test
  void aMappedModelIsTrainedOnAndSavedOverItsOwnFile() throws IOException {
    CharacterTokenizer letters = CharacterTokenizer.of(" abcdefghijklmnopqrstuvwxyz");
    Path text = Files.writeString(folder.resolve("text.txt"), "the quick brown fox ".repeat(60));
    Path saved = folder.resolve("model");
    try (Engine engine = open("f32", true);
        TokenFile tokens = TokenFile.write(folder.resolve("tokens"), Corpus.of(text), letters);
        Model model = engine.create(Gpt2Config.of(27, 32, 48, 2, 3), letters, 3)) {
      model.save(saved);
      try (Model mapped = engine.load(saved)) {
        List<Integer> before = ids(mapped);
        mapped.train(BatchSource.shuffled(tokens.tokens(), 4, 16, 1), TrainingOptions.of(3));
        List<Integer> after = ids(mapped);
        assertThat(after).isNotEqualTo(before);
        mapped.save(saved);
        try (Model again = engine.load(saved)) {
          assertThat(ids(again)).isEqualTo(after);
          again.save(saved);
        }
        try (Model again = engine.load(saved)) {
          assertThat(ids(again)).isEqualTo(after);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"bf16", "f32"})
  void whatIsMappedTakesNoneOfTheBudget(String precision) {
    assumeTrue(NativeKernels.find().isLoaded(), "skipped: the native library is not there");
    save(LLAMA, DType.BF16);
    try (Engine engine = open(precision, true);
        Model model = engine.load(folder)) {
      assertThat(ids(model)).isNotEmpty();
      assertThat(engine.backend().memory().openSlabs())
          .noneMatch(slab -> slab.startsWith("parameters") || slab.startsWith("rounded"));
      assertThat(engine.backend().memory().openSlabs())
          .as("of floats there are the norms' gains alone, less than 1 KiB")
          .filteredOn(slab -> slab.startsWith("converted"))
          .allMatch(slab -> slab.matches(".*: \\d+ (B|bytes)"));
    }
  }

  @Test
  void aDecoderGoesOnWhenWeightsThatItReadsInBf16AreChanged() {
    save(LLAMA, DType.BF16);
    for (String precision : List.of("f32", "bf16")) {
      try (Engine engine = open(precision, true);
          Model mapped = engine.load(folder);
          Model copied = engine.load(folder)) {
        copied.memory().copyWeights();
        try (Decoder decoder = decoder(engine, mapped);
            Decoder expected = decoder(engine, copied)) {
          assertThat(decoder.feed(PROMPT).toArray(JAVA_FLOAT))
              .containsExactly(expected.feed(PROMPT).toArray(JAVA_FLOAT));
          mapped.memory().copyWeights();
          assertThat(decoder.feed(4).toArray(JAVA_FLOAT))
              .containsExactly(expected.feed(4).toArray(JAVA_FLOAT));
          for (Model model : List.of(mapped, copied)) {
            MemorySegment norm =
                model.memory().segment(Region.PARAMETERS, "model.embed_tokens.weight");
            norm.asSlice(0, norm.byteSize() / 2).fill((byte) 0);
          }
          float[] changed = decoder.feed(PROMPT).toArray(JAVA_FLOAT);
          assertThat(changed).containsExactly(expected.feed(PROMPT).toArray(JAVA_FLOAT));
          assertThat(changed[0]).as("the head is tied, and its first row zero").isZero();
        }
      }
    }
  }

  private static Decoder decoder(Engine engine, Model model) {
    return new Decoder(engine.backend(), model.architecture(), model.memory(), 1, 64);
  }

  @Test
  void copiedWeightsDoNotNeedTheirFile() throws IOException {
    for (String precision : List.of("f32", "bf16")) {
      copiedWeightsDoNotNeedTheirFile(GPT2, precision, "transformer.wte.weight");
      copiedWeightsDoNotNeedTheirFile(LLAMA, precision, "model.embed_tokens.weight");
    }
  }

  private void copiedWeightsDoNotNeedTheirFile(String shape, String precision, String name)
      throws IOException {
    save(shape, DType.BF16);
    try (Engine engine = open(precision, false);
        Model model = engine.load(folder)) {
      Path file = folder.resolve("model.safetensors");
      Files.write(file, new byte[1]);
      List<Integer> ids = ids(model);
      model.memory().copyWeights();
      assertThat(ids(model)).isEqualTo(ids);
      float[] weights = model.memory().weights(name).toArray(JAVA_FLOAT);
      save(shape, DType.BF16);
      try (Model again = engine.load(folder)) {
        assertThat(again.memory().weights(name).toArray(JAVA_FLOAT)).containsExactly(weights);
      }
    }
  }

  @Test
  void weightsInBf16AreNotKeptInF32() {
    for (DType type : List.of(DType.BF16, DType.F16)) {
      save(LLAMA, type);
      try (Engine engine = open("bf16", false);
          Model model = engine.load(folder)) {
        assertThat(ids(model)).isNotEmpty();
        assertThat(engine.backend().memory().openSlabs())
            .noneMatch(slab -> slab.startsWith("parameters") || slab.contains("to be rounded"));
      }
    }
  }

  @Test
  void aRoundedNewModelIsTheNewModelRounded() {
    CharacterTokenizer letters = CharacterTokenizer.of(" abcdefghijklmnopqrstuvwxyz");
    Gpt2Config config = Gpt2Config.of(27, 32, 48, 2, 3);
    for (String precision : List.of("f32", "bf16")) {
      try (Engine engine = open(precision, true);
          Model model = engine.create(config, letters, 3);
          Model rounded = engine.createRounded(config, letters, 3)) {
        model.save(folder, DType.BF16);
        List<Integer> ids = ids(rounded);
        assertThat(rounded.memory().has(Region.PARAMETERS)).isFalse();
        try (Model saved = engine.load(folder)) {
          assertThat(ids).isEqualTo(ids(saved));
          assertThat(rounded.memory().segment(Region.PARAMETERS).toArray(JAVA_FLOAT))
              .containsExactly(saved.memory().segment(Region.PARAMETERS).toArray(JAVA_FLOAT));
        }
      }
    }
  }
}
