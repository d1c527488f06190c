package org.quern.memory;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.List;
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
  private static final List<String> FUNCTIONS = List.of("mmap", "munmap", "mprotect", "madvise");

  /**
   * One shape for all calls, which take and return whole numbers and addresses: see {@code
   * org.quern.bindings.quern.quern_h}, which has the same.
   */
  private static final MethodHandle CALL =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.of(
                  JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));

  private final MemorySegment map;
  private final MemorySegment unmap;
  private final MemorySegment protect;
  private final MemorySegment advise;

  private Pages(SymbolLookup libc) {
    map = libc.findOrThrow("mmap");
    unmap = libc.findOrThrow("munmap");
    protect = libc.findOrThrow("mprotect");
    advise = libc.findOrThrow("madvise");
  }

  /** The system calls, unless this is not Linux on a 64-bit machine. */
  static Optional<Pages> find() {
    if (!System.getProperty("os.name", "").equals("Linux")) {
      return Optional.empty();
    }
    SymbolLookup libc = Linker.nativeLinker().defaultLookup();
    for (String name : FUNCTIONS) {
      if (libc.find(name).isEmpty()) {
        return Optional.empty();
      }
    }
    return Optional.of(new Pages(libc));
  }

  /** Zeroed memory that goes back when {@code arena} is closed; empty if there is none. */
  Optional<MemorySegment> allocate(long bytes, Arena arena) {
    boolean huge = bytes >= 2 * HUGE_PAGE;
    long mapped = Bytes.align(bytes, SIZE) + (huge ? HUGE_PAGE : 0);
    long address = call(map, 0, mapped, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1);
    if (address == -1) {
      return Optional.empty();
    }
    long start = huge ? Bytes.align(address, HUGE_PAGE) : address;
    if (huge) {
      // Refusal costs speed alone.
      long ignored = call(advise, start, Bytes.align(bytes, SIZE), MADV_HUGEPAGE, 0, 0);
    }
    return Optional.of(
        MemorySegment.ofAddress(start)
            .reinterpret(bytes, arena, segment -> call(unmap, address, mapped, 0, 0, 0)));
  }

  /** Makes whole pages of a segment unreadable and unwritable. */
  boolean forbid(MemorySegment pages) {
    return (int) call(protect, pages.address(), pages.byteSize(), PROT_NONE, 0, 0) == 0;
  }

  private static long call(MemorySegment function, long a, long b, long c, long d, long e) {
    try {
      return (long) CALL.invokeExact(function, a, b, c, d, e, 0L);
    } catch (Throwable failure) {
      throw new AssertionError("A downcall does not throw.", failure);
    }
  }
}
