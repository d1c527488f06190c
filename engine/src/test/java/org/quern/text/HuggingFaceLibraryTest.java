package org.quern.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Machines on which the library does not load: a process of its own for each. */
class HuggingFaceLibraryTest {
  private static final String PROBE =
      """
      import java.nio.file.Path;
      import org.quern.text.Tokenizer;
      import org.quern.text.TokenizerException;
      import org.quern.text.Tokenizers;

      class Probe {
        public static void main(String[] folders) {
          for (String folder : folders) {
            try (Tokenizer tokenizer = Tokenizers.read(Path.of(folder))) {
              System.out.println("read " + tokenizer.decode(tokenizer.encode("The mill.")));
            } catch (TokenizerException e) {
              System.out.println("refused " + e.getMessage());
            }
          }
        }
      }
      """;

  @TempDir private Path folder;

  @Test
  void withoutItOurOwnFilesAreReadAndOthersExplained() throws Exception {
    String foreign = foreign();
    List<String> lines =
        run(List.of("-DRUST_LIBRARY_PATH=" + folder.resolve("nowhere")), ours(), foreign, foreign);
    assertThat(lines).hasSize(3);
    assertThat(lines.get(0)).isEqualTo("read The mill.");
    for (String refusal : lines.subList(1, 3)) {
      assertThat(refusal)
          .startsWith("refused " + foreign)
          .contains("WordPiece tokenizer", "cannot be loaded here", "nowhere", "DJL_CACHE_DIR")
          .endsWith(".");
    }
  }

  @Test
  void aBrokenLibraryIsExplained() throws Exception {
    Path library = Files.createDirectories(folder.resolve("lib"));
    Files.writeString(library.resolve(System.mapLibraryName("tokenizers")), "no library");
    List<String> lines = run(List.of("-DRUST_LIBRARY_PATH=" + library), foreign(), foreign());
    assertThat(lines).hasSize(2);
    assertThat(lines)
        .allSatisfy(
            line -> assertThat(line).startsWith("refused ").contains("cannot be loaded here"));
  }

  @Test
  void aCacheThatCannotBeWrittenIsExplained() throws Exception {
    Path file = Files.writeString(folder.resolve("file"), "where a folder should be");
    List<String> lines = run(List.of("-DDJL_CACHE_DIR=" + file.resolve("cache")), foreign());
    assertThat(lines).hasSize(1);
    assertThat(lines.getFirst())
        .startsWith("refused ")
        .contains("its native library could not be unpacked", file.toString());
  }

  @Test
  void aFreshHomeWorksWithoutANetwork() throws Exception {
    Path home = Files.createDirectories(folder.resolve("home"));
    List<String> lines =
        run(
            List.of("-Duser.home=" + home, "-Dhttps.proxyHost=localhost", "-Dhttps.proxyPort=1"),
            foreign());
    assertThat(lines).containsExactly("read the mill.");
  }

  private String ours() {
    BpeTrainer trainer = new BpeTrainer(300);
    trainer.add(SampleTexts.PROSE);
    trainer.train().save(folder.resolve("ours"));
    return folder.resolve("ours").toString();
  }

  /** A kind that is not ours to read. */
  private String foreign() throws IOException {
    Path other = Files.createDirectories(folder.resolve("foreign"));
    Files.writeString(
        other.resolve("tokenizer.json"),
        """
        {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
         "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
         "post_processor": null, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
         "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
           "max_input_chars_per_word": 100,
           "vocab": {"[UNK]": 0, "the": 1, "mill": 2, ".": 3}}}
        """);
    return other.toString();
  }

  private List<String> run(List<String> options, String... folders) throws Exception {
    Path probe = Files.writeString(folder.resolve("Probe.java"), PROBE);
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx256m", "--enable-native-access=ALL-UNNAMED"));
    command.addAll(options);
    command.addAll(List.of("-cp", classPath(), probe.toString()));
    command.addAll(List.of(folders));
    Path errors = folder.resolve("errors");
    Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
    List<String> lines;
    try (Stream<String> output = process.inputReader().lines()) {
      lines = output.toList();
    }
    assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(errors)).isZero();
    return lines;
  }

  private static String classPath() {
    return Stream.of("jdk.module.path", "java.class.path")
        .map(name -> System.getProperty(name, ""))
        .filter(path -> !path.isEmpty())
        .collect(Collectors.joining(File.pathSeparator));
  }
}
