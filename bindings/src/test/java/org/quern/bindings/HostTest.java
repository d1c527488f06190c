package org.quern.bindings;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HostTest {
  private static final String GLIBC_MAPS =
      """
      7f0000000000-7f0000001000 r-xp 00000000 fe:00 1 /usr/lib/x86_64-linux-gnu/libc.so.6
      7f0000002000-7f0000003000 r-xp 00000000 fe:00 2 /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
      """;
  private static final String OLD_GLIBC_MAPS =
      "7f0000000000-7f0000001000 r-xp 00000000 fe:00 1 /lib64/libc-2.17.so\n";
  private static final String MUSL_MAPS =
      """
      7f0000000000-7f0000001000 r-xp 00000000 fe:00 1 /lib/ld-musl-x86_64.so.1
      7f0000002000-7f0000003000 r--p 00000000 fe:00 2 /lib/gcompat/ld-linux-x86-64.so.2
      """;

  @ParameterizedTest
  @CsvSource({
    "Linux, amd64, linux-x86_64-glibc",
    "Linux, aarch64, linux-aarch64-glibc",
    "Linux, i386, linux-i686-glibc",
    "Linux, riscv64, linux-riscv64-glibc",
    "Mac OS X, aarch64, macos-aarch64",
    "Mac OS X, x86_64, macos-x86_64",
    "Windows 11, amd64, windows-x86_64",
    "Free BSD, amd64, free_bsd-x86_64",
    "'', '', unknown-unknown",
  })
  void namesThePlatform(String os, String arch, String id) {
    assertThat(Host.platform(os, arch, GLIBC_MAPS).id()).isEqualTo(id);
  }

  @Test
  void tellsTheLibraryThatTheVirtualMachineRunsOn() {
    assertThat(Host.platform("Linux", "amd64", OLD_GLIBC_MAPS).libc()).isEqualTo("glibc");
    assertThat(Host.platform("Linux", "amd64", MUSL_MAPS).id()).isEqualTo("linux-x86_64-musl");
  }

  @Test
  void aPropertyGoesBeforeAVariableAndBlankIsAbsent() {
    Host host =
        new Host(
            key -> Optional.of(key.equals("set") ? "property" : " "),
            key -> Optional.of("variable"),
            NativePlatform.current(),
            MountTable.EMPTY);
    assertThat(host.setting("set", "SET")).contains("property");
    assertThat(host.setting("blank", "BLANK")).contains("variable");
  }

  @Test
  void theMachineItselfHasARoot() {
    Host host = Host.current();
    if (host.platform().isLinux()) {
      assertThat(host.mounts().of(java.nio.file.Path.of("/"))).isPresent();
    }
    assertThat(NativePlatform.current()).isEqualTo(host.platform());
  }
}
