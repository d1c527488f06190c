package org.quern.json;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.core.JacksonException;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What a mapper would make of a text, and its refusals. */
class JsonTreeTest {
  private static final JsonFactory JSON =
      JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private static final JsonMapper MAPPER =
      JsonMapper.builder(JSON).enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  private static JsonNode read(String text) {
    return JsonTree.read(JSON.createParser(ObjectReadContext.empty(), text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "null",
        "[]",
        "{}",
        "\"a\\u00e9\"",
        "[true, false, null, [[]], {\"\": {}}]",
        "[0, -1, 2147483648, 9223372036854775808, 1e400, 0.1, -0.0]",
        "{\"b\": 1, \"a\": [1, {\"c\": \"d\"}], \"\": null}"
      })
  void readsWhatAMapperReads(String text) {
    assertThat(read(text)).isEqualTo(MAPPER.readTree(text));
  }

  @ParameterizedTest
  @ValueSource(strings = {"[1", "{\"a\"}", "[1] 2", "{} {}", "]", "{\"a\": 1, \"a\": 2}", "[,]"})
  void refusesWhatAMapperRefuses(String text) {
    assertThatThrownBy(() -> MAPPER.readTree(text)).isInstanceOf(JacksonException.class);
    assertThatThrownBy(() -> read(text)).isInstanceOf(JacksonException.class);
  }

  @Test
  void depthIsBounded() {
    assertThatThrownBy(() -> read("[".repeat(100_000))).isInstanceOf(JacksonException.class);
  }
}
