package org.quern.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** What a script stores must not be missing without a word. */
class StandardOutputTest {
  private static OutputStream refusing(String reason) {
    return new OutputStream() {
      @Override
      public void write(int value) throws IOException {
        throw new IOException(reason);
      }
    };
  }

  private static Cli.Result inspect(OutputStream stream) {
    ByteArrayOutputStream errors = new ByteArrayOutputStream();
    int code = Main.run(new StandardOutput(stream), errors, "--help");
    return new Cli.Result(code, "", errors.toString(StandardCharsets.UTF_8));
  }

  @Test
  void aFullDiskIsAFailure() {
    inspect(refusing("No space left on device")).failedWith("could not be written", "No space");
  }

  @Test
  void aReaderWhoHasSeenEnoughIsNot() {
    Cli.Result result = inspect(refusing("Broken pipe")).succeeded();
    assertThat(result.err()).isEmpty();
  }

  @Test
  void whatIsWrittenArrives() {
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    assertThat(inspect(stream).succeeded().err()).isEmpty();
    assertThat(stream.toString(StandardCharsets.UTF_8)).contains("Usage: quern");
  }
}
