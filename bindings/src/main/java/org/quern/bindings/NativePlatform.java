package org.quern.bindings;

import java.util.List;

/**
 * What a native library was built for: {@code linux-x86_64-glibc}, {@code linux-aarch64-musl},
 * {@code macos-aarch64}, {@code windows-x86_64}.
 *
 * @param os {@code linux}, {@code macos}, {@code windows}, or what {@code os.name} says
 * @param arch {@code x86_64}, {@code aarch64}, or what {@code os.arch} says
 * @param libc {@code glibc} or {@code musl} on Linux, otherwise empty
 */
public record NativePlatform(String os, String arch, String libc) {
  /** The platforms that are looked for when a message is to say what a jar holds instead. */
  static final List<String> USUAL =
      List.of(
          "linux-x86_64-glibc",
          "linux-x86_64-musl",
          "linux-aarch64-glibc",
          "linux-aarch64-musl",
          "linux-riscv64-glibc",
          "macos-aarch64",
          "macos-x86_64",
          "windows-x86_64",
          "windows-aarch64");

  /** The platform of this virtual machine. */
  public static NativePlatform current() {
    return Host.current().platform();
  }

  /** The name of the folder that holds this platform's library in a jar. */
  public String id() {
    return libc.isEmpty() ? os + "-" + arch : os + "-" + arch + "-" + libc;
  }

  boolean isLinux() {
    return os.equals("linux");
  }

  boolean isPosix() {
    return !os.equals("windows");
  }

  @Override
  public String toString() {
    return id();
  }
}
