package org.quern.format;

import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.quern.json.JsonTree;
import tools.jackson.core.JacksonException;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * A JSON object such as {@code config.json}, read with checks: whoever asks for a value says its
 * type and range, and what does not fit is refused in one sentence that names file, key, value and
 * what was expected. A key whose value is {@code null} counts as absent, as in Python. Immutable.
 */
public final class ConfigJson {
  private static final long LONGEST = 16 << 20;

  private final Path file;
  private final String prefix;
  private final JsonNode node;

  private ConfigJson(Path file, String prefix, JsonNode node) {
    this.file = file;
    this.prefix = prefix;
    this.node = node;
  }

  /**
   * Reads a file of at most 16 MiB.
   *
   * @throws FormatException if it cannot be read, is no JSON object, or has a key twice
   */
  public static ConfigJson read(Path file) {
    try (InputStream in = Json.open(file, LONGEST);
        Reader reader = Json.utf8(in)) {
      return parse(file, reader);
    } catch (IOException unreadable) {
      throw Messages.unreadable(file, unreadable);
    }
  }

  /** Reads a text; {@code file} is what messages call it. */
  public static ConfigJson parse(Path file, String json) {
    return parse(file, new StringReader(json));
  }

  private static ConfigJson parse(Path file, Reader reader) {
    try {
      JsonNode root = JsonTree.read(Json.DOCUMENTS.createParser(ObjectReadContext.empty(), reader));
      if (!root.isObject()) {
        throw new FormatException(file + " is not a JSON object; export the model again.");
      }
      return new ConfigJson(file, "", root);
    } catch (JacksonException malformed) {
      throw Json.malformed(file, "the text", malformed);
    }
  }

  /**
   * Writes a JSON object of strings, numbers, booleans, lists and maps, replacing the file whole.
   *
   * @throws FormatException if it cannot be written
   */
  public static void write(Path file, Map<String, ?> object) {
    byte[] bytes = toBytes(object);
    try (PendingFile pending = PendingFile.create(file)) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        pending.channel().write(buffer);
      }
      pending.sync();
      pending.commit();
    } catch (IOException failed) {
      throw PendingFile.failure(file, bytes.length, failed);
    }
    PendingFile.syncFolder(PendingFile.folderOf(file));
  }

  static byte[] toBytes(Map<String, ?> object) {
    // Made here, so that who only reads sets none up.
    return JsonMapper.builder()
        .enable(SerializationFeature.INDENT_OUTPUT)
        .build()
        .writeValueAsBytes(object);
  }

  /** The file this comes from. */
  public Path file() {
    return file;
  }

  /** The keys of this object, in its order; those with {@code null} are left out. */
  public Set<String> keys() {
    Set<String> keys = new LinkedHashSet<>();
    for (String key : node.propertyNames()) {
      if (has(key)) {
        keys.add(key);
      }
    }
    return keys;
  }

  /** Whether the key is there with a value other than {@code null}. */
  public boolean has(String key) {
    return node.hasNonNull(key);
  }

  /** Whether the key is there with the value {@code null}, which is not the same as its absence. */
  public boolean isNull(String key) {
    return node.has(key) && !node.hasNonNull(key);
  }

  /** The first of several names under which a value may be found, if any is there. */
  public Optional<String> firstPresent(String... keys) {
    for (String key : keys) {
      if (has(key)) {
        return Optional.of(key);
      }
    }
    return Optional.empty();
  }

  /** An integer from {@code least} to {@code most}, both included, that must be there. */
  public int requireInt(String key, int least, int most) {
    String expected = "an integer from " + least + " to " + most;
    JsonNode value = require(key, expected);
    return toInt(key, value, least, most, expected);
  }

  /** A long integer from {@code least} to {@code most}, both included, that must be there. */
  public long requireLong(String key, long least, long most) {
    String expected = "an integer from " + least + " to " + most;
    JsonNode value = require(key, expected);
    if (!value.isIntegralNumber() || !value.canConvertToLong()) {
      throw mismatch(key, expected);
    }
    long number = value.asLong();
    if (number < least || number > most) {
      throw mismatch(key, expected);
    }
    return number;
  }

  /** An integer from {@code least} to {@code most}, or {@code absent} where there is none. */
  public int optionalInt(String key, int absent, int least, int most) {
    return has(key) ? requireInt(key, least, most) : absent;
  }

  /**
   * A list of integers, each from {@code least} to {@code most}; one integer counts as a list of
   * one (as {@code eos_token_id} comes in both forms), and nothing as an empty list.
   */
  public List<Integer> ints(String key, int least, int most) {
    if (!has(key)) {
      return List.of();
    }
    String expected = "integers from " + least + " to " + most;
    JsonNode value = node.path(key);
    List<Integer> numbers = new ArrayList<>();
    if (value.isArray()) {
      for (JsonNode element : value) {
        numbers.add(toInt(key, element, least, most, expected));
      }
    } else {
      numbers.add(toInt(key, value, least, most, expected));
    }
    return List.copyOf(numbers);
  }

  private int toInt(String key, JsonNode value, int least, int most, String expected) {
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw mismatch(key, expected);
    }
    int number = value.asInt();
    if (number < least || number > most) {
      throw mismatch(key, expected);
    }
    return number;
  }

  /** A finite number from {@code least} to {@code most} that must be there. */
  public double requireDouble(String key, double least, double most) {
    String expected = "a number from " + least + " to " + most;
    JsonNode value = require(key, expected);
    double number = value.isNumber() ? value.asDouble(Double.NaN) : Double.NaN;
    if (!Double.isFinite(number) || number < least || number > most) {
      throw mismatch(key, expected);
    }
    return number;
  }

  /** A finite number from {@code least} to {@code most}, or {@code absent} where there is none. */
  public double optionalDouble(String key, double absent, double least, double most) {
    return has(key) ? requireDouble(key, least, most) : absent;
  }

  /**
   * A list of finite numbers, each from {@code least} to {@code most}; empty where there is none.
   */
  public List<Double> doubles(String key, double least, double most) {
    if (!has(key)) {
      return List.of();
    }
    List<Double> numbers = new ArrayList<>();
    for (JsonNode element : node.path(key)) {
      double number = element.isNumber() ? element.asDouble() : Double.NaN;
      if (!Double.isFinite(number) || number < least || number > most) {
        throw mismatch(key, "numbers from " + least + " to " + most);
      }
      numbers.add(number);
    }
    return List.copyOf(numbers);
  }

  /** A boolean, or {@code absent} where there is none. */
  public boolean optionalBoolean(String key, boolean absent) {
    if (!has(key)) {
      return absent;
    }
    JsonNode value = node.path(key);
    if (!value.isBoolean()) {
      throw mismatch(key, "true or false");
    }
    return value.asBoolean();
  }

  /** A string that must be there. */
  public String requireString(String key) {
    JsonNode value = require(key, "a string");
    if (!value.isString()) {
      throw mismatch(key, "a string");
    }
    return value.asString();
  }

  /** A string, or {@code absent} where there is none. */
  public String optionalString(String key, String absent) {
    return has(key) ? requireString(key) : absent;
  }

  /** What {@code choices} has for a string that must be there and be one of its keys. */
  public <T> T requireOneOf(String key, Map<String, T> choices) {
    String expected = "one of " + new TreeSet<>(choices.keySet());
    JsonNode value = require(key, expected);
    T choice = value.isString() ? choices.get(value.asString()) : null;
    if (choice == null) {
      throw mismatch(key, expected);
    }
    return choice;
  }

  /** A list of strings, empty where there is none. */
  public List<String> strings(String key) {
    if (!has(key)) {
      return List.of();
    }
    JsonNode value = node.path(key);
    List<String> strings = new ArrayList<>();
    if (!value.isArray()) {
      throw mismatch(key, "a list of strings");
    }
    for (JsonNode element : value) {
      if (!element.isString()) {
        throw mismatch(key, "a list of strings");
      }
      strings.add(element.asString());
    }
    return List.copyOf(strings);
  }

  /** The object under a key, if there is one. */
  public Optional<ConfigJson> object(String key) {
    return has(key) ? Optional.of(requireObject(key)) : Optional.empty();
  }

  /** The object under a key that must be there. */
  public ConfigJson requireObject(String key) {
    JsonNode value = require(key, "an object");
    if (!value.isObject()) {
      throw mismatch(key, "an object");
    }
    return new ConfigJson(file, prefix + key + ".", value);
  }

  /** The exception for a value that is there but does not fit; to be thrown by the caller. */
  public FormatException mismatch(String key, String expected) {
    return new FormatException(
        "%s: \"%s%s\" is %s where %s is expected; correct it or export the model again."
            .formatted(file, prefix, key, Messages.plain(node.path(key).toString()), expected));
  }

  /** The exception for a key that is not there; to be thrown by the caller. */
  public FormatException missing(String key, String expected) {
    return new FormatException(
        "%s: \"%s%s\" is missing where %s is expected; add it or export the model again."
            .formatted(file, prefix, key, expected));
  }

  /**
   * The exception for values that contradict each other; to be thrown by the caller.
   *
   * @param what such as {@code the hidden size is no multiple of the number of heads}
   */
  public FormatException contradiction(Collection<String> keys, String what) {
    List<String> found = new ArrayList<>();
    for (String key : keys) {
      String value = has(key) ? node.path(key).toString() : "absent";
      found.add("\"%s%s\" is %s".formatted(prefix, key, Messages.plain(value)));
    }
    return new FormatException(
        "%s: %s, but %s; correct it or export the model again."
            .formatted(file, String.join(" and ", found), what));
  }

  private JsonNode require(String key, String expected) {
    if (!has(key)) {
      throw missing(key, expected);
    }
    return node.path(key);
  }

  /** The JSON text. */
  @Override
  public String toString() {
    return node.toString();
  }
}
