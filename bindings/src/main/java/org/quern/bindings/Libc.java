package org.quern.bindings;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandleProxies;
import java.lang.invoke.MethodHandles;
import java.util.Optional;
import java.util.function.Consumer;

/** The few calls of the C library that Java has no equal of. POSIX only. */
final class Libc {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final SymbolLookup LOOKUP = LINKER.defaultLookup();
  private static final AddressLayout STRING =
      ADDRESS.withTargetLayout(MemoryLayout.sequenceLayout(4096, ValueLayout.JAVA_BYTE));
  private static final FunctionDescriptor GETEUID = FunctionDescriptor.of(JAVA_INT);
  private static final FunctionDescriptor CLOSE = FunctionDescriptor.of(JAVA_INT, JAVA_INT);
  private static final FunctionDescriptor MEMFD_CREATE =
      FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT);
  private static final FunctionDescriptor DLOPEN =
      FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT);
  private static final FunctionDescriptor DLSYM = FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS);
  private static final FunctionDescriptor DLERROR = FunctionDescriptor.of(STRING);
  private static final FunctionDescriptor DLCLOSE = FunctionDescriptor.of(JAVA_INT, ADDRESS);

  private static final int RTLD_LAZY = 1;
  private static final int MFD_CLOEXEC = 1;
  // Linux 6.3: wanted where the kernel is set to seal memory files against execution by default.
  private static final int MFD_EXEC = 0x10;

  private Libc() {}

  /** The number of the user whom file permissions are checked against. */
  static int effectiveUser() {
    try {
      return (int) handle("geteuid", GETEUID).invokeExact();
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** A file in memory, open for reading and writing; empty if the kernel makes none. */
  static Optional<Integer> memoryFile(String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocateFrom(name);
      MethodHandle create = handle("memfd_create", MEMFD_CREATE);
      int file = (int) create.invokeExact(text, MFD_CLOEXEC | MFD_EXEC);
      if (file < 0) {
        file = (int) create.invokeExact(text, MFD_CLOEXEC);
      }
      return file < 0 ? Optional.empty() : Optional.of(file);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /**
   * Closes the file, as a cleanup action. A lambda would do, but that is a class of this package,
   * and an arena that waits for it keeps our class loader for ever.
   */
  @SuppressWarnings("unchecked")
  static Consumer<MemorySegment> closing(int file) {
    MethodHandle close = MethodHandles.insertArguments(handle("close", CLOSE), 0, file);
    return MethodHandleProxies.asInterfaceInstance(
        Consumer.class,
        MethodHandles.dropReturn(MethodHandles.dropArguments(close, 0, MemorySegment.class)));
  }

  /**
   * What came of opening a library.
   *
   * @param library the loader's handle, null if it refused
   * @param complaint why it refused
   */
  record Opening(MemorySegment library, String complaint) {
    boolean failed() {
      return library.address() == 0;
    }
  }

  static Opening open(String file) {
    // Looked up first: a lookup between the two calls would wipe the message out.
    MethodHandle open = handle("dlopen", DLOPEN);
    MethodHandle error = handle("dlerror", DLERROR);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment library = (MemorySegment) open.invokeExact(arena.allocateFrom(file), RTLD_LAZY);
      if (library.address() != 0) {
        return new Opening(library, "");
      }
      MemorySegment message = (MemorySegment) error.invokeExact();
      return new Opening(
          library, message.address() == 0 ? "it gives no reason" : message.getString(0).strip());
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  static void closeLibrary(MemorySegment library) {
    try {
      int ignored = (int) handle("dlclose", DLCLOSE).invokeExact(library);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** The address of a symbol; empty if the library has none of that name. */
  static Optional<Long> symbol(MemorySegment library, String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment symbol =
          (MemorySegment) handle("dlsym", DLSYM).invokeExact(library, arena.allocateFrom(name));
      return symbol.address() == 0 ? Optional.empty() : Optional.of(symbol.address());
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  private static MethodHandle handle(String symbol, FunctionDescriptor descriptor) {
    return LINKER.downcallHandle(LOOKUP.findOrThrow(symbol), descriptor);
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
