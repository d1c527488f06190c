package org.quern.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/** Pages straight from the operating system, where it is Linux: mapped, advised, protected. */
final class Pages {
  /** The size of a page, and of a guard. */
  static final long SIZE = 4096;

  private static final long HUGE_PAGE = 2L << 20;
  private static final int PROT_NONE = 0;
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
  private static final int MADV_HUGEPAGE = 14;

  private final MethodHandle map;
  private final MethodHandle unmap;
  private final MethodHandle protect;
  private final MethodHandle advise;

  private Pages(MethodHandle map, MethodHandle unmap, MethodHandle protect, MethodHandle advise) {
    this.map = map;
    this.unmap = unmap;
    this.protect = protect;
    this.advise = advise;
  }

  /** The system calls, unless this is not Linux on a 64-bit machine. */
  static Optional<Pages> find() {
    if (!System.getProperty("os.name", "").equals("Linux")) {
      return Optional.empty();
    }
    Linker linker = Linker.nativeLinker();
    SymbolLookup libc = linker.defaultLookup();
    ValueLayout word = ValueLayout.JAVA_LONG;
    ValueLayout integer = ValueLayout.JAVA_INT;
    if (libc.find("mmap").isEmpty()
        || libc.find("munmap").isEmpty()
        || libc.find("mprotect").isEmpty()
        || libc.find("madvise").isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        new Pages(
            linker.downcallHandle(
                libc.findOrThrow("mmap"),
                FunctionDescriptor.of(word, word, word, integer, integer, integer, word)),
            linker.downcallHandle(
                libc.findOrThrow("munmap"), FunctionDescriptor.of(integer, word, word)),
            linker.downcallHandle(
                libc.findOrThrow("mprotect"), FunctionDescriptor.of(integer, word, word, integer)),
            linker.downcallHandle(
                libc.findOrThrow("madvise"), FunctionDescriptor.of(integer, word, word, integer))));
  }

  /** Zeroed memory that goes back when {@code arena} is closed; empty if there is none. */
  Optional<MemorySegment> allocate(long bytes, Arena arena) {
    boolean huge = bytes >= 2 * HUGE_PAGE;
    long mapped = Bytes.align(bytes, SIZE) + (huge ? HUGE_PAGE : 0);
    long address = call(map, 0L, mapped, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L);
    if (address == -1) {
      return Optional.empty();
    }
    long start = huge ? Bytes.align(address, HUGE_PAGE) : address;
    if (huge) {
      // Refusal costs speed alone.
      int ignored = callInt(advise, start, Bytes.align(bytes, SIZE), MADV_HUGEPAGE);
    }
    return Optional.of(
        MemorySegment.ofAddress(start)
            .reinterpret(bytes, arena, segment -> callInt(unmap, address, mapped)));
  }

  /** Makes whole pages of a segment unreadable and unwritable. */
  boolean forbid(MemorySegment pages) {
    return callInt(protect, pages.address(), pages.byteSize(), PROT_NONE) == 0;
  }

  private static long call(MethodHandle handle, long a, long b, int c, int d, int e, long f) {
    try {
      return (long) handle.invokeExact(a, b, c, d, e, f);
    } catch (Throwable failure) {
      throw new AssertionError("A downcall does not throw.", failure);
    }
  }

  private static int callInt(MethodHandle handle, long a, long b) {
    try {
      return (int) handle.invokeExact(a, b);
    } catch (Throwable failure) {
      throw new AssertionError("A downcall does not throw.", failure);
    }
  }

  private static int callInt(MethodHandle handle, long a, long b, int c) {
    try {
      return (int) handle.invokeExact(a, b, c);
    } catch (Throwable failure) {
      throw new AssertionError("A downcall does not throw.", failure);
    }
  }
}
