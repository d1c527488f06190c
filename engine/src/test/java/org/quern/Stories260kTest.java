package org.quern;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.generate.Generation;
import org.quern.generate.GenerationOptions;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** A small trained model, whose stories another library has written down in double precision. */
class Stories260kTest {
  private static final String MODEL = "models/stories260k";

  static List<TestEngines.Kind> engines() {
    return TestEngines.all();
  }

  @ParameterizedTest
  @MethodSource("engines")
  void storiesAreEqualWordForWord(TestEngines.Kind kind) {
    Path folder = TestEngines.shared(MODEL);
    JsonNode stories = new ObjectMapper().readTree(folder.resolve("greedy.json").toFile());
    assertThat(stories.size()).isPositive();
    try (Engine engine = kind.open();
        Model model = engine.load(folder)) {
      for (JsonNode story : stories) {
        String prompt = story.get("prompt").asString();
        assertThat(model.tokenizer().orElseThrow().encode(prompt))
            .containsExactly(ints(story.get("prompt_ids")));
        int[] expected = ints(story.get("greedy_ids"));
        StringBuilder streamed = new StringBuilder();
        List<String> pieces = new ArrayList<>();
        Generation generation =
            model.generate(
                prompt,
                GenerationOptions.greedy(expected.length),
                piece -> {
                  streamed.append(piece);
                  return pieces.add(piece);
                });
        assertThat(generation.ids().stream().mapToInt(Integer::intValue).toArray())
            .containsExactly(expected);
        assertThat(prompt + generation.text()).isEqualTo(story.get("text").asString());
        assertThat(streamed).hasToString(generation.text());
        assertThat(pieces).hasSizeGreaterThan(expected.length / 2);
      }
    }
  }

  private static int[] ints(JsonNode array) {
    return array.valueStream().mapToInt(JsonNode::asInt).toArray();
  }
}
