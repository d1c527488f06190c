package org.quern.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Libraries that come and go in one process. */
class NativeLibraryLifeTest {
  private static final NativePlatform HERE = NativePlatform.current();
  private static final MethodHandle INT =
      Linker.nativeLinker().downcallHandle(FunctionDescriptor.of(ValueLayout.JAVA_INT));
  private static final MethodHandle WAIT =
      Linker.nativeLinker().downcallHandle(FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));

  @TempDir Path temp;
  private Path jar;

  @BeforeEach
  void compile() throws IOException, InterruptedException {
    assumeTrue(HERE.isLinux(), "looks into /proc");
    jar = TestLibrary.compile(temp).jar(temp.resolve("mill.jar"), HERE);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void closingTheArenaUnloadsTheLibraryEachTime(boolean shared) throws Throwable {
    Path file = temp;
    for (int i = 0; i < 50; i++) {
      try (Arena arena = shared ? Arena.ofShared() : Arena.ofConfined()) {
        NativeLibrary.Loaded loaded = find(arena);
        file = loaded.file();
        MemorySegment count = loaded.lookup().findOrThrow("mill_count");
        assertThat((int) INT.invokeExact(count)).as("fresh statics").isEqualTo(1);
        assertThat(maps()).contains(file.toString());
      }
      assertThat(maps()).doesNotContain(file.toString());
    }
  }

  @Test
  void aFileInMemoryIsUnloadedAndClosedEachTime() throws Throwable {
    PackedLibrary library;
    try (URLClassLoader loader = TestLibrary.loader(jar)) {
      library = PackedLibrary.find(NativeLibrarySpec.of(TestLibrary.NAME, loader), HERE);
      for (int i = 0; i < 50; i++) {
        long before = openMemoryFiles();
        try (Arena arena = Arena.ofShared()) {
          Path file = MemoryFile.in(arena, library);
          SymbolLookup lookup = SymbolLookup.libraryLookup(file.toString(), arena);
          MemorySegment count = lookup.findOrThrow("mill_count");
          assertThat((int) INT.invokeExact(count)).as("fresh statics").isEqualTo(1);
          assertThat(openMemoryFiles()).isEqualTo(before + 1);
        }
        assertThat(openMemoryFiles()).isEqualTo(before);
        assertThat(maps()).doesNotContain("/memfd:mill");
      }
    }
  }

  @Test
  void useAfterCloseIsAnException() throws Throwable {
    MemorySegment answer;
    SymbolLookup lookup;
    try (Arena arena = Arena.ofShared()) {
      lookup = find(arena).lookup();
      answer = lookup.findOrThrow("mill_answer");
      assertThat((int) INT.invokeExact(answer)).isEqualTo(42);
    }
    assertThatThrownBy(() -> INT.invoke(answer)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> lookup.find("mill_answer")).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void searchingWhileAnotherClosesIsAnExceptionAtMost() throws Throwable {
    for (int i = 0; i < 100; i++) {
      Arena arena = Arena.ofShared();
      SymbolLookup lookup = find(arena).lookup();
      AtomicLong found = new AtomicLong();
      AtomicReference<Throwable> end = new AtomicReference<>();
      Thread searcher =
          Thread.ofPlatform()
              .uncaughtExceptionHandler((thread, e) -> end.set(e))
              .start(() -> {
                while (lookup.find("mill_answer").isPresent()) {
                  found.incrementAndGet();
                }
              });
      while (found.get() < 10) {
        Thread.onSpinWait();
      }
      closeBetweenCalls(arena);
      searcher.join();
      assertThat(end.get()).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void closingDuringACallIsAnExceptionOfTheCloser() throws Throwable {
    try (Arena flagArena = Arena.ofShared()) {
      MemorySegment flags = flagArena.allocate(8, 4);
      Arena arena = Arena.ofShared();
      MemorySegment wait = find(arena).lookup().findOrThrow("mill_wait");
      Thread caller =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  WAIT.invokeExact(wait, flags.address());
                } catch (Throwable e) {
                  throw new AssertionError(e);
                }
              });
      while ((int) ValueLayout.JAVA_INT.varHandle().getVolatile(flags, 0L) == 0) {
        Thread.onSpinWait();
      }
      assertThatThrownBy(arena::close).isInstanceOf(IllegalStateException.class);
      ValueLayout.JAVA_INT.varHandle().setVolatile(flags, 4L, 1);
      caller.join();
      arena.close();
      assertThat(maps()).doesNotContain(temp.toString());
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void siblingClassLoadersLoadTheSameAndGo(boolean memory) throws Exception {
    URL[] urls = {
      NativeLibraryProcessTest.classes(NativeLibrary.class).toUri().toURL(),
      NativeLibraryProcessTest.classes(LoadOnce.class).toUri().toURL(),
      jar.toUri().toURL()
    };
    String before = String.valueOf(System.getProperty("mill.native.dir"));
    System.setProperty("mill.native.dir", temp.resolve("place").toString());
    try {
      for (int round = 0; round < 3; round++) {
        List<WeakReference<ClassLoader>> gone = loadInThree(urls, memory);
        await(() -> gone.stream().allMatch(reference -> reference.refersTo(null)));
        await(() -> !maps().contains(temp.toString()));
        await(() -> !maps().contains("/memfd:mill") && openMemoryFiles() == 0);
      }
    } finally {
      if (before.equals("null")) {
        System.clearProperty("mill.native.dir");
      } else {
        System.setProperty("mill.native.dir", before);
      }
    }
  }

  /** In a method of its own, as a local variable would keep the loaders. */
  private static List<WeakReference<ClassLoader>> loadInThree(URL[] urls, boolean memory)
      throws Exception {
    List<URLClassLoader> loaders = new ArrayList<>();
    for (int i = 1; i <= 3; i++) {
      URLClassLoader loader = new URLClassLoader(urls, null);
      Class<?> type = loader.loadClass(LoadOnce.class.getName());
      assertThat(type).isNotSameAs(LoadOnce.class);
      Object count = type.getMethod("count", boolean.class).invoke(null, memory);
      assertThat(count).as("one file has its statics once").isEqualTo(memory ? 1 : i);
      loaders.add(loader);
    }
    List<WeakReference<ClassLoader>> references = new ArrayList<>();
    for (URLClassLoader loader : loaders) {
      references.add(new WeakReference<>(loader));
      loader.close();
    }
    return references;
  }

  private static void closeBetweenCalls(Arena arena) {
    while (arena.scope().isAlive()) {
      try {
        arena.close();
      } catch (IllegalStateException e) {
        // The other thread is in a call just now.
        Thread.onSpinWait();
      }
    }
  }

  private interface Condition {
    boolean holds() throws IOException;
  }

  /** Collects garbage until it holds; the surrounding build limits how long. */
  private static void await(Condition condition) throws IOException, InterruptedException {
    for (int i = 0; i < 200 && !condition.holds(); i++) {
      System.gc();
      Thread.sleep(50);
    }
    assertThat(condition.holds()).isTrue();
  }

  private NativeLibrary.Loaded find(Arena arena) throws IOException {
    try (URLClassLoader loader = TestLibrary.loader(jar)) {
      Host host =
          new Host(
              key -> Optional.of(temp.toString()).filter(t -> key.equals("mill.native.dir")),
              key -> Optional.empty(),
              HERE,
              Host.current().mounts());
      return NativeLibrary.find(NativeLibrarySpec.of(TestLibrary.NAME, loader), arena, host)
          .orElseThrow();
    }
  }

  private static String maps() throws IOException {
    return Files.readString(Path.of("/proc/self/maps"));
  }

  private static long openMemoryFiles() throws IOException {
    long open = 0;
    try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
      for (Path file : files.toList()) {
        if (Files.isSymbolicLink(file)
            && Files.readSymbolicLink(file).toString().startsWith("/memfd:mill")) {
          open++;
        }
      }
    }
    return open;
  }
}
