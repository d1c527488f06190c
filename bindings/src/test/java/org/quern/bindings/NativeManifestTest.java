package org.quern.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NativeManifestTest {
  private static final String GOOD =
      """
      name=mill
      file=libmill.so
      size=15000
      sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      platform=linux-x86_64-glibc
      tiers=scalar, avx2,avx512
      other=is ignored
      """;

  @Test
  void readsEveryKey() throws IOException {
    NativeManifest manifest = read(GOOD);
    assertThat(manifest.name()).isEqualTo("mill");
    assertThat(manifest.file()).isEqualTo("libmill.so");
    assertThat(manifest.size()).isEqualTo(15000);
    assertThat(manifest.sha256()).startsWith("e3b0c442");
    assertThat(manifest.platform()).isEqualTo("linux-x86_64-glibc");
    assertThat(manifest.tiers()).containsExactly("scalar", "avx2", "avx512");
    assertThat(read(GOOD.replaceAll("tiers=.*\n", "")).tiers()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"name", "file", "size", "sha256", "platform"})
  void saysWhichKeyIsMissing(String key) {
    assertThatThrownBy(() -> read(GOOD.replaceAll("(?m)^" + key + "=.*\n", "")))
        .isInstanceOf(NativeLibraryException.class)
        .hasMessage("library.properties lacks the key " + key + ".");
  }

  @ParameterizedTest
  @CsvSource({
    "file, ../../evil.so",
    "file, /etc/evil.so",
    "file, .hidden",
    "size, -1",
    "size, 0",
    "size, many",
    "size, 99999999999999999999",
    "sha256, E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
    "sha256, ../../../etc",
  })
  void refusesWhatIsNotOfTheRightForm(String key, String value) {
    assertThatThrownBy(() -> read(GOOD.replaceAll("(?m)^" + key + "=.*", key + "=" + value)))
        .isInstanceOf(NativeLibraryException.class)
        .hasMessageStartingWith("library.properties says " + key + "=");
  }

  @Test
  void refusesWhatIsNoProperties() {
    assertThatThrownBy(() -> read(GOOD + "x=\\u00zz\n"))
        .isInstanceOf(NativeLibraryException.class)
        .hasMessageContaining("malformed");
    assertThatThrownBy(() -> read("#".repeat(100_000)))
        .isInstanceOf(NativeLibraryException.class)
        .hasMessageContaining("larger than 64 KiB");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "Mill", "../mill", "1mill", "mi ll"})
  void refusesNamesThatCouldLeaveTheirFolder(String name) {
    ClassLoader loader = ClassLoader.getPlatformClassLoader();
    assertThatThrownBy(() -> NativeLibrarySpec.of(name, loader))
        .isInstanceOf(NativeLibraryException.class)
        .hasMessageContaining("not '" + name + "'");
  }

  private static NativeManifest read(String text) throws IOException {
    return NativeManifest.read(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
  }
}
