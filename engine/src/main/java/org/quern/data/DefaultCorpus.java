package org.quern.data;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Enumeration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Real text that is on every machine with a JDK: the Java sources of {@code java.base} in its
 * {@code lib/src.zip}, without licence headers, or else the licences and notices in its {@code
 * legal} folder. Nothing is downloaded.
 */
public final class DefaultCorpus {
  /** About how much text {@link #find()} takes. */
  public static final long USUAL_BYTES = 8L << 20;

  private static final List<String> PACKAGES =
      List.of(
          "java.base/java/util/",
          "java.base/java/lang/",
          "java.base/java/io/",
          "java.base/java/nio/",
          "java.base/java/time/",
          "java.base/java/math/",
          "java.base/java/net/",
          "java.base/java/text/");

  private DefaultCorpus() {}

  /** The default corpus of the JDK that runs this, about {@value #USUAL_BYTES} bytes. */
  public static Corpus find() {
    return find(Path.of(System.getProperty("java.home")), USUAL_BYTES);
  }

  /**
   * The default corpus of a JDK. The same JDK and size give the same text. Its {@link
   * Corpus#description} says what was used.
   *
   * @param home the JDK's folder
   * @param mostBytes about how much to take
   * @throws CorpusException if the JDK has neither sources nor legal notices
   */
  public static Corpus find(Path home, long mostBytes) {
    Path sources = home.resolve("lib").resolve("src.zip");
    Path legal = home.resolve("legal");
    List<Document> documents = new ArrayList<>();
    try {
      if (Files.isRegularFile(sources)) {
        documents.addAll(sources(sources, mostBytes));
        if (!documents.isEmpty()) {
          return Corpus.of("Java sources of java.base in " + sources, documents);
        }
      }
      if (Files.isDirectory(legal)) {
        documents.addAll(notices(legal, mostBytes));
      }
    } catch (IOException | UncheckedIOException e) {
      throw new CorpusException(
          "Cannot read the default corpus in "
              + home
              + " ("
              + e.getMessage()
              + "); give a text file or a folder of your own.",
          e);
    }
    if (documents.isEmpty()) {
      throw new CorpusException(
          "The JDK in "
              + home
              + " has neither sources (lib/src.zip) nor legal notices to learn from; give a text"
              + " file or a folder of your own.");
    }
    return Corpus.of("legal notices in " + legal + " (the JDK has no lib/src.zip)", documents);
  }

  private static List<Document> sources(Path archive, long mostBytes) throws IOException {
    List<Document> documents = new ArrayList<>();
    long total = 0;
    try (ZipFile zip = new ZipFile(archive.toFile())) {
      for (ZipEntry entry : entries(zip)) {
        if (total >= mostBytes) {
          break;
        }
        byte[] text = withoutLicence(read(zip, entry));
        total += text.length;
        documents.add(Corpus.document(archive + "!" + entry.getName(), text));
      }
    }
    return documents;
  }

  /** In an order that mixes packages: the held-out end should be like the rest. */
  private static List<ZipEntry> entries(ZipFile zip) {
    List<ZipEntry> entries = new ArrayList<>();
    for (Enumeration<? extends ZipEntry> all = zip.entries(); all.hasMoreElements(); ) {
      ZipEntry entry = all.nextElement();
      if (isWanted(entry.getName())) {
        entries.add(entry);
      }
    }
    entries.sort(
        Comparator.<ZipEntry>comparingLong(e -> Permutation.mix(e.getName().hashCode()))
            .thenComparing(ZipEntry::getName));
    return entries;
  }

  private static boolean isWanted(String name) {
    return name.endsWith(".java") && PACKAGES.stream().anyMatch(name::startsWith);
  }

  private static byte[] read(ZipFile zip, ZipEntry entry) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (InputStream in = zip.getInputStream(entry)) {
      in.transferTo(out);
    }
    return out.toByteArray();
  }

  /** The comment at the top is the same in most files and would be all that a model learns. */
  private static byte[] withoutLicence(byte[] source) {
    String text = new String(source, StandardCharsets.UTF_8);
    int end = text.startsWith("/*") ? text.indexOf("*/") : -1;
    return end < 0
        ? source
        : text.substring(end + 2).stripLeading().getBytes(StandardCharsets.UTF_8);
  }

  private static List<Document> notices(Path folder, long mostBytes) throws IOException {
    List<Document> documents = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    long total = 0;
    List<Path> files;
    try (Stream<Path> paths = Files.walk(folder)) {
      files = paths.filter(Files::isRegularFile).sorted().toList();
    }
    for (Path file : files) {
      String text = Files.readString(file);
      // Each module has its own copy of the same licences.
      if (total < mostBytes && seen.add(text)) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        total += bytes.length;
        documents.add(Corpus.document(file.toString(), bytes));
      }
    }
    return documents;
  }
}
