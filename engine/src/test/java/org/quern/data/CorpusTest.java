package org.quern.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CorpusTest {
  @TempDir private Path folder;

  private static String text(Corpus corpus) {
    StringBuilder out = new StringBuilder();
    corpus.forEachChunk(out::append);
    return out.toString();
  }

  private Path write(String name, String text) {
    try {
      Path file = folder.resolve(name);
      Files.createDirectories(file.getParent());
      return Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void readsAFolderInOrder() {
    write("b.txt", "2");
    write("a/z.TXT", "1");
    write("c.md", "x");
    write("d/e/f.txt", "3");
    write(".hidden/g.txt", "x");
    write(".h.txt", "x");
    assertThat(text(Corpus.of(folder, "txt"))).isEqualTo("123");
    assertThat(text(Corpus.of(folder, ".txt", "md"))).isEqualTo("12x3");
    assertThat(text(Corpus.of(folder))).isEqualTo("12x3");
    assertThat(text(Corpus.of(folder.resolve("c.md")))).isEqualTo("x");
    assertThatThrownBy(() -> Corpus.of(folder, "java"))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("no file whose name ends in .java");
    assertThatThrownBy(() -> Corpus.of(folder.resolve("nowhere")))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("no text at");
  }

  @Test
  void refusesNoText() {
    write("a.txt", "");
    assertThatThrownBy(() -> Corpus.of(folder))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("is empty");
    assertThatThrownBy(() -> Corpus.of(folder.resolve("a.txt"))).hasMessageContaining("is empty");
    assertThatThrownBy(() -> Corpus.ofText("t", "")).hasMessageContaining("is empty");
    assertThatThrownBy(() -> Corpus.of("none", List.of())).hasMessageContaining("is empty");
  }

  @Test
  void givesBackLongTextsWhole() {
    Random random = new Random(9);
    String[] parts = {"word", " ", "\n", "磨坊", "😀😀", "é"};
    StringBuilder text = new StringBuilder();
    while (text.length() < 2.5 * Corpus.CHUNK) {
      text.append(parts[random.nextInt(parts.length)]);
    }
    List<String> chunks = new ArrayList<>();
    Corpus.of(write("a.txt", text.toString())).forEachChunk(chunks::add);
    assertThat(String.join("", chunks).contentEquals(text)).isTrue();
    assertThat(chunks.size()).isGreaterThan(2);
    for (String chunk : chunks.subList(1, chunks.size())) {
      assertThat(Character.isWhitespace(chunk.charAt(0))).isTrue();
    }
    String pairs = "a" + "😀".repeat(Corpus.CHUNK);
    chunks.clear();
    Corpus.of(write("b.txt", pairs)).forEachChunk(chunks::add);
    assertThat(String.join("", chunks)).isEqualTo(pairs);
    for (String chunk : chunks) {
      assertThat(Character.isLowSurrogate(chunk.charAt(0))).isFalse();
    }
  }

  @Test
  void passesOverAByteOrderMark() {
    assertThat(text(Corpus.of(write("a.txt", "\uFEFFabc\uFEFF")))).isEqualTo("abc\uFEFF");
  }

  @Test
  void namesTheByteThatIsNotUtf8() throws IOException {
    byte[][] wrong = {
      {(byte) 0xFF},
      {(byte) 0xE4, 'x'},
      {(byte) 0xED, (byte) 0xA0, (byte) 0x80},
      {(byte) 0xE7, (byte) 0xA3}
    };
    for (byte[] bytes : wrong) {
      for (int at :
          new int[] {0, 1, 1000, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 1 << 20, (1 << 20) + 3}) {
        byte[] content = new byte[at + bytes.length];
        Arrays.fill(content, (byte) 'a');
        System.arraycopy(bytes, 0, content, at, bytes.length);
        Path file = Files.write(folder.resolve("a.txt"), content);
        assertThatThrownBy(() -> text(Corpus.of(file)))
            .isInstanceOf(CorpusException.class)
            .hasMessageContaining(file.toString())
            .hasMessageContaining("0x%02X at position %,d ".formatted(bytes[0], at));
      }
    }
    byte[] latin = "Mühle".getBytes(StandardCharsets.ISO_8859_1);
    Path file = Files.write(folder.resolve("latin.txt"), latin);
    assertThatThrownBy(() -> text(Corpus.of(file))).hasMessageContaining("0xFC at position 1 ");
  }

  @Test
  void theDefaultIsRealTextOfThisJdk() {
    Corpus corpus = DefaultCorpus.find(Path.of(System.getProperty("java.home")), 1 << 20);
    String text = text(corpus);
    assertThat(text.length()).isGreaterThan(100_000);
    assertThat(corpus.description()).contains(System.getProperty("java.home"));
    assertThat(text(DefaultCorpus.find(Path.of(System.getProperty("java.home")), 1 << 20)))
        .isEqualTo(text);
  }

  @Test
  void theDefaultLeavesLicencesOut() throws IOException {
    Path archive = Files.createDirectories(folder.resolve("lib")).resolve("src.zip");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(archive))) {
      for (String name :
          new String[] {"java.base/java/util/A.java", "java.desktop/java/awt/B.java"}) {
        zip.putNextEntry(new ZipEntry(name));
        zip.write("/* licence */\n\npackage p;\n".getBytes(StandardCharsets.UTF_8));
      }
    }
    assertThat(text(DefaultCorpus.find(folder, 1 << 20))).isEqualTo("package p;\n");
  }

  @Test
  void theDefaultFallsBackOnLegalNotices() {
    write("legal/java.base/LICENSE", "Free to use.");
    write("legal/java.desktop/LICENSE", "Free to use.");
    write("legal/java.xml/dom.md", "Some notice.");
    Corpus corpus = DefaultCorpus.find(folder, 1 << 20);
    assertThat(text(corpus)).isEqualTo("Free to use.Some notice.");
    assertThat(corpus.description()).contains("legal notices").contains("no lib/src.zip");
    Path empty = folder.resolve("empty");
    assertThatThrownBy(() -> DefaultCorpus.find(empty, 1 << 20))
        .isInstanceOf(CorpusException.class)
        .hasMessageContaining("give a text file");
    write("broken/lib/src.zip", "not a zip");
    assertThatThrownBy(() -> DefaultCorpus.find(folder.resolve("broken"), 1 << 20))
        .isInstanceOf(CorpusException.class);
  }
}
