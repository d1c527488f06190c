package org.quern.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Files that were damaged or made to do harm: each is refused in one sentence, and nothing else.
 */
class SafetensorsHostileTest {
  private static final Pattern ONE_SENTENCE = Pattern.compile("\\P{Cntrl}{1,700}\\.");

  @TempDir Path folder;

  private static Arguments row(String name, String says, byte[] content) {
    return Arguments.of(name, says, content);
  }

  private static Arguments row(String name, String says, String header, int dataBytes) {
    return row(name, says, RawSafetensors.bytes(header, dataBytes));
  }

  /** A header with one tensor "t" that has these properties. */
  private static Arguments tensor(String name, String says, String properties, int dataBytes) {
    return row(name, says, "{\"t\":{" + properties + "}}", dataBytes);
  }

  private static byte[] declaring(long length) {
    byte[] text =
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
            .getBytes(StandardCharsets.UTF_8);
    return RawSafetensors.bytes(length, text, new byte[200 - 8 - text.length]);
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static byte[] headerBytes(byte[] header) {
    return RawSafetensors.bytes(header.length, header, new byte[0]);
  }

  static Stream<Arguments> lengths() {
    return Stream.of(
        row("empty file", "is empty", new byte[0]),
        row("seven bytes", "only 7 bytes", new byte[7]),
        row("eight zeros", "declared as 0 bytes", new byte[8]),
        row("only a length", "declared as 5 bytes", ByteBuffer.allocate(8).put((byte) 5).array()),
        row("length 1", "declared as 1 bytes", declaring(1)),
        row("length beyond the file", "declared as 193 bytes", declaring(193)),
        row("terabytes in 200 bytes", "declared as 4398046511104", declaring(1L << 42)),
        row("length 2^63", "declared as 9223372036854775808", declaring(Long.MIN_VALUE)),
        row("length 2^63-1", "declared as 9223372036854775807", declaring(Long.MAX_VALUE)),
        row("length 2^64-1", "declared as 18446744073709551615", declaring(-1)),
        row("length 2^64-8, which wraps", "declared as 18446744073709551608", declaring(-8)),
        row("length 100,000,001", "declared as 100000001", declaring(100_000_001)),
        row("header cut short", "not valid JSON", declaring(20)),
        row("data taken for header", "not valid JSON", declaring(100)));
  }

  static Stream<Arguments> foreign() {
    byte[] legacy = text("\u0080\u0002\u008a\nl\u00fc\u009cF\u00f9 j\u00a8P");
    return Stream.of(
        row("zip", "pickled PyTorch file", text("PK\3\4" + "\0".repeat(100))),
        row("pickle", "pickled PyTorch file", legacy),
        row("GGUF", "GGUF file", text("GGUF\3\0\0\0" + "\0".repeat(100))),
        row("LFS", "git lfs pull", text("version https://git-lfs.github.com/spec/v1\noid sha256")),
        row("web page", "web page", text("<!DOCTYPE html><html><body>404</body></html>")),
        row("JSON alone", "declared as", text("{\"model_type\": \"gpt2\"}")),
        row("zeros", "declared as 0", new byte[4096]));
  }

  static Stream<Arguments> json() {
    byte[] bom = "\ufeff{}".getBytes(StandardCharsets.UTF_8);
    byte[] malformed = text("{\"\u00ff\u00fe\":{}}");
    byte[] overlong = text("{\"\u00c0\u0080\":{}}");
    return Stream.of(
        row("list", "does not begin with a brace", "[]", 0),
        row("blank first", "does not begin with a brace", " {}", 0),
        row("byte order mark", "does not begin with a brace", headerBytes(bom)),
        row("UTF-16", "not valid JSON", headerBytes("{}".getBytes(StandardCharsets.UTF_16LE))),
        row("malformed UTF-8", "not valid JSON", headerBytes(malformed)),
        row("overlong UTF-8", "not valid JSON", headerBytes(overlong)),
        row("first half of a character", "not valid JSON", "{\"\\ud800\":{}}", 0),
        row("second half of a character", "not valid JSON", "{\"\\udc00\":{}}", 0),
        row("never closed", "not valid JSON", "{\"a\"", 0),
        row("trailing comma", "not valid JSON", "{\"__metadata__\":{},}", 0),
        row("comment", "not valid JSON", "{/* */}", 0),
        row("goes on", "goes on after", "{}{}", 0),
        row("goes on with rubbish", "not valid JSON", "{}x", 0),
        row("nothing but braces", "not valid JSON", "{".repeat(100), 0),
        row("nested lists, 1e5", "described by a list", "{\"t\":" + "[".repeat(100_000), 0),
        row("nested objects, 1e5", "\"t\"", "{\"t\":" + "{\"t\":".repeat(100_000), 0),
        row(
            "nested shape, 1e5",
            "has a list in its shape",
            "{\"t\":{\"shape\":" + "[".repeat(100_000),
            0),
        row("name of a megabyte", "not valid JSON", "{\"" + "a".repeat(1 << 20) + "\":{}}", 0),
        row(
            "number of a megabyte",
            "not valid JSON",
            "{\"t\":{\"shape\":[" + "1".repeat(1 << 20) + "]}}",
            0),
        row("metadata list", "is a list", "{\"__metadata__\":[]}", 0),
        row("metadata null", "is null", "{\"__metadata__\":null}", 0),
        row("metadata number", "only strings", "{\"__metadata__\":{\"a\":1}}", 0),
        row("metadata nested", "only strings", "{\"__metadata__\":{\"a\":{}}}", 0),
        row(
            "metadata twice",
            "__metadata__\" twice",
            "{\"__metadata__\":{},\"__metadata__\":{}}",
            0),
        row(
            "metadata key twice",
            "the key \"a\" twice",
            "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}",
            0));
  }

  static Stream<Arguments> entries() {
    String good = "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]";
    return Stream.of(
        row("tensor twice", "described twice", "{\"t\":{" + good + "},\"t\":{" + good + "}}", 4),
        row(
            "tensor twice, once escaped",
            "described twice",
            "{\"t\":{" + good + "},\"\\u0074\":{" + good + "}}",
            4),
        row("tensor is a list", "is described by a list", "{\"t\":[]}", 0),
        row("tensor is a string", "is described by a string", "{\"t\":\"F32\"}", 0),
        row("tensor is null", "is described by null", "{\"t\":null}", 0),
        tensor("nothing", "lacks its dtype", "", 0),
        tensor("no dtype", "lacks its dtype", "\"shape\":[1],\"data_offsets\":[0,4]", 4),
        tensor("no shape", "lacks its dtype", "\"dtype\":\"F32\",\"data_offsets\":[0,4]", 4),
        tensor("no offsets", "lacks its dtype", "\"dtype\":\"F32\",\"shape\":[1]", 4),
        tensor("more", "unknown property \"x\"", good + ",\"x\":1", 4),
        tensor("dtype twice", "property \"dtype\" twice", "\"dtype\":\"F32\"," + good, 4),
        tensor("shape twice", "property \"shape\" twice", good + ",\"shape\":[1]", 4),
        tensor("unknown dtype", "element type \"F8_E4M3\"", good.replace("F32", "F8_E4M3"), 4),
        tensor("dtype in lower case", "element type \"f32\"", good.replace("F32", "f32"), 4),
        tensor("dtype is a number", "an integer as its dtype", good.replace("\"F32\"", "32"), 4),
        tensor("shape is a number", "an integer as its shape", good.replace("[1]", "1"), 4),
        tensor("shape of strings", "a string in its shape", good.replace("[1]", "[\"1\"]"), 4),
        tensor("shape of decimals", "a decimal number", good.replace("[1]", "[1.0]"), 4),
        tensor("shape with exponent", "a decimal number", good.replace("[1]", "[1e0]"), 4),
        tensor("shape with null", "null in its shape", good.replace("[1]", "[null]"), 4),
        tensor("negative size", "negative number -1", good.replace("[1]", "[-1]"), 4),
        tensor("two negatives", "negative number -1", good.replace("[1]", "[-1,-1]"), 4),
        tensor("size 2^31", "a dimension of 2147483648", good.replace("[1]", "[2147483648]"), 4),
        tensor("size 2^64", "beyond 64 bits", good.replace("[1]", "[18446744073709551616]"), 4),
        tensor(
            "product wraps to 4",
            "beyond 64 bits",
            good.replace("[1]", "[2147483647,2147483647,2147483647]"),
            4),
        tensor(
            "2^62 elements of four bytes wrap to none",
            "beyond 64 bits",
            "\"dtype\":\"F32\",\"shape\":[1073741824,1073741824,4],\"data_offsets\":[0,0]",
            0),
        tensor(
            "overflow before a zero",
            "beyond 64 bits",
            "\"dtype\":\"F32\",\"shape\":[2147483647,2147483647,2147483647,0],"
                + "\"data_offsets\":[0,0]",
            0),
        tensor(
            "65 dimensions",
            "more than 64 numbers",
            good.replace("[1]", "[1" + ",1".repeat(64) + "]"),
            4),
        tensor("one offset", "has 1 data_offsets", good.replace("[0,4]", "[4]"), 4),
        tensor("three offsets", "has 3 data_offsets", good.replace("[0,4]", "[0,4,4]"), 4),
        tensor("negative begin", "negative number -4", good.replace("[0,4]", "[-4,0]"), 4),
        tensor("negative end", "negative number -4", good.replace("[0,4]", "[0,-4]"), 4),
        tensor("begin after end", "after its end", good.replace("[0,4]", "[4,0]"), 4),
        tensor("beyond the data", "ends at byte 8 of only 4", good.replace("[0,4]", "[4,8]"), 4),
        tensor("end 2^63-1", "of only 4", good.replace("[0,4]", "[0,9223372036854775807]"), 4),
        tensor("end 2^63", "beyond 64 bits", good.replace("[0,4]", "[0,9223372036854775808]"), 4),
        tensor("terabytes", "of only 4", good.replace("[0,4]", "[0,4398046511104]"), 4),
        tensor("too few bytes", "has 4 bytes where", good.replace("[1]", "[2]"), 4),
        tensor(
            "too many bytes",
            "has 4 bytes where",
            good.replace("[1]", "[]").replace("F32", "F16"),
            4),
        tensor("bytes for nothing", "has 4 bytes where", good.replace("[1]", "[0]"), 4));
  }

  static Stream<Arguments> layouts() {
    String a = "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}";
    String b = "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[%d,%d]}";
    return Stream.of(
        row("same bytes", "overlaps", "{" + a + "," + b.formatted(0, 4) + "}", 4),
        row("overlap", "\"b\" overlaps", "{" + a + "," + b.formatted(3, 7) + "}", 7),
        row("overlap, listed first", "overlaps", "{" + b.formatted(3, 7) + "," + a + "}", 7),
        row("gap", "\"b\" leaves a gap of 1 bytes", "{" + a + "," + b.formatted(5, 9) + "}", 9),
        row("gap at the start", "a gap of 2 bytes", "{" + b.formatted(2, 6) + "}", 6),
        row("rest at the end", "3 bytes at the end", "{" + a + "}", 7),
        row("data without tensors", "4 bytes at the end", "{}", 4),
        row(
            "empty tensor inside another",
            "overlaps",
            "{" + a + ",\"e\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[2,2]}}",
            4),
        row(
            "empty tensor after a gap",
            "of only 4",
            "{" + a + ",\"e\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[9,9]}}",
            4));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource({"lengths", "foreign", "json", "entries", "layouts"})
  void isRefusedInOneSentence(String name, String says, byte[] content) {
    Path file = RawSafetensors.write(folder.resolve("hostile.safetensors"), content);
    Throwable refusal = catchThrowable(() -> SafetensorsFile.open(file).close());
    assertThat(refusal).as(name).isInstanceOf(FormatException.class);
    requireOneSentence(refusal, file);
    assertThat(refusal).hasMessageContaining(says);
  }

  private static void requireOneSentence(Throwable refusal, Path file) {
    assertThat(refusal.getMessage())
        .startsWith(file.toString())
        .endsWith(".")
        .matches("\\P{Cntrl}+")
        .hasSizeLessThan(700);
  }

  @Test
  void aHugeHeaderOfNothingIsRefusedAtItsFirstByte() throws IOException {
    Path file = folder.resolve("sparse.safetensors");
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            StandardOpenOption.SPARSE)) {
      ByteBuffer start = ByteBuffer.allocate(9).order(ByteOrder.LITTLE_ENDIAN);
      channel.write(start.putLong(100_000_000).put((byte) '{').flip(), 0);
      channel.write(ByteBuffer.wrap(new byte[1]), 100_000_007);
    }
    assertThatThrownBy(() -> SafetensorsFile.open(file))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("not valid JSON");
  }

  @Test
  void aNameCannotSpoilTheMessage() {
    String name = "a\\n\\u001b[31mX\\u202e" + "y".repeat(5000);
    Path file = RawSafetensors.write(folder.resolve("n"), "{\"" + name + "\":{}}", 0);
    Throwable refusal = catchThrowable(() -> SafetensorsFile.open(file));
    requireOneSentence(refusal, file);
    assertThat(refusal.getMessage()).contains("\\u000a\\u001b[31mX\\u202e");
  }

  private static byte[] valid() {
    return RawSafetensors.bytes(
        """
        {"__metadata__":{"format":"pt"},\
        "wte.weight":{"dtype":"F32","shape":[5,3],"data_offsets":[0,60]},\
        "ids":{"dtype":"I64","shape":[2],"data_offsets":[60,76]},\
        "mask":{"dtype":"BOOL","shape":[1,1,4],"data_offsets":[76,80]},\
        "half":{"dtype":"BF16","shape":[3],"data_offsets":[80,86]}}\
        """,
        86);
  }

  /** Whether the file opens; then all its bytes are read. Fails at all but our own exception. */
  private static boolean opens(Path path) {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      for (TensorEntry entry : file.tensors().values()) {
        MemorySegment segment = file.segment(entry.name());
        long sum = 0;
        for (long i = 0; i < segment.byteSize(); i++) {
          sum += segment.get(ValueLayout.JAVA_BYTE, i) & 0xff;
        }
        if (sum > 255 * entry.bytes()
            || entry.bytes() != entry.shape().elements() * entry.dtype().bytes()) {
          throw new AssertionError(entry.toString());
        }
      }
      return true;
    } catch (FormatException refused) {
      if (!ONE_SENTENCE.matcher(refused.getMessage()).matches()) {
        throw new AssertionError(refused);
      }
      return false;
    }
  }

  @Test
  void everyTruncationIsRefused() {
    byte[] valid = valid();
    Path file = folder.resolve("m.safetensors");
    RawSafetensors.write(file, valid);
    assertThat(opens(file)).isTrue();
    for (int length = 0; length < valid.length; length++) {
      RawSafetensors.write(file, Arrays.copyOf(valid, length));
      assertThat(opens(file)).as("%d of %d bytes", length, valid.length).isFalse();
    }
  }

  @Test
  void everyFlippedBitIsReadOrRefused() {
    byte[] valid = valid();
    Path file = folder.resolve("m.safetensors");
    int opened = 0;
    for (int bit = 0; bit < valid.length * 8; bit++) {
      byte[] flipped = valid.clone();
      flipped[bit / 8] ^= (byte) (1 << bit % 8);
      RawSafetensors.write(file, flipped);
      if (opens(file)) {
        opened++;
      }
    }
    // A flip in the data or in a name goes unseen; one in the structure does not.
    assertThat(opened).isBetween(86 * 8, valid.length * 8 - 8 * 8);
  }

  @Test
  void randomDamageIsReadOrRefused() {
    Random random = new Random(20250729);
    byte[] valid = valid();
    int headerEnd = valid.length - 86;
    byte[] alphabet = "{}[]\",:0123456789-.eE\\u tnF \0".getBytes(StandardCharsets.UTF_8);
    Path file = folder.resolve("m.safetensors");
    for (int round = 0; round < 4000; round++) {
      byte[] damaged = valid.clone();
      for (int i = 1 + random.nextInt(6); i > 0; i--) {
        int at = random.nextInt(8) == 0 ? random.nextInt(8) : 8 + random.nextInt(headerEnd - 8);
        switch (random.nextInt(4)) {
          case 0 -> damaged[at] = alphabet[random.nextInt(alphabet.length)];
          case 1 -> damaged[at] ^= (byte) (1 << random.nextInt(8));
          case 2 -> damaged[at] = (byte) random.nextInt();
          default -> {
            int from = 8 + random.nextInt(headerEnd - 8);
            int count = Math.min(random.nextInt(40), headerEnd - Math.max(at, from));
            System.arraycopy(valid, from, damaged, at, count);
          }
        }
      }
      if (random.nextInt(4) == 0) {
        damaged = Arrays.copyOf(damaged, random.nextInt(damaged.length * 2));
      }
      RawSafetensors.write(file, damaged);
      opens(file);
    }
  }
}
