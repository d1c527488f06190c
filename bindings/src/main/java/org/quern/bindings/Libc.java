package org.quern.bindings;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandleProxies;
import java.lang.invoke.MethodHandles;
import java.util.Optional;
import java.util.function.Consumer;

/** The few calls of the C library that Java has no equal of. POSIX only. */
final class Libc {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final SymbolLookup LOOKUP = LINKER.defaultLookup();
  private static final FunctionDescriptor CLOSE = FunctionDescriptor.of(JAVA_INT, JAVA_INT);

  /**
   * One shape for all calls, which take and return whole numbers and addresses: see {@code
   * quern_h}, which has the same.
   */
  private static final MethodHandle CALL =
      LINKER.downcallHandle(
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));

  private static final long LONGEST_MESSAGE = 4096;
  private static final int RTLD_LAZY = 1;
  private static final int MFD_CLOEXEC = 1;
  // Linux 6.3: wanted where the kernel is set to seal memory files against execution by default.
  private static final int MFD_EXEC = 0x10;

  private Libc() {}

  /** The number of the user whom file permissions are checked against. */
  static int effectiveUser() {
    return (int) call(function("geteuid"), 0, 0);
  }

  /** A file in memory, open for reading and writing; empty if the kernel makes none. */
  static Optional<Integer> memoryFile(String name) {
    try (Arena arena = Arena.ofConfined()) {
      long text = arena.allocateFrom(name).address();
      MemorySegment create = function("memfd_create");
      int file = (int) call(create, text, MFD_CLOEXEC | MFD_EXEC);
      if (file < 0) {
        file = (int) call(create, text, MFD_CLOEXEC);
      }
      return file < 0 ? Optional.empty() : Optional.of(file);
    }
  }

  /**
   * Closes the file, as a cleanup action. A lambda would do, but that is a class of this package,
   * and an arena that waits for it keeps our class loader for ever.
   */
  @SuppressWarnings("unchecked")
  static Consumer<MemorySegment> closing(int file) {
    MethodHandle close =
        MethodHandles.insertArguments(LINKER.downcallHandle(function("close"), CLOSE), 0, file);
    return MethodHandleProxies.asInterfaceInstance(
        Consumer.class,
        MethodHandles.dropReturn(MethodHandles.dropArguments(close, 0, MemorySegment.class)));
  }

  /**
   * What came of opening a library.
   *
   * @param library the loader's handle, 0 if it refused
   * @param complaint why it refused
   */
  record Opening(long library, String complaint) {
    boolean failed() {
      return library == 0;
    }
  }

  static Opening open(String file) {
    // Looked up first: a lookup between the two calls would wipe the message out.
    MemorySegment open = function("dlopen");
    MemorySegment error = function("dlerror");
    try (Arena arena = Arena.ofConfined()) {
      long library = call(open, arena.allocateFrom(file).address(), RTLD_LAZY);
      if (library != 0) {
        return new Opening(library, "");
      }
      MemorySegment message = MemorySegment.ofAddress(call(error, 0, 0));
      return new Opening(
          library,
          message.address() == 0
              ? "it gives no reason"
              : message.reinterpret(LONGEST_MESSAGE).getString(0).strip());
    }
  }

  static void closeLibrary(long library) {
    long ignored = call(function("dlclose"), library, 0);
  }

  /**
   * The address of a symbol; empty if the library has none of that name.
   *
   * @param owner held open while the library is asked
   * @throws IllegalStateException if the owner is closed
   */
  static Optional<Long> symbol(long library, String name, Arena owner) {
    try (Arena arena = Arena.ofConfined()) {
      // A call holds open whatever its function belongs to.
      MemorySegment find = function("dlsym").reinterpret(owner, null);
      long symbol = call(find, library, arena.allocateFrom(name).address());
      return symbol == 0 ? Optional.empty() : Optional.of(symbol);
    }
  }

  private static MemorySegment function(String symbol) {
    return LOOKUP.findOrThrow(symbol);
  }

  private static long call(MemorySegment function, long first, long second) {
    try {
      return (long) CALL.invokeExact(function, first, second, 0L, 0L, 0L, 0L);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  // A method handle declares Throwable; a downcall throws none of its own that could be mended.
  private static RuntimeException unexpected(Throwable e) {
    return switch (e) {
      case RuntimeException runtime -> runtime;
      case Error error -> throw error;
      default -> new IllegalStateException(e);
    };
  }
}
