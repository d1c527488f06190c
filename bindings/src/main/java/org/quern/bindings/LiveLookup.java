package org.quern.bindings;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.Optional;

/**
 * A library's lookup that may be used at any time. The JDK's own asks the system's loader about a
 * closed library too, which kills the process. POSIX only.
 *
 * @param library keeps the library loaded where the arena is an automatic one
 * @param handle the system's loader's, valid as long as the arena lives
 */
record LiveLookup(SymbolLookup library, Arena arena, long handle) implements SymbolLookup {
  /**
   * Opens a library for as long as the arena lives. No code of this package runs when that ends: a
   * cleanup action of ours would keep our class loader, and all that its classes hold, for ever.
   *
   * @param open the handle of the library, open already. The system's loader gives each opener the
   *     same and counts openers: it stays valid as long as the JDK has the library open, which is
   *     as long as the arena lives.
   */
  static SymbolLookup open(String name, Arena arena, long open) {
    return new LiveLookup(SymbolLookup.libraryLookup(name, arena), arena, open);
  }

  @Override
  public Optional<MemorySegment> find(String name) {
    // The call itself holds the arena open, or finds it closed.
    return Libc.symbol(handle, name, arena)
        .map(address -> MemorySegment.ofAddress(address).reinterpret(arena, null));
  }
}
