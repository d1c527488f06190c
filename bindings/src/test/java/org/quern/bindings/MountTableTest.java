package org.quern.bindings;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class MountTableTest {
  private static final MountTable TABLE =
      MountTable.parse(
          """
          27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
          28 27 0:23 / /tmp rw,nosuid,noexec - tmpfs tmpfs rw,size=1024k
          29 27 0:24 / /mnt/a\\040b\\134c rw master:1 propagate_from:2 - nfs server:/x ro,vers=4
          30 28 0:25 / /tmp/inner rw - tmpfs tmpfs rw
          31 28 0:26 / /tmp/inner ro - tmpfs tmpfs rw
          nonsense
          32 1 0:1 / /short rw -
          """);

  @Test
  void theDeepestMountHoldsThePath() {
    assertThat(TABLE.of(Path.of("/var/x")).orElseThrow().type()).isEqualTo("ext4");
    MountTable.Mount tmp = TABLE.of(Path.of("/tmp/x/y")).orElseThrow();
    assertThat(tmp.has("noexec")).isTrue();
    assertThat(tmp.point()).isEqualTo(Path.of("/tmp"));
    assertThat(TABLE.of(Path.of("/tmpx")).orElseThrow().point()).isEqualTo(Path.of("/"));
  }

  @Test
  void theLastOfTwoAtOnePointCounts() {
    MountTable.Mount inner = TABLE.of(Path.of("/tmp/inner/x")).orElseThrow();
    assertThat(inner.has("ro")).isTrue();
    assertThat(inner.has("noexec")).isFalse();
  }

  @Test
  void readsEscapesOptionalFieldsAndTheFileSystemsOwnOptions() {
    MountTable.Mount nfs = TABLE.of(Path.of("/mnt/a b\\c/x")).orElseThrow();
    assertThat(nfs.type()).isEqualTo("nfs");
    assertThat(nfs.has("ro")).isTrue();
  }

  @Test
  void leavesLinesOutThatItCannotRead() {
    assertThat(TABLE.mounts()).hasSize(5);
    assertThat(MountTable.parse("").of(Path.of("/"))).isEmpty();
  }
}
