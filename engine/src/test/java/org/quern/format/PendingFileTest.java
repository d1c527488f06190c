package org.quern.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PendingFileTest {
  @TempDir private Path folder;

  private static void write(Path target) throws IOException {
    try (PendingFile file = PendingFile.create(target)) {
      assertThat(file.channel().write(ByteBuffer.wrap(new byte[] {1}))).isEqualTo(1);
      file.sync();
      file.commit();
    }
  }

  /** As a device is: in its place a file would do harm. */
  @Test
  void whatIsNoFileStays() throws IOException {
    Path socket = folder.resolve("socket");
    try (ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      assertThat(channel.bind(UnixDomainSocketAddress.of(socket)).isOpen()).isTrue();
      assertThatThrownBy(() -> write(socket))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("no file");
      assertThat(Files.isRegularFile(socket)).isFalse();
    }
  }

  @Test
  void aLinkGoesOnLeadingToItsFile() throws IOException {
    Path file = Files.write(folder.resolve("file"), new byte[] {7, 7});
    Path link = Files.createSymbolicLink(folder.resolve("link"), file);
    write(link);
    assertThat(link).isSymbolicLink();
    assertThat(Files.readAllBytes(file)).containsExactly(1);
  }
}
