package org.quern.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.quern.bindings.NativeLibrary.Loaded;
import org.quern.bindings.NativeLibrary.Refused;
import org.quern.bindings.NativeLibrary.Result;

class NativeLibraryTest {
  private static final NativePlatform HERE = NativePlatform.current();

  @TempDir Path temp;
  private final Map<String, String> properties = new HashMap<>();
  private final Map<String, String> variables = new HashMap<>();
  private TestLibrary library;
  private Path cache;

  @BeforeEach
  void compile() throws IOException, InterruptedException {
    assumeTrue(HERE.isLinux(), "places libraries as Linux does");
    library = TestLibrary.compile(temp);
    cache = Files.createDirectory(temp.resolve("cache"));
    properties.put("user.home", temp.resolve("home").toString());
    properties.put("java.io.tmpdir", Files.createDirectory(temp.resolve("tmp")).toString());
    variables.put("XDG_CACHE_HOME", cache.toString());
  }

  @Test
  void loadsFromTheFirstFolderUnderItsDigest() throws Throwable {
    Path jar = library.jar(temp.resolve("mill.jar"), HERE);
    try (Arena arena = Arena.ofConfined()) {
      Loaded loaded = find(jar, arena).orElseThrow();
      Path folder = cache.resolve("mill").resolve(PackedLibrary.sha256(library.file()));
      assertThat(loaded.file()).isEqualTo(folder.resolve("libmill.so"));
      assertThat(loaded.manifest().tiers()).containsExactly("scalar", "avx2");
      assertThat(loaded.attempts()).hasSize(1);
      assertThat(loaded.explanation()).contains("mill", HERE.id(), folder.toString());
      assertThat(answer(loaded)).isEqualTo(42);
      assertThat(Files.getPosixFilePermissions(folder))
          .isEqualTo(PosixFilePermissions.fromString("rwx------"));
      assertThat(names(folder)).containsExactly("libmill.so");
    }
  }

  @Test
  void placesOnceAndReusesWhatStandsThere() throws IOException {
    Path jar = library.jar(temp.resolve("mill.jar"), HERE);
    Path file = find(jar).orElseThrow().file();
    FileTime written = FileTime.from(Instant.parse("2001-01-01T00:00:00Z"));
    Files.setLastModifiedTime(file, written);
    assertThat(find(jar).orElseThrow().file()).isEqualTo(file);
    assertThat(Files.getLastModifiedTime(file)).isEqualTo(written);
  }

  @Test
  void twoVersionsStandSideBySide() throws IOException, InterruptedException {
    Path first = find(library.jar(temp.resolve("mill.jar"), HERE)).orElseThrow().file();
    Path source = Files.writeString(temp.resolve("v2.c"), "int mill_answer(void) { return 43; }");
    Path file = temp.resolve("v2.so");
    TestCompiler.cc("-shared", "-fPIC", "-o", file.toString(), source.toString());
    Path jar = new TestLibrary(file).jar(temp.resolve("v2.jar"), HERE);
    assertThat(find(jar).orElseThrow().file()).isNotEqualTo(first);
    assertThat(first).exists();
  }

  @ParameterizedTest
  @ValueSource(strings = {"flip", "truncate", "empty", "append"})
  void makesADamagedCopyAgain(String damage) throws Throwable {
    Path jar = library.jar(temp.resolve("mill.jar"), HERE);
    Path file;
    try (Arena arena = Arena.ofConfined()) {
      file = find(jar, arena).orElseThrow().file();
    }
    byte[] bytes = Files.readAllBytes(file);
    byte[] damaged =
        switch (damage) {
          case "flip" -> {
            byte[] copy = bytes.clone();
            copy[copy.length / 2] ^= 1;
            yield copy;
          }
          case "truncate" -> Arrays.copyOf(bytes, bytes.length - 1);
          case "empty" -> new byte[0];
          default -> Arrays.copyOf(bytes, bytes.length + 1);
        };
    Files.delete(file);
    Files.write(file, damaged);
    try (Arena arena = Arena.ofConfined()) {
      Loaded loaded = find(jar, arena).orElseThrow();
      assertThat(loaded.file()).isEqualTo(file);
      assertThat(answer(loaded)).isEqualTo(42);
    }
    assertThat(Files.readAllBytes(file)).isEqualTo(bytes);
  }

  @Test
  void sweepsPartsOfKilledProcessesButNotThoseOfLivingOnes() throws IOException {
    Path folder = cache.resolve("mill").resolve(PackedLibrary.sha256(library.file()));
    Files.createDirectories(folder);
    Path old = Files.writeString(folder.resolve("libmill.so.1.part"), "half");
    Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofHours(2))));
    Files.writeString(folder.resolve("libmill.so.2.part"), "half");
    assertThat(find(library.jar(temp.resolve("mill.jar"), HERE))).isInstanceOf(Loaded.class);
    assertThat(names(folder)).containsExactlyInAnyOrder("libmill.so", "libmill.so.2.part");
  }

  @Test
  void refusesAJarWhoseLibraryIsNotWhatItsManifestSays() throws IOException {
    byte[] tampered = library.bytes();
    tampered[tampered.length / 2] ^= 1;
    Refused refused = refused(library.manifest(HERE), tampered);
    assertThat(verdict(refused)).isEqualTo(Verdict.DAMAGED_PACKAGE);
    assertThat(refused.explanation()).contains("SHA-256", "fetch or build the jar again");
    assertThat(refused.attempts()).hasSize(1);
    assertNothingWasLeft();
  }

  @ParameterizedTest
  @CsvSource({"-1, smaller", "1, larger", "100000, larger"})
  void refusesAJarWhoseLibraryIsOfAnotherSize(int more, String word) throws IOException {
    byte[] bytes = library.bytes();
    Refused refused = refused(library.manifest(HERE), Arrays.copyOf(bytes, bytes.length + more));
    assertThat(verdict(refused)).isEqualTo(Verdict.DAMAGED_PACKAGE);
    assertThat(refused.explanation()).contains(word + " than the");
    assertNothingWasLeft();
  }

  @Test
  void refusesAManifestOfSomethingElse() throws IOException {
    Map<String, String> manifest = library.manifest(HERE);
    manifest.put("platform", "linux-riscv64-musl");
    assertThat(verdict(refused(manifest, library.bytes()))).isEqualTo(Verdict.BAD_MANIFEST);
    manifest = library.manifest(HERE);
    manifest.put("name", "loom");
    assertThat(verdict(refused(manifest, library.bytes()))).isEqualTo(Verdict.BAD_MANIFEST);
    manifest.remove("sha256");
    assertThat(refused(manifest, library.bytes()).explanation()).contains("lacks the key sha256");
  }

  @Test
  void saysForWhichPlatformsTheJarHoldsIt() throws IOException {
    NativePlatform other = new NativePlatform("linux", "riscv64", "glibc");
    Refused refused = (Refused) find(library.jar(temp.resolve("mill.jar"), other));
    assertThat(verdict(refused)).isEqualTo(Verdict.NOT_PACKED);
    assertThat(refused.explanation())
        .isEqualTo(
            "The native library mill was not loaded: no jar holds mill for %s (it is there for"
                    .formatted(HERE)
                + " linux-riscv64-glibc); put the jar that holds it for this platform on the class"
                + " path, or set -Dmill.native.library to a library file.");
    assertThatThrownBy(refused::orElseThrow)
        .isInstanceOf(NativeLibraryException.class)
        .hasMessage(refused.explanation());
  }

  @Test
  void refusesALibraryOfAnotherArchitecture() throws IOException {
    byte[] bytes = library.bytes();
    // e_machine of the ELF header: Alpha, which no Java runs on.
    bytes[18] = 0x26;
    bytes[19] = (byte) 0x90;
    Path file = Files.write(temp.resolve("alpha.so"), bytes);
    Refused refused = refused(new TestLibrary(file).manifest(HERE), new TestLibrary(file).bytes());
    assertThat(verdict(refused)).isEqualTo(Verdict.NOT_LOADABLE);
    assertThat(refused.explanation()).contains("the system's loader refuses", "(");
    assertThat(refused.attempts()).hasSize(1);
  }

  @Test
  void refusesALibraryThatLacksASymbol() throws IOException {
    Path jar = library.jar(temp.resolve("mill.jar"), HERE);
    try (URLClassLoader loader = TestLibrary.loader(jar);
        Arena arena = Arena.ofConfined()) {
      NativeLibrarySpec spec =
          NativeLibrarySpec.of("mill", loader).requiring("mill_answer", "mill_grind");
      Result result = NativeLibrary.find(spec, arena, host());
      assertThat(verdict(result)).isEqualTo(Verdict.LACKS_SYMBOL);
      assertThat(result.explanation()).contains("has no symbol mill_grind");
      assertThat(maps()).as("unloaded again").doesNotContain(cache.toString());
    }
  }

  @Test
  void isSwitchedOffByPropertyOrVariable() throws IOException {
    Path jar = library.jar(temp.resolve("mill.jar"), HERE);
    variables.put("MILL_NATIVE", "OFF");
    Result off = find(jar);
    assertThat(verdict(off)).isEqualTo(Verdict.OFF);
    assertThat(off.explanation())
        .isEqualTo(
            "The native library mill was not loaded: MILL_NATIVE=off switches it off; unset"
                + " -Dmill.native and MILL_NATIVE to let it load.");
    assertNothingWasLeft();
    properties.put("mill.native", "on");
    assertThat(find(jar)).isInstanceOf(Loaded.class);
    properties.put("mill.native", "off");
    assertThat(find(jar).explanation()).contains("-Dmill.native=off");
    properties.put("mill.native", "perhaps");
    assertThat(verdict(find(jar))).isEqualTo(Verdict.BAD_SETTING);
  }

  @Test
  void loadsAFileNamedExplicitlyAndNothingElse() throws Throwable {
    Path jar =
        library.jar(temp.resolve("mill.jar"), new NativePlatform("linux", "riscv64", "musl"));
    variables.put("MILL_NATIVE_LIBRARY", library.file().toString());
    try (Arena arena = Arena.ofConfined()) {
      Loaded loaded = find(jar, arena).orElseThrow();
      assertThat(loaded.file()).isEqualTo(library.file());
      assertThat(loaded.manifest().sha256()).isEqualTo(PackedLibrary.sha256(library.file()));
      assertThat(answer(loaded)).isEqualTo(42);
    }
    assertNothingWasLeft();
    properties.put("mill.native.library", temp.resolve("absent.so").toString());
    assertThat(find(jar).explanation())
        .contains("absent.so is not a file", "correct or unset -Dmill.native.library");
    properties.put("mill.native.library", "\0");
    assertThat(verdict(find(jar))).isEqualTo(Verdict.NO_FILE);
    Path text = Files.writeString(temp.resolve("text.so"), "not a library");
    properties.put("mill.native.library", text.toString());
    assertThat(find(jar).explanation()).contains("the system's loader refuses " + text);
  }

  /** The system's loader would touch what is missing, which ends the process. */
  @ParameterizedTest
  @ValueSource(ints = {0, 3, 63, 64, 100, 600, 5_000, -1})
  void refusesACutOffFileNamedExplicitly(int bytes) throws IOException {
    byte[] whole = Files.readAllBytes(library.file());
    int kept = bytes < 0 ? endOfSegments(whole) - 1 : bytes;
    Path file = Files.write(temp.resolve("half.so"), Arrays.copyOf(whole, kept));
    properties.put("mill.native.library", file.toString());
    assertThat(find(library.jar(temp.resolve("mill.jar"), HERE)).explanation())
        .containsAnyOf(
            file + " is cut off: its " + kept + " bytes are not all of it",
            file + " is empty",
            "the system's loader refuses " + file);
  }

  private static int endOfSegments(byte[] library) {
    ByteBuffer elf = ByteBuffer.wrap(library).order(ByteOrder.nativeOrder());
    int end = 0;
    for (int entry = 0; entry < elf.getShort(56); entry++) {
      int at = (int) elf.getLong(32) + entry * elf.getShort(54);
      end = Math.max(end, (int) (elf.getLong(at + 8) + elf.getLong(at + 32)));
    }
    return end;
  }

  @Test
  void triesTheFoldersInOrder() throws IOException {
    Path jar = library.jar(temp.resolve("mill.jar"), HERE);
    Path chosen = temp.resolve("chosen").resolve("deep");
    properties.put("mill.native.dir", chosen.toString());
    variables.put("MILL_NATIVE_DIR", temp.resolve("second").toString());
    assertThat(find(jar).orElseThrow().file()).startsWithRaw(chosen.resolve("mill"));

    Path file = Files.writeString(temp.resolve("file"), "");
    properties.put("mill.native.dir", file.toString());
    Loaded second = find(jar).orElseThrow();
    assertThat(second.file()).startsWithRaw(temp.resolve("second"));
    assertThat(second.attempts()).hasSize(2);
    assertThat(second.attempts().getFirst().place())
        .isEqualTo(file + " (system property mill.native.dir)");

    variables.put("MILL_NATIVE_DIR", file + "/below");
    variables.put("XDG_CACHE_HOME", "relative/is/against/the/convention");
    Loaded home = find(jar).orElseThrow();
    assertThat(home.file()).startsWithRaw(temp.resolve("home/.cache/mill"));
    assertThat(home.details()).contains("no place: it is not an absolute path");

    properties.put("user.home", "?");
    assertThat(find(jar).orElseThrow().file())
        .startsWithRaw(temp.resolve("tmp/mill-" + Libc.effectiveUser()));
  }

  @Test
  void refusesFoldersThatOthersMayHavePlantedSomethingIn() throws IOException {
    Path jar = library.jar(temp.resolve("mill.jar"), HERE);
    Path planted = Files.createDirectory(cache.resolve("mill"));
    Files.setPosixFilePermissions(planted, PosixFilePermissions.fromString("rwxrwxrwx"));
    Loaded loaded = find(jar).orElseThrow();
    assertThat(loaded.attempts().getFirst().verdict()).isEqualTo(Verdict.NOT_PRIVATE);
    assertThat(loaded.details()).contains("may be written by others (mode 777)");
    assertThat(planted).isEmptyDirectory();

    Files.delete(planted);
    Files.createSymbolicLink(planted, temp.resolve("tmp"));
    assertThat(find(jar).details()).contains(planted + " is not a folder");

    Files.delete(planted);
    Files.setPosixFilePermissions(cache, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThat(find(jar).details()).contains("may be written by anyone and has no sticky bit");
  }

  @Test
  void refusesFoldersAndFilesOfOtherUsers() throws IOException {
    assumeTrue(Libc.effectiveUser() == 0, "only root can give files away");
    Path jar = library.jar(temp.resolve("mill.jar"), HERE);
    Path file = find(jar).orElseThrow().file();
    Files.setAttribute(file, "unix:uid", 12345);
    assertThat(find(jar).details()).contains(file + " belongs to user 12345");
    Files.setAttribute(file, "unix:uid", 0);
    Files.setAttribute(cache.resolve("mill"), "unix:uid", 12345);
    assertThat(find(jar).details()).contains(cache.resolve("mill") + " belongs to user 12345");
  }

  @Test
  void tellsEveryPlaceThatRefusedIt() throws IOException {
    // Where no file in memory can be had, as on macOS, the folders are all there is.
    NativePlatform mac = new NativePlatform("macos", "x86_64", "");
    Path jar = library.jar(temp.resolve("mill.jar"), mac);
    Path file = Files.writeString(temp.resolve("file"), "");
    properties.put("user.home", file.toString());
    properties.put("java.io.tmpdir", file.toString());
    try (URLClassLoader loader = TestLibrary.loader(jar);
        Arena arena = Arena.ofConfined()) {
      Host host = new Host(this::property, this::variable, mac, MountTable.EMPTY);
      Refused refused =
          (Refused) NativeLibrary.find(NativeLibrarySpec.of("mill", loader), arena, host);
      assertThat(refused.attempts()).hasSize(2);
      assertThat(refused.explanation())
          .startsWith("The native library mill was not loaded, as every place refused it (")
          .contains(file + "/Library/Caches is not a folder", file + " is not a folder")
          .endsWith(
              "; set -Dmill.native.dir or MILL_NATIVE_DIR to a folder of your own that can be"
                  + " written and allows execution.");
      assertThat(refused.details().lines()).hasSize(2);

      properties.clear();
      Refused nowhere =
          (Refused) NativeLibrary.find(NativeLibrarySpec.of("mill", loader), arena, host);
      assertThat(verdict(nowhere)).isEqualTo(Verdict.NO_PLACE);
    }
  }

  @Test
  void namesAFolderMountedNoexec() throws IOException {
    Path jar = library.jar(temp.resolve("mill.jar"), HERE);
    MountTable mounts =
        MountTable.parse("1 0 0:1 / %s rw,noexec - tmpfs tmpfs rw\n".formatted(cache));
    try (URLClassLoader loader = TestLibrary.loader(jar);
        Arena arena = Arena.ofConfined()) {
      Host host = new Host(this::property, this::variable, HERE, mounts);
      Loaded loaded =
          NativeLibrary.find(NativeLibrarySpec.of("mill", loader), arena, host).orElseThrow();
      assertThat(loaded.file()).startsWithRaw(temp.resolve("home"));
      assertThat(loaded.attempts().getFirst().verdict()).isEqualTo(Verdict.NOEXEC);
      assertThat(loaded.attempts().getFirst().reason())
          .isEqualTo(cache + " allows no execution (tmpfs mounted noexec at " + cache + ")");
      assertThat(cache).isEmptyDirectory();
    }
  }

  private Result find(Path jar) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      return find(jar, arena);
    }
  }

  private Result find(Path jar, Arena arena) throws IOException {
    try (URLClassLoader loader = TestLibrary.loader(jar)) {
      return NativeLibrary.find(NativeLibrarySpec.of("mill", loader), arena, host());
    }
  }

  private Refused refused(Map<String, String> manifest, byte[] bytes) throws IOException {
    return (Refused) find(TestLibrary.jar(temp.resolve("bad.jar"), HERE, manifest, bytes));
  }

  private Host host() {
    return new Host(this::property, this::variable, HERE, Host.current().mounts());
  }

  private Optional<String> property(String key) {
    return Optional.ofNullable(properties.get(key));
  }

  private Optional<String> variable(String key) {
    return Optional.ofNullable(variables.get(key));
  }

  private void assertNothingWasLeft() throws IOException {
    try (Stream<Path> files = Files.walk(cache)) {
      assertThat(files.filter(Files::isRegularFile)).isEmpty();
    }
  }

  private static Verdict verdict(Result result) {
    return result.attempts().getLast().verdict();
  }

  private static Stream<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> String.valueOf(file.getFileName())).toList().stream();
    }
  }

  private static String maps() throws IOException {
    return Files.readString(Path.of("/proc/self/maps"));
  }

  private static int answer(Loaded loaded) throws Throwable {
    return (int)
        Linker.nativeLinker()
            .downcallHandle(
                loaded.lookup().findOrThrow("mill_answer"),
                FunctionDescriptor.of(ValueLayout.JAVA_INT))
            .invokeExact();
  }
}
