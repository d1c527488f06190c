package org.quern.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the peers share; the peers themselves are tried by running them. */
final class PeersTest {
  @TempDir private Path folder;

  @Test
  void productsAreNamedAsQuernNamesThem() {
    assertThat(Product.parse("forward:256x768x64"))
        .isEqualTo(new Product("forward:256x768x64", false, false, 256, 768, 64));
    assertThat(Product.parse("dx:1x2x3").turnedB()).isTrue();
    assertThat(Product.parse("dw:1x2x3").turnedA()).isTrue();
  }

  @Test
  void aMissingOptionIsNamed() {
    Options options = new Options(new String[] {"--batch", "12"});
    assertThat(options.number("batch")).isEqualTo(12);
    assertThatThrownBy(() -> options.text("context")).hasMessageContaining("--context");
  }

  @Test
  void medianAndCountAreThoseOfTheRuns() {
    assertThat(Measure.median(new double[] {1, 2, 9})).isEqualTo(2);
    assertThat(Measure.median(new double[] {1, 2})).isEqualTo(1.5);
    int[] runs = {0};
    double[] times = Measure.repeat(() -> runs[0]++, 2, 5, 0);
    assertThat(times).hasSize(5).isSorted();
    assertThat(runs[0]).isEqualTo(7);
  }

  /** Header, metadata, the list of tensors, and each tensor at its offset. */
  @Test
  void aGgufFileHasWhatItsHeaderSays() throws IOException {
    GgufFile file = new GgufFile(false);
    file.text("general.architecture", "llama");
    file.number("llama.block_count", 3);
    file.vector("norm", 5, true);
    file.matrix("weight", 7, 2);
    Path path = folder.resolve("model.gguf");
    file.write(path);
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(bytes.getInt()).isEqualTo(0x46554747);
    assertThat(bytes.getInt()).isEqualTo(3);
    assertThat(bytes.getLong()).isEqualTo(2);
    assertThat(bytes.getLong()).isEqualTo(2);
    assertThat(text(bytes)).isEqualTo("general.architecture");
    assertThat(bytes.getInt()).isEqualTo(8);
    assertThat(text(bytes)).isEqualTo("llama");
    assertThat(text(bytes)).isEqualTo("llama.block_count");
    assertThat(bytes.getInt()).isEqualTo(4);
    assertThat(bytes.getInt()).isEqualTo(3);
    assertThat(text(bytes)).isEqualTo("norm");
    assertThat(bytes.getInt()).isEqualTo(1);
    assertThat(bytes.getLong()).isEqualTo(5);
    assertThat(bytes.getInt()).isZero();
    assertThat(bytes.getLong()).isZero();
    assertThat(text(bytes)).isEqualTo("weight");
    assertThat(bytes.getInt()).isEqualTo(2);
    assertThat(bytes.getLong()).isEqualTo(7);
    assertThat(bytes.getLong()).isEqualTo(2);
    assertThat(bytes.getInt()).isZero();
    assertThat(bytes.getLong()).isEqualTo(32);
    int data = (bytes.position() + 31) / 32 * 32;
    for (int i = 0; i < 5; i++) {
      assertThat(bytes.getFloat(data + i * Float.BYTES)).isEqualTo(1);
    }
    assertThat(bytes.limit()).isEqualTo(data + 32 + 64);
    assertThat(bytes.getFloat(data + 32)).isNotZero().isBetween(-0.035f, 0.035f);
  }

  private static String text(ByteBuffer bytes) {
    byte[] name = new byte[(int) bytes.getLong()];
    bytes.get(name);
    return new String(name, StandardCharsets.UTF_8);
  }
}
