package org.quern.bindings;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/** What tests run in processes and class loaders of their own: loads the library and says how. */
public final class LoadOnce {
  private LoadOnce() {}

  /**
   * Prints the details of the result, one attempt a line.
   *
   * @param arguments {@code gate}: says "ready" and waits for a line before it starts; {@code
   *     half}: says "half" when half of the library is written, and then waits for ever; {@code
   *     blind}: does not look at what is mounted
   */
  public static void main(String[] arguments) throws Throwable {
    String mode = arguments.length == 0 ? "" : arguments[0];
    if (mode.equals("gate")) {
      System.out.println("ready");
      if (System.in.read() < 0) {
        return;
      }
    }
    ClassLoader loader = LoadOnce.class.getClassLoader();
    NativeLibrarySpec spec =
        NativeLibrarySpec.of(
            TestLibrary.NAME, mode.equals("half") ? new HalfReader(loader) : loader);
    Host host = Host.current();
    if (mode.equals("blind")) {
      host = new Host(host.property(), host.variable(), host.platform(), MountTable.EMPTY);
    }
    try (Arena arena = Arena.ofConfined()) {
      NativeLibrary.Result result = NativeLibrary.find(spec, arena, host);
      System.out.println(result.details());
      if (result instanceof NativeLibrary.Loaded loaded) {
        System.out.println("answer " + call(loaded, "mill_answer"));
      }
    }
  }

  /**
   * Loads the library for as long as this class loader lives, and counts the loads of the file.
   *
   * @param memory whether no folder will have it
   */
  public static int count(boolean memory) throws Throwable {
    return call(memory ? InMemory.LOADED : InFolder.LOADED, "mill_count");
  }

  private static final class InFolder {
    static final NativeLibrary.Loaded LOADED = load(Host.current());
  }

  private static final class InMemory {
    static final NativeLibrary.Loaded LOADED = load(noexec(Host.current()));
  }

  private static NativeLibrary.Loaded load(Host host) {
    ClassLoader loader = LoadOnce.class.getClassLoader();
    return NativeLibrary.find(NativeLibrarySpec.of(TestLibrary.NAME, loader), Arena.ofAuto(), host)
        .orElseThrow();
  }

  private static Host noexec(Host host) {
    MountTable mounts = MountTable.parse("1 0 0:1 / / rw,noexec - tmpfs tmpfs rw\n");
    return new Host(host.property(), host.variable(), host.platform(), mounts);
  }

  private static int call(NativeLibrary.Loaded loaded, String symbol) throws Throwable {
    return (int)
        Linker.nativeLinker()
            .downcallHandle(
                loaded.lookup().findOrThrow(symbol), FunctionDescriptor.of(ValueLayout.JAVA_INT))
            .invokeExact();
  }

  /** Gives half of the library, and then nothing and no end. */
  private static final class HalfReader extends ClassLoader {
    HalfReader(ClassLoader parent) {
      super(parent);
    }

    @Override
    public InputStream getResourceAsStream(String name) {
      return Optional.ofNullable(super.getResourceAsStream(name))
          .map(in -> name.endsWith(".so") ? half(in) : in)
          .orElseThrow();
    }

    private static InputStream half(InputStream in) {
      try (in) {
        byte[] bytes = in.readAllBytes();
        InputStream start = new ByteArrayInputStream(bytes, 0, bytes.length / 2);
        return new SequenceInputStream(start, new Endless());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private static final class Endless extends InputStream {
    @Override
    public int read() throws IOException {
      System.out.println("half");
      while (System.in.read() >= 0) {
        Thread.onSpinWait();
      }
      throw new IOException("the test is gone");
    }

    @Override
    public int read(byte[] bytes, int from, int count) throws IOException {
      return read();
    }
  }
}
