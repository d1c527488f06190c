package org.quern.data;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;

/**
 * Text to learn from: documents in a fixed order, each UTF-8, of any size together. Nothing is kept
 * in memory; each pass reads the documents again, and checks every byte.
 */
public final class Corpus {
  /** The longest piece of text a pass gives out, in {@code char}s. */
  static final int CHUNK = 1 << 20;

  private final String description;
  private final List<Document> documents;

  private Corpus(String description, List<Document> documents) {
    this.description = description;
    this.documents = List.copyOf(documents);
  }

  /**
   * A text file, or all files in a folder and the folders in it, ordered by path. Hidden files and
   * folders are passed over.
   *
   * @param path the file or folder
   * @param extensions which files of a folder count, such as {@code "txt"}; all if none is given
   * @throws CorpusException if there is no such path, no such file in it, or nothing in the files
   */
  public static Corpus of(Path path, String... extensions) {
    List<String> endings =
        Stream.of(extensions)
            .map(e -> (e.startsWith(".") ? e : "." + e).toLowerCase(Locale.ROOT))
            .toList();
    List<Document> documents = new ArrayList<>();
    try {
      if (Files.isDirectory(path)) {
        for (Path file : filesIn(path, endings)) {
          documents.add(new FileDocument(file, Files.size(file)));
        }
      } else if (Files.isRegularFile(path)) {
        documents.add(new FileDocument(path, Files.size(path)));
      } else {
        throw new CorpusException(
            "There is no text at " + path + "; give a text file or a folder of text files.");
      }
    } catch (IOException | UncheckedIOException e) {
      throw new CorpusException(
          "Cannot look through " + path + " (" + e.getMessage() + "); check that it can be read.",
          e);
    }
    if (documents.isEmpty()) {
      String kind = endings.isEmpty() ? "" : " whose name ends in " + String.join(" or ", endings);
      throw new CorpusException(
          "The folder "
              + path
              + " holds no file"
              + kind
              + "; give another folder or other extensions.");
    }
    return of(path.toString(), documents);
  }

  /**
   * Documents from elsewhere.
   *
   * @param description a name for reports
   * @throws CorpusException if they hold no text
   */
  public static Corpus of(String description, List<Document> documents) {
    Corpus corpus = new Corpus(description, documents);
    if (corpus.bytes() == 0) {
      throw new CorpusException(
          "The corpus " + description + " is empty; give text to learn from.");
    }
    return corpus;
  }

  /**
   * A text in memory.
   *
   * @throws CorpusException if it is empty
   */
  public static Corpus ofText(String name, String text) {
    return of(name, List.of(document(name, text.getBytes(StandardCharsets.UTF_8))));
  }

  /** A document in memory. */
  static Document document(String name, byte[] content) {
    return new MemoryDocument(name, content);
  }

  /** Where the text comes from, for reports. */
  public String description() {
    return description;
  }

  /** The documents in order. */
  public List<Document> documents() {
    return documents;
  }

  /** Bytes of all documents together. */
  public long bytes() {
    return documents.stream().mapToLong(Document::bytes).sum();
  }

  /**
   * Gives out the whole text in pieces of at most 1 Mi {@code char}s, cut before white space where
   * possible and never within a character: what a tokenizer is learned from.
   *
   * @throws CorpusException if a document cannot be read or is not UTF-8, with its name and the
   *     position of the byte
   */
  public void forEachChunk(Consumer<String> consumer) {
    for (Document document : documents) {
      read(document, Corpus::beforeWhiteSpace, consumer);
    }
  }

  /** Gives out one document in pieces, cut where {@code cut} says, or else anywhere. */
  static void read(Document document, ToIntFunction<String> cut, Consumer<String> consumer) {
    try (InputStream in = document.open();
        Utf8Reader reader = new Utf8Reader(in, document.name())) {
      StringBuilder held = new StringBuilder();
      while (reader.read(held, CHUNK - held.length())) {
        if (held.length() >= CHUNK) {
          String text = held.toString();
          int boundary = cut.applyAsInt(text);
          int end = boundary > 0 ? boundary : beforeLastCharacter(text);
          consumer.accept(text.substring(0, end));
          held.delete(0, end);
        }
      }
      if (!held.isEmpty()) {
        consumer.accept(held.toString());
      }
    } catch (IOException e) {
      throw new CorpusException(
          "Cannot read " + document.name() + " (" + e.getMessage() + "); check the file.", e);
    }
  }

  private static int beforeWhiteSpace(String text) {
    for (int i = text.length() - 1; i > 0; i--) {
      if (Character.isWhitespace(text.charAt(i)) && !Character.isWhitespace(text.charAt(i - 1))) {
        return i;
      }
    }
    return -1;
  }

  private static int beforeLastCharacter(String text) {
    int last = text.length() - 1;
    return Character.isHighSurrogate(text.charAt(last)) ? last : text.length();
  }

  private static List<Path> filesIn(Path folder, List<String> endings) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths
          .filter(file -> !hidden(folder.relativize(file)))
          .filter(file -> endings.isEmpty() || endings.stream().anyMatch(e -> endsWith(file, e)))
          .filter(Files::isRegularFile)
          .sorted(
              Comparator.comparing(file -> folder.relativize(file).toString().replace('\\', '/')))
          .toList();
    }
  }

  private static boolean hidden(Path relative) {
    for (Path part : relative) {
      if (part.toString().startsWith(".")) {
        return true;
      }
    }
    return false;
  }

  private static boolean endsWith(Path file, String ending) {
    return file.toString().toLowerCase(Locale.ROOT).endsWith(ending);
  }

  private record FileDocument(Path file, long bytes) implements Document {
    @Override
    public String name() {
      return file.toString();
    }

    @Override
    public InputStream open() throws IOException {
      return Files.newInputStream(file);
    }
  }

  private record MemoryDocument(String name, byte[] content) implements Document {
    @Override
    public long bytes() {
      return content.length;
    }

    @Override
    public InputStream open() {
      return new ByteArrayInputStream(content);
    }
  }
}
