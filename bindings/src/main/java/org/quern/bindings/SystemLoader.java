package org.quern.bindings;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Path;

/** Opens a library file, and asks the system's loader why not. */
final class SystemLoader {
  // What the loaders of glibc, musl and macOS say where a folder, not the file, is the hindrance.
  private static final String FORBIDS_EXECUTION =
      "(?s).*(failed to map segment|[Oo]peration not permitted|[Pp]ermission denied"
          + "|not allowed in sandbox).*";

  private SystemLoader() {}

  /** The file's symbols, for as long as the arena lives, if it has every required one. */
  static SymbolLookup open(NativeLibrarySpec spec, NativePlatform platform, Path file, Arena arena)
      throws Refusal {
    // By name, not by path: Java resolves a path first, and a file in memory has none.
    String name = file.toString();
    try {
      return platform.isPosix() ? posix(spec, file, name, arena) : other(spec, file, name, arena);
    } catch (IllegalArgumentException e) {
      throw notLoadable(file, "it gives no reason");
    }
  }

  /**
   * Opens it before Java does, as Java keeps the loader's reason to itself and may print a warning;
   * and closes it after Java has opened it, so that it is initialised once.
   */
  private static SymbolLookup posix(NativeLibrarySpec spec, Path file, String name, Arena arena)
      throws Refusal {
    Libc.Opening opening = Libc.open(name);
    if (opening.failed()) {
      throw opening.complaint().matches(FORBIDS_EXECUTION)
          ? new Refusal(
              Verdict.NOEXEC, file + " may not be executed there (" + opening.complaint() + ")")
          : notLoadable(file, opening.complaint());
    }
    try {
      for (String symbol : spec.requiredSymbols()) {
        if (Libc.symbol(opening.library(), symbol, arena).isEmpty()) {
          throw lacks(file, symbol);
        }
      }
      return LiveLookup.open(name, arena, opening.library());
    } finally {
      Libc.closeLibrary(opening.library());
    }
  }

  private static SymbolLookup other(NativeLibrarySpec spec, Path file, String name, Arena arena)
      throws Refusal {
    try (Arena trial = Arena.ofConfined()) {
      SymbolLookup lookup = SymbolLookup.libraryLookup(name, trial);
      for (String symbol : spec.requiredSymbols()) {
        if (lookup.find(symbol).isEmpty()) {
          throw lacks(file, symbol);
        }
      }
    }
    SymbolLookup library = SymbolLookup.libraryLookup(name, arena);
    return symbol -> {
      if (!arena.scope().isAlive()) {
        throw new IllegalStateException("Already closed");
      }
      return library.find(symbol);
    };
  }

  private static Refusal lacks(Path file, String symbol) {
    return new Refusal(Verdict.LACKS_SYMBOL, file + " has no symbol " + symbol);
  }

  private static Refusal notLoadable(Path file, String complaint) {
    return new Refusal(
        Verdict.NOT_LOADABLE, "the system's loader refuses " + file + " (" + complaint + ")");
  }
}
