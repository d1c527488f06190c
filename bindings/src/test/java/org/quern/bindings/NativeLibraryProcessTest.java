package org.quern.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Loading where processes race, die, and find file systems that will not have the library. */
class NativeLibraryProcessTest {
  private static final NativePlatform HERE = NativePlatform.current();

  @TempDir Path temp;
  private Path jar;
  private Path cache;
  private Path folder;

  @BeforeEach
  void compile() throws IOException, InterruptedException {
    assumeTrue(HERE.isLinux(), "places libraries as Linux does");
    TestLibrary library = TestLibrary.compile(temp);
    jar = library.jar(temp.resolve("mill.jar"), HERE);
    cache = Files.createDirectory(temp.resolve("cache"));
    folder = cache.resolve("mill").resolve(PackedLibrary.sha256(library.file()));
  }

  @Test
  void sixteenProcessesStartAtOnceWithAnEmptyCache() throws IOException, InterruptedException {
    List<Process> processes = new ArrayList<>();
    try {
      for (int i = 0; i < 16; i++) {
        processes.add(start(java("gate")));
      }
      for (Process process : processes) {
        assertThat(process.inputReader().readLine()).isEqualTo("ready");
      }
      for (Process process : processes) {
        process.getOutputStream().write('\n');
        process.getOutputStream().flush();
      }
      for (Process process : processes) {
        assertThat(rest(process))
            .startsWith(folder.resolve("libmill.so") + ": loaded")
            .endsWith("answer 42\n");
        assertThat(process.waitFor()).isZero();
      }
    } finally {
      processes.forEach(Process::destroyForcibly);
    }
    assertThat(names()).containsExactly("libmill.so");
  }

  @Test
  void aProcessKilledWhileWritingHarmsNobody() throws IOException, InterruptedException {
    Process process = start(java("half"));
    try {
      assertThat(process.inputReader().readLine()).isEqualTo("half");
    } finally {
      process.destroyForcibly();
    }
    assertThat(process.waitFor()).as("killed").isEqualTo(128 + 9);
    assertThat(names()).singleElement().asString().endsWith(".part");
    assertThat(rest(start(java("")))).contains(": loaded").endsWith("answer 42\n");
    assertThat(names()).hasSize(2).contains("libmill.so");
  }

  @Test
  void aNoexecCacheIsNamedAndTheNextFolderServes() throws IOException, InterruptedException {
    Path home = Files.createDirectory(temp.resolve("home"));
    String output = rest(start(mounted("noexec", java("", "-Duser.home=" + home))));
    assertThat(output)
        .startsWith(cache + " (XDG_CACHE_HOME): noexec: ")
        .contains("(tmpfs mounted noexec at " + cache + ")")
        .contains(home + "/.cache/mill")
        .endsWith("answer 42\n");
  }

  @Test
  void aFolderThatTurnsOutNotToAllowExecutionIsLeftForTheNext()
      throws IOException, InterruptedException {
    Path home = Files.createDirectory(temp.resolve("home"));
    String output = rest(start(mounted("noexec", java("blind", "-Duser.home=" + home))));
    assertThat(output)
        .contains("libmill.so may not be executed there (")
        .contains(home + "/.cache/mill")
        .endsWith("answer 42\n");
  }

  @Test
  void whereNoFolderAllowsExecutionAFileInMemoryServes() throws IOException, InterruptedException {
    List<String> java = java("", "-Duser.home=" + cache, "-Djava.io.tmpdir=" + cache);
    String script = "mount -t tmpfs -o noexec none /dev/shm && exec \"$@\"";
    List<String> command = new ArrayList<>(List.of("sh", "-c", script, "sh"));
    command.addAll(java);
    String output = rest(start(mounted("noexec", command)));
    assertThat(output)
        .contains("(tmpfs mounted noexec at " + cache + ")")
        .contains("(tmpfs mounted noexec at /dev/shm)")
        .contains("/proc/self/fd/", ": loaded: ")
        .endsWith("answer 42\n");
  }

  @Test
  void anExplicitFolderGoesBeforeANoexecCache() throws IOException, InterruptedException {
    Path chosen = temp.resolve("chosen");
    String output = rest(start(mounted("noexec", java("", "-Dmill.native.dir=" + chosen))));
    assertThat(output).startsWith(chosen + "/mill/").endsWith("answer 42\n");
  }

  @Test
  void aReadOnlyHomeIsNamedAndTheNextFolderServes() throws IOException, InterruptedException {
    List<String> java = java("", "-Duser.home=" + cache, "-Djava.io.tmpdir=" + temp);
    String output = rest(start(mounted("ro", java)));
    assertThat(output)
        .startsWith(
            cache
                + " (XDG_CACHE_HOME): read-only: %s is read-only (tmpfs mounted ro at %s)"
                    .formatted(cache, cache))
        .contains(cache + "/.cache (the home folder): read-only: ")
        .contains(temp + "/mill-")
        .endsWith("answer 42\n");
  }

  @Test
  void aFullFileSystemIsNamedAndTheNextFolderServes() throws IOException, InterruptedException {
    Path home = Files.createDirectory(temp.resolve("home"));
    String output = rest(start(mounted("size=8k", java("", "-Duser.home=" + home))));
    assertThat(output)
        .startsWith(cache + " (XDG_CACHE_HOME): no space: " + cache + " has no space left")
        .contains(home + "/.cache/mill")
        .endsWith("answer 42\n");
  }

  @Test
  void aFolderWithoutPermissionIsNamedAndTheNextServes() throws IOException, InterruptedException {
    assumeTrue(Libc.effectiveUser() != 0 || canBecomeNobody(), "needs an unprivileged user");
    List<String> command = new ArrayList<>();
    if (Libc.effectiveUser() == 0) {
      command.addAll(List.of("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"));
    } else {
      Files.setPosixFilePermissions(cache, Set.of());
    }
    command.addAll(java("", "-Duser.home=/", "-Djava.io.tmpdir=/tmp"));
    assertThat(rest(start(command)))
        .startsWith(cache + " (XDG_CACHE_HOME): no permission: ")
        .endsWith("answer 42\n");
  }

  @Test
  void deniedNativeAccessIsExplained() throws IOException, InterruptedException {
    List<String> java = java("");
    java.remove("--enable-native-access=ALL-UNNAMED");
    java.add(1, "--illegal-native-access=deny");
    assertThat(rest(start(java)))
        .isEqualTo("mill: native access denied: this Java denies native access to its module\n");
  }

  @Test
  void nothingIsPrintedToTheErrorStream() throws IOException, InterruptedException {
    Path text = Files.writeString(temp.resolve("text.so"), "not a library");
    List<String> java = java("", "-Dmill.native.library=" + text);
    Process process = new ProcessBuilder(java).start();
    assertThat(rest(process)).startsWith(text + ": not loadable: ");
    assertThat(new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8))
        .isEmpty();
  }

  private boolean canBecomeNobody() throws IOException, InterruptedException {
    try {
      Files.setPosixFilePermissions(temp, PosixFilePermissions.fromString("rwxr-xr-x"));
      List<String> command =
          List.of(
              "setpriv",
              "--reuid=65534",
              "--regid=65534",
              "--clear-groups",
              "sh",
              "-c",
              "test -r '" + classes(LoadOnce.class) + "' -a -r '" + jar + "'");
      return new ProcessBuilder(command).start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  /** The command in a name space where the cache folder is a file system with the options. */
  private List<String> mounted(String options, List<String> command)
      throws IOException, InterruptedException {
    List<String> probe =
        List.of("unshare", "-rm", "sh", "-c", "mount -t tmpfs none '" + cache + "'");
    boolean possible;
    try {
      possible = new ProcessBuilder(probe).start().waitFor() == 0;
    } catch (IOException e) {
      possible = false;
    }
    assumeTrue(possible, "may not mount file systems in a name space of its own");
    List<String> all = new ArrayList<>();
    all.addAll(List.of("unshare", "-rm", "sh", "-c"));
    all.add("mount -t tmpfs -o mode=700," + options + " none '" + cache + "' && exec \"$@\"");
    all.add("sh");
    all.addAll(command);
    return all;
  }

  private List<String> java(String mode, String... properties) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("--enable-native-access=ALL-UNNAMED");
    command.addAll(
        List.of("-Xmx32m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"));
    command.addAll(List.of(properties));
    command.add("-cp");
    command.add(classes(NativeLibrary.class) + ":" + classes(LoadOnce.class) + ":" + jar);
    command.add(LoadOnce.class.getName());
    command.add(mode);
    return command;
  }

  private Process start(List<String> command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("XDG_CACHE_HOME", cache.toString());
    return builder.start();
  }

  private static String rest(Process process) throws IOException {
    try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
      return reader.lines().map(line -> line + "\n").reduce("", String::concat);
    }
  }

  private Stream<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> String.valueOf(file.getFileName())).toList().stream();
    }
  }

  /** The folder or jar that a class of the test's own comes from. */
  static Path classes(Class<?> type) {
    String entry = "/" + type.getName().replace('.', '/') + ".class";
    String url = String.valueOf(type.getResource(entry));
    String base = url.substring(0, url.length() - entry.length());
    String file = base.startsWith("jar:") ? base.substring(4, base.length() - 1) : base;
    return Path.of(URI.create(file));
  }
}
