package org.quern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.format.FormatException;
import org.quern.generate.GenerationOptions;

/** Folders that are read beside an engine that is being opened. */
class ModelReadingTest {
  private static final String SHAPE = "gpt2, ReLU, scaled by layer";

  @TempDir Path folder;

  private void save() {
    try (Engine engine = TestEngines.best().open(1);
        Model model = ModelShapes.create(engine, SHAPE)) {
      model.save(folder);
    }
  }

  @Test
  void aModelIsTheSameHoweverItsFolderIsRead() {
    save();
    int[] prompt = {1, 2, 3};
    GenerationOptions options = GenerationOptions.sampling(20, 1, 5).withEndAtEndOfText(false);
    try (ModelReading reading = ModelReading.start(folder);
        Engine engine = TestEngines.best().open(1);
        Model model = engine.load(reading);
        Model same = engine.load(folder)) {
      assertThat(model.config()).isEqualTo(same.config());
      assertThat(model.generate(prompt, options, piece -> true).ids())
          .isEqualTo(same.generate(prompt, options, piece -> true).ids());
      assertThatThrownBy(() -> engine.load(reading))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("loaded already");
    }
  }

  @Test
  void whatIsWrongIsSaidWhenItIsLoaded() throws IOException {
    save();
    Files.delete(folder.resolve("model.safetensors"));
    try (ModelReading reading = ModelReading.start(folder);
        Engine engine = TestEngines.best().open(1)) {
      assertThatThrownBy(() -> engine.load(reading))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("has neither model.safetensors");
    }
  }

  @Test
  void anInterruptedThreadLoadsAndStaysInterrupted() {
    save();
    try (ModelReading reading = ModelReading.start(folder);
        Engine engine = TestEngines.best().open(1)) {
      Thread.currentThread().interrupt();
      try (Model model = engine.load(reading)) {
        assertThat(Thread.interrupted()).isTrue();
        assertThat(model.tokenizer()).isPresent();
      }
    }
  }

  @Test
  void whatNobodyLoadsIsGivenBack() throws IOException {
    save();
    ModelReading reading = ModelReading.start(folder);
    reading.close();
    reading.close();
    Path maps = Path.of("/proc/self/maps");
    if (Files.exists(maps)) {
      assertThat(Files.readString(maps)).doesNotContain(folder.toString());
    }
    try (Engine engine = TestEngines.best().open(1)) {
      assertThatThrownBy(() -> engine.load(reading)).isInstanceOf(EngineException.class);
    }
  }
}
