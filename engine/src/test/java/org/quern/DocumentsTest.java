package org.quern;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Links, names of files and excerpts in the repository's documents lead somewhere. */
class DocumentsTest {
  private static final Path ROOT =
      Path.of(System.getProperty("basedir", ".")).resolve("..").toAbsolutePath().normalize();
  private static final Path ARCHITECTURE = ROOT.resolve("docs/architecture.md");
  private static final Set<String> SOURCES = Set.of("java", "c", "h", "def");

  private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");
  private static final Pattern BLOCK = Pattern.compile("(?ms)^```(\\w*)\n(.*?)^```$");
  private static final Pattern HEADING = Pattern.compile("(?m)^#+ (.*)$");
  private static final Pattern FILE_NAME =
      Pattern.compile("`([\\w./-]*\\w\\.(?:java|c|h|def|sh|md))`");

  @Test
  void linksLeadSomewhere() throws IOException {
    List<String> dead = new ArrayList<>();
    int count = 0;
    for (Path document : documents()) {
      for (String link : found(LINK, Files.readString(document), 1)) {
        if (!link.contains("://")) {
          count++;
          if (!leadsSomewhere(document, link)) {
            dead.add(ROOT.relativize(document) + ": " + link);
          }
        }
      }
    }
    assertThat(count).isGreaterThan(10);
    assertThat(dead).as("links to files or headings that are not there").isEmpty();
  }

  private static boolean leadsSomewhere(Path document, String link) throws IOException {
    String[] parts = link.split("#", 2);
    Path target =
        parts[0].isEmpty() ? document : document.resolveSibling(parts[0]).toAbsolutePath();
    if (!Files.isRegularFile(target)) {
      return false;
    }
    return parts.length == 1
        || found(HEADING, Files.readString(target), 1).stream()
            .map(heading -> heading.toLowerCase(Locale.ROOT))
            .map(heading -> heading.replaceAll("[^\\w -]", "").replace(' ', '-'))
            .anyMatch(parts[1]::equals);
  }

  @Test
  void filesThatAreNamedAreThere() throws IOException {
    List<String> files = sources().stream().map(DocumentsTest::name).toList();
    List<String> missing =
        found(FILE_NAME, Files.readString(ARCHITECTURE), 1).stream()
            .filter(named ->
                files.stream().noneMatch(file -> file.equals(named) || isEndOf(named, file)))
            .toList();
    assertThat(missing).as("files that docs/architecture.md names and nobody has").isEmpty();
  }

  /** {@code cases/BackendTest.java}, or {@code bindings/HostTest.java} of another module. */
  private static boolean isEndOf(String named, String file) {
    return file.endsWith("/" + named);
  }

  @Test
  void excerptsAreWhatTheSourcesSay() throws IOException {
    Set<String> lines =
        sources().stream()
            .filter(file -> SOURCES.contains(name(file).replaceAll(".*\\.", "")))
            .flatMap(DocumentsTest::lines)
            .map(String::strip)
            .collect(Collectors.toSet());
    List<String> excerpts =
        BLOCK
            .matcher(Files.readString(ARCHITECTURE))
            .results()
            .filter(block -> SOURCES.contains(block.group(1)))
            .flatMap(block -> block.group(2).lines())
            .map(String::strip)
            .filter(line -> !line.isEmpty())
            .toList();
    assertThat(excerpts).hasSizeGreaterThan(20);
    assertThat(excerpts.stream().filter(line -> !lines.contains(line)))
        .as("lines that docs/architecture.md quotes and no source has")
        .isEmpty();
  }

  private static List<Path> documents() throws IOException {
    return sources().stream().filter(file -> name(file).endsWith(".md")).toList();
  }

  /** All files but hidden and built ones. */
  private static List<Path> sources() throws IOException {
    List<Path> found = new ArrayList<>();
    Files.walkFileTree(
        ROOT,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
            String name = folder.getFileName().toString();
            boolean skipped = !folder.equals(ROOT) && name.matches("\\..*|target|runs");
            return skipped ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            found.add(file);
            return FileVisitResult.CONTINUE;
          }
        });
    return found;
  }

  private static String name(Path file) {
    return ROOT.relativize(file).toString().replace('\\', '/');
  }

  private static Stream<String> lines(Path file) {
    try {
      return Files.readString(file, StandardCharsets.UTF_8).lines();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<String> found(Pattern pattern, String text, int group) {
    return pattern.matcher(text).results().map((MatchResult match) -> match.group(group)).toList();
  }
}
