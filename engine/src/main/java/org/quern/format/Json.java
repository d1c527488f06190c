package org.quern.format;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonToken;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonReadFeature;

/** JSON that strangers wrote: strict UTF-8, bounded depth and lengths, no global name cache. */
final class Json {
  /** A tensor's header entry has three levels; the rest is slack for a clear message. */
  private static final int HEADER_DEPTH = 8;

  private static final int DOCUMENT_DEPTH = 64;
  private static final int LONGEST_NAME = 8_192;
  private static final int LONGEST_STRING = 16 << 20;
  private static final int LONGEST_NUMBER = 400;

  /** For safetensors headers, whose reader finds duplicate keys itself and names the tensor. */
  static final JsonFactory HEADERS = factory(HEADER_DEPTH, false);

  /** For indexes and configurations; Python writes NaN and Infinity into the latter. */
  static final JsonFactory DOCUMENTS = factory(DOCUMENT_DEPTH, true);

  private Json() {}

  private static JsonFactory factory(int depth, boolean document) {
    return JsonFactory.builder()
        .streamReadConstraints(
            StreamReadConstraints.builder()
                .maxNestingDepth(depth)
                .maxNameLength(LONGEST_NAME)
                .maxStringLength(LONGEST_STRING)
                .maxNumberLength(LONGEST_NUMBER)
                .build())
        .configure(StreamReadFeature.STRICT_DUPLICATE_DETECTION, document)
        .configure(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS, document)
        .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
        .disable(TokenStreamFactory.Feature.INTERN_PROPERTY_NAMES)
        .build();
  }

  /** A reader that fails at malformed UTF-8 and never guesses another encoding. */
  static Reader utf8(InputStream in) {
    return new InputStreamReader(
        in,
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT));
  }

  /** Opens a JSON file that is at most {@code longest} bytes long. */
  static InputStream open(Path file, long longest) throws IOException {
    Messages.requireRegularFile(file);
    long size = Files.size(file);
    if (size > longest) {
      throw new FormatException(
          "%s has %,d bytes where at most %,d are expected; check that it is the right file."
              .formatted(file, size, longest));
    }
    return Files.newInputStream(file);
  }

  /** {@code problem} in our words: what it was reading, where it stopped and why. */
  static FormatException malformed(Path file, String part, JacksonException problem) {
    String reason = problem.getOriginalMessage();
    long at = problem.getLocation() == null ? -1 : problem.getLocation().getCharOffset();
    return new FormatException(
        "%s: %s is not valid JSON%s (%s); download or export the file again."
            .formatted(
                file,
                part,
                at < 0 ? "" : " at character " + at,
                Messages.plain(reason == null ? "unreadable" : firstLine(reason))),
        problem);
  }

  private static String firstLine(String text) {
    int end = text.indexOf('\n');
    return end < 0 ? text : text.substring(0, end);
  }

  /** A word for a token in messages. */
  static String describe(JsonToken token) {
    return switch (token) {
      case START_OBJECT, END_OBJECT -> "an object";
      case START_ARRAY, END_ARRAY -> "a list";
      case VALUE_STRING -> "a string";
      case VALUE_NUMBER_INT -> "an integer";
      case VALUE_NUMBER_FLOAT -> "a decimal number";
      case VALUE_TRUE, VALUE_FALSE -> "a boolean";
      case VALUE_NULL -> "null";
      default -> "something else";
    };
  }
}
