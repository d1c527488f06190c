package org.quern.format;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.quern.ir.DType;
import org.quern.ir.Shape;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;

/**
 * The header of a safetensors file, checked: eight bytes of little-endian length, then JSON {@code
 * {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}}, then the data. The
 * rules are those of the reference implementation, which is the crate {@code safetensors}.
 *
 * @param metadata the map under {@code __metadata__}
 * @param tensors the tensors by name, in the order of their data
 */
record SafetensorsHeader(Map<String, String> metadata, Map<String, TensorEntry> tensors) {
  static final String METADATA = "__metadata__";
  static final long LONGEST = 100_000_000;
  static final int LENGTH_BYTES = 8;

  private static final int MOST_DIMENSIONS = 64;
  private static final String AGAIN = "download or export the file again";

  /**
   * Reads and checks the header of {@code file}; allocates nothing by a length that it declares.
   */
  static SafetensorsHeader read(Path file, FileChannel channel, long size) throws IOException {
    ByteBuffer start = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
    while (start.hasRemaining() && channel.read(start, start.position()) > 0) {
      // A channel may hand over less than it has.
    }
    start.flip();
    if (start.limit() < LENGTH_BYTES) {
      throw new FormatException(
          "%s %s, too short for a safetensors file; %s."
              .formatted(
                  file, size == 0 ? "is empty" : "has only " + start.limit() + " bytes", AGAIN));
    }
    long length = start.getLong(0);
    if (length < 2 || length > LONGEST || length > size - LENGTH_BYTES) {
      throw new FormatException(
          "%s: the header is declared as %s bytes long but the file has %,d and headers end at %,d;"
                  .formatted(file, Long.toUnsignedString(length), size, LONGEST)
              + " %s.".formatted(advice(start)));
    }
    if (start.limit() <= LENGTH_BYTES || start.get(LENGTH_BYTES) != '{') {
      throw new FormatException(
          "%s: the header does not begin with a brace, so this is no safetensors file; %s."
              .formatted(file, advice(start)));
    }
    Reader reader = new Reader(file, LENGTH_BYTES + length, size - LENGTH_BYTES - length);
    try (JsonParser parser =
        Json.HEADERS.createParser(
            ObjectReadContext.empty(), Json.utf8(new HeaderInput(channel, length)))) {
      reader.readRoot(parser);
    } catch (JacksonException malformed) {
      throw Json.malformed(file, "the header", malformed);
    }
    return reader.finish();
  }

  /** What a file that is no safetensors file may be instead, and what to do about it. */
  private static String advice(ByteBuffer start) {
    String text = StandardCharsets.ISO_8859_1.decode(start.duplicate()).toString();
    if (text.startsWith("PK\3\4") || text.startsWith("\u0080")) {
      return "it looks like a pickled PyTorch file, which can run code and is never read, so save"
          + " the model again as safetensors";
    }
    if (text.startsWith("version https://git-lfs")) {
      return "it is a Git LFS pointer, so fetch the file itself with git lfs pull";
    }
    if (text.startsWith("GGUF")) {
      return "it is a GGUF file, so give the safetensors files of the model";
    }
    if (text.startsWith("<")) {
      return "it looks like a web page that was saved in the file's place, so download it again";
    }
    return AGAIN;
  }

  /** The header's bytes and no more, read as they are parsed. */
  private static final class HeaderInput extends InputStream {
    private final FileChannel channel;
    private final long end;
    private long position = LENGTH_BYTES;

    HeaderInput(FileChannel channel, long length) {
      this.channel = channel;
      this.end = LENGTH_BYTES + length;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      if (length == 0) {
        return 0;
      }
      if (position >= end) {
        return -1;
      }
      int wanted = (int) Math.min(length, end - position);
      int count = channel.read(ByteBuffer.wrap(target, offset, wanted), position);
      position += Math.max(count, 0);
      return count;
    }
  }

  private static final class Reader {
    private final Path file;
    private final long dataStart;
    private final long dataBytes;
    private final Map<String, String> metadata = new LinkedHashMap<>();
    private final Map<String, TensorEntry> tensors = new LinkedHashMap<>();
    private boolean metadataSeen;

    Reader(Path file, long dataStart, long dataBytes) {
      this.file = file;
      this.dataStart = dataStart;
      this.dataBytes = dataBytes;
    }

    void readRoot(JsonParser parser) {
      parser.nextToken();
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String name = parser.currentName();
        JsonToken value = parser.nextToken();
        if (name.equals(METADATA)) {
          readMetadata(parser, value);
        } else {
          readTensor(parser, name, value);
        }
      }
      JsonToken rest = parser.nextToken();
      if (rest != null) {
        throw problem("the header goes on after its closing brace", AGAIN);
      }
    }

    private void readMetadata(JsonParser parser, JsonToken value) {
      if (metadataSeen) {
        throw problem("the header has the key \"__metadata__\" twice", AGAIN);
      }
      metadataSeen = true;
      if (value != JsonToken.START_OBJECT) {
        throw problem("\"__metadata__\" is " + Json.describe(value) + ", not an object", AGAIN);
      }
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String key = parser.currentName();
        JsonToken token = parser.nextToken();
        if (token != JsonToken.VALUE_STRING) {
          throw problem(
              "\"__metadata__\" has %s under %s where only strings are allowed"
                  .formatted(Json.describe(token), Messages.quote(key)),
              AGAIN);
        }
        if (metadata.put(key, parser.getString()) != null) {
          throw problem("\"__metadata__\" has the key " + Messages.quote(key) + " twice", AGAIN);
        }
      }
    }

    private void readTensor(JsonParser parser, String name, JsonToken start) {
      if (start != JsonToken.START_OBJECT) {
        throw problem(name, "is described by " + Json.describe(start) + ", not an object", AGAIN);
      }
      Map<String, Object> fields = new LinkedHashMap<>();
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String key = parser.currentName();
        JsonToken token = parser.nextToken();
        Object field =
            switch (key) {
              case "dtype" -> dtype(parser, name, token);
              case "shape", "data_offsets" -> longs(parser, name, key, token);
              default ->
                  throw problem(name, "has the unknown property " + Messages.quote(key), AGAIN);
            };
        if (fields.put(key, field) != null) {
          throw problem(name, "has the property " + Messages.quote(key) + " twice", AGAIN);
        }
      }
      if (!(fields.get("dtype") instanceof DType dtype)
          || !(fields.get("shape") instanceof long[] sizes)
          || !(fields.get("data_offsets") instanceof long[] offsets)) {
        throw problem(name, "lacks its dtype, shape or data_offsets", AGAIN);
      }
      TensorEntry entry = entry(name, dtype, sizes, offsets);
      if (tensors.put(name, entry) != null) {
        throw problem(name, "is described twice", AGAIN);
      }
    }

    private DType dtype(JsonParser parser, String name, JsonToken token) {
      if (token != JsonToken.VALUE_STRING) {
        throw problem(name, "has " + Json.describe(token) + " as its dtype, not a string", AGAIN);
      }
      String text = parser.getString();
      for (DType dtype : DType.values()) {
        if (dtype.name().equals(text)) {
          return dtype;
        }
      }
      throw problem(
          name,
          "has the element type %s, which is none of %s"
              .formatted(Messages.quote(text), Arrays.toString(DType.values())),
          "export it as F32, F16 or BF16");
    }

    private long[] longs(JsonParser parser, String name, String key, JsonToken start) {
      if (start != JsonToken.START_ARRAY) {
        throw problem(
            name, "has %s as its %s, not a list".formatted(Json.describe(start), key), AGAIN);
      }
      long[] values = new long[MOST_DIMENSIONS];
      int count = 0;
      for (JsonToken token = parser.nextToken();
          token != JsonToken.END_ARRAY;
          token = parser.nextToken()) {
        if (token != JsonToken.VALUE_NUMBER_INT) {
          throw problem(
              name, "has %s in its %s, not an integer".formatted(Json.describe(token), key), AGAIN);
        }
        JsonParser.NumberType type = parser.getNumberType();
        if (type != JsonParser.NumberType.INT && type != JsonParser.NumberType.LONG) {
          throw problem(
              name,
              "has %s in its %s, beyond 64 bits".formatted(Messages.plain(parser.getString()), key),
              AGAIN);
        }
        if (parser.getLongValue() < 0) {
          throw problem(
              name,
              "has the negative number %d in its %s".formatted(parser.getLongValue(), key),
              AGAIN);
        }
        if (count == MOST_DIMENSIONS) {
          throw problem(
              name, "has more than %d numbers in its %s".formatted(MOST_DIMENSIONS, key), AGAIN);
        }
        values[count++] = parser.getLongValue();
      }
      return Arrays.copyOf(values, count);
    }

    private TensorEntry entry(String name, DType dtype, long[] sizes, long[] offsets) {
      if (offsets.length != 2) {
        throw problem(name, "has %d data_offsets, not two".formatted(offsets.length), AGAIN);
      }
      long begin = offsets[0];
      long end = offsets[1];
      if (begin > end) {
        throw problem(name, "begins at byte %d, after its end at %d".formatted(begin, end), AGAIN);
      }
      if (end > dataBytes) {
        throw problem(
            name,
            "ends at byte %d of only %d, so the file is cut short".formatted(end, dataBytes),
            AGAIN);
      }
      long bytes = dtype.bytes();
      int[] dimensions = new int[sizes.length];
      for (int i = 0; i < sizes.length; i++) {
        if (sizes[i] > Integer.MAX_VALUE) {
          throw problem(
              name,
              "has a dimension of %d, more than %d".formatted(sizes[i], Integer.MAX_VALUE),
              "split it along that dimension");
        }
        dimensions[i] = (int) sizes[i];
        if (Math.multiplyHigh(bytes, sizes[i]) != 0 || bytes * sizes[i] < 0) {
          throw problem(
              name, "has the shape %s, beyond 64 bits".formatted(Arrays.toString(sizes)), AGAIN);
        }
        bytes *= sizes[i];
      }
      if (bytes != end - begin) {
        throw problem(
            name,
            "has %d bytes where shape %s of %s takes %d"
                .formatted(end - begin, Arrays.toString(sizes), dtype, bytes),
            AGAIN);
      }
      return new TensorEntry(name, dtype, Shape.of(dimensions), file, dataStart + begin, bytes);
    }

    // Comparator's own are serializable, which keeps them out of a cache of classes.
    private static int byPlace(TensorEntry one, TensorEntry other) {
      int order = Long.compare(one.offset(), other.offset());
      return order == 0 ? Long.compare(one.bytes(), other.bytes()) : order;
    }

    /** Checks that the tensors cover the data once and wholly, and puts them in its order. */
    SafetensorsHeader finish() {
      List<TensorEntry> sorted = new ArrayList<>(tensors.values());
      sorted.sort(Reader::byPlace);
      long next = dataStart;
      Map<String, TensorEntry> ordered = LinkedHashMap.newLinkedHashMap(sorted.size());
      for (TensorEntry entry : sorted) {
        if (entry.offset() < next) {
          throw problem(entry.name(), "overlaps the tensor before it", AGAIN);
        }
        if (entry.offset() > next) {
          throw problem(
              entry.name(),
              "leaves a gap of %d bytes before it".formatted(entry.offset() - next),
              AGAIN);
        }
        next = entry.offset() + entry.bytes();
        ordered.put(entry.name(), entry);
      }
      long left = dataStart + dataBytes - next;
      if (left > 0) {
        throw problem("%d bytes at the end belong to no tensor".formatted(left), AGAIN);
      }
      return new SafetensorsHeader(
          Collections.unmodifiableMap(metadata), Collections.unmodifiableMap(ordered));
    }

    private FormatException problem(String what, String remedy) {
      return new FormatException("%s: %s; %s.".formatted(file, what, remedy));
    }

    private FormatException problem(String tensor, String what, String remedy) {
      return new FormatException(
          "%s: tensor %s %s; %s.".formatted(file, Messages.quote(tensor), what, remedy));
    }
  }
}
