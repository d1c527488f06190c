package org.quern.app;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Optional;

/** What a command prints to, which remembers why it could not be written. */
final class StandardOutput extends OutputStream {
  private final OutputStream stream;
  private Optional<IOException> failure = Optional.empty();

  StandardOutput(OutputStream stream) {
    this.stream = stream;
  }

  static StandardOutput ofProcess() {
    return new StandardOutput(new FileOutputStream(FileDescriptor.out));
  }

  @Override
  public void write(int value) throws IOException {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    try {
      stream.write(bytes, offset, length);
    } catch (IOException e) {
      failure = Optional.of(e);
      throw e;
    }
  }

  @Override
  public void flush() throws IOException {
    stream.flush();
  }

  /** What to say of it; nothing where the reader has only gone, as in {@code | head}. */
  Optional<String> complaint() {
    return failure
        .map(e -> String.valueOf(e.getMessage()))
        .filter(reason -> !reason.contains("Broken pipe"))
        .map(reason ->
            "quern: The output could not be written ("
                + reason
                + "); free some space or send it elsewhere.");
  }
}
