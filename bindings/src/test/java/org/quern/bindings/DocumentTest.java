package org.quern.bindings;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What {@code docs/native-library.md} promises to list. */
class DocumentTest {
  private static final Path FILE =
      Path.of(System.getProperty("basedir", ".")).resolve("../docs/native-library.md").normalize();

  @TempDir Path temp;

  @ParameterizedTest
  @EnumSource(Verdict.class)
  void everyVerdictHasItsRow(Verdict verdict) throws IOException {
    assertThat(Files.readString(FILE)).contains("\n| " + verdict.label() + " | ");
  }

  @Test
  void everySettingIsListed() throws IOException {
    NativeLibrarySpec quern = NativeLibrarySpec.of("quern", DocumentTest.class.getClassLoader());
    assertThat(Files.readString(FILE))
        .contains(
            List.of(
                "`" + quern.switchProperty() + "`, `" + quern.switchVariable() + "`",
                "`" + quern.libraryProperty() + "`, `" + quern.libraryVariable() + "`",
                "`" + quern.folderProperty() + "`, `" + quern.folderVariable() + "`"));
  }

  @Test
  void theShellLinesWriteTheManifest() throws IOException, InterruptedException {
    TestLibrary library = TestLibrary.compile(temp);
    Process process =
        new ProcessBuilder("sh", "-c", block("sh", "echo name=mill"))
            .directory(temp.toFile())
            .start();
    assertThat(process.waitFor()).isZero();
    try (InputStream in = Files.newInputStream(temp.resolve("library.properties"))) {
      NativeManifest manifest = NativeManifest.read(in);
      assertThat(manifest.sha256()).isEqualTo(PackedLibrary.sha256(library.file()));
      assertThat(manifest.size()).isEqualTo(Files.size(library.file()));
      assertThat(manifest.file()).isEqualTo("libmill.so");
    }
  }

  @Test
  void theExampleLoadsALibraryOfAnotherProject() throws IOException, InterruptedException {
    Path jar = TestLibrary.compile(temp).jar(temp.resolve("mill.jar"), NativePlatform.current());
    Path example = temp.resolve("Mill.java");
    Files.writeString(
        example,
        """
        import java.lang.foreign.*;
        import java.lang.invoke.MethodHandle;
        import org.quern.bindings.*;

        class Mill {
          static void main() throws Throwable {
            %s
          }
        }
        """
            .formatted(block("java", "NativeLibrarySpec spec")));
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Dmill.native.dir=" + temp,
                "-cp",
                NativeLibraryProcessTest.classes(NativeLibrary.class) + ":" + jar,
                example.toString())
            .redirectErrorStream(true)
            .start();
    assertThat(process.inputReader().lines()).containsExactly("42");
    assertThat(process.waitFor()).isZero();
  }

  /** The code block in the language that starts with the words. */
  private static String block(String language, String words) throws IOException {
    String fence = "```" + language + "\n";
    return Files.readString(FILE)
        .lines()
        .collect(Collectors.joining("\n"))
        .transform(text -> Arrays.stream(text.split(Pattern.quote(fence))).skip(1))
        .filter(block -> block.contains(words))
        .map(block -> block.substring(0, block.indexOf("```")))
        .findFirst()
        .orElseThrow();
  }
}
