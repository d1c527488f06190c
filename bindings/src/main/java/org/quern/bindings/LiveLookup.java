package org.quern.bindings;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.Optional;

/**
 * A library's lookup that may be used at any time. The JDK's own asks the system's loader about a
 * closed library too, which kills the process.
 */
final class LiveLookup implements SymbolLookup {
  // Not to be left out: where the arena is an automatic one, it keeps the library loaded.
  private final SymbolLookup library;
  private final Arena arena;
  private final Optional<MemorySegment> handle;

  private LiveLookup(SymbolLookup library, Arena arena, Optional<MemorySegment> handle) {
    this.library = library;
    this.arena = arena;
    this.handle = handle;
  }

  /**
   * Opens a library for as long as the arena lives. No code of this package runs when that ends: a
   * cleanup action of ours would keep our class loader, and all that its classes hold, for ever.
   */
  static SymbolLookup open(String name, Arena arena, NativePlatform platform) {
    SymbolLookup library = SymbolLookup.libraryLookup(name, arena);
    if (!platform.isPosix()) {
      return new LiveLookup(library, arena, Optional.empty());
    }
    // The system's loader gives each opener of a library the same handle, and counts openers: this
    // one stays valid as long as the JDK has it open, which is as long as the arena lives.
    MemorySegment handle = Libc.open(name);
    Libc.closeLibrary(handle);
    MemorySegment live = MemorySegment.ofAddress(handle.address()).reinterpret(arena, null);
    return new LiveLookup(library, arena, Optional.of(live));
  }

  @Override
  public Optional<MemorySegment> find(String name) {
    if (handle.isPresent()) {
      // The call itself holds the arena open, or finds it closed.
      return Libc.symbol(handle.get(), name)
          .map(address -> MemorySegment.ofAddress(address).reinterpret(arena, null));
    }
    if (!arena.scope().isAlive()) {
      throw new IllegalStateException("Already closed");
    }
    return library.find(name);
  }
}
