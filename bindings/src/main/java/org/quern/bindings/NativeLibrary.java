package org.quern.bindings;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Finds a native library inside a jar, verifies it, places it where it may be executed, loads it,
 * and explains whatever stood in the way. Prints nothing, keeps no state, and works in several
 * class loaders at once.
 *
 * <p>The order is: the switch ({@code -D<name>.native=off}); a file named explicitly ({@code
 * -D<name>.native.library}), and then nothing else; the jar's library for this platform, placed by
 * its SHA-256 under the first folder that will have it: {@code -D<name>.native.dir}, {@code
 * <NAME>_NATIVE_DIR}, the user's cache folder, {@code java.io.tmpdir}, and on Linux {@code
 * /dev/shm} and a file in memory.
 */
public final class NativeLibrary {
  private NativeLibrary() {}

  /** A library, or why there is none. */
  public sealed interface Result permits Loaded, Refused {
    /** What was tried, in order; the last one decided. */
    List<Attempt> attempts();

    /** One sentence: what was loaded and from where, or why not and what mends it. */
    String explanation();

    /** All attempts, one a line. */
    default String details() {
      return attempts().stream().map(Attempt::toString).collect(Collectors.joining("\n"));
    }

    /**
     * The loaded library.
     *
     * @throws NativeLibraryException if it was refused; the message is the explanation
     */
    default Loaded orElseThrow() {
      return switch (this) {
        case Loaded loaded -> loaded;
        case Refused refused -> throw new NativeLibraryException(refused.explanation());
      };
    }
  }

  /**
   * A loaded library. It stays loaded as long as the arena given to {@link #find} lives.
   *
   * @param lookup finds its symbols; each is as long-lived as the arena
   * @param file where it was loaded from
   * @param manifest what it is; for a file named explicitly computed from the file, without tiers
   * @param attempts what was tried; the last one is this library
   */
  public record Loaded(
      SymbolLookup lookup, Path file, NativeManifest manifest, List<Attempt> attempts)
      implements Result {
    @Override
    public String explanation() {
      return "The native library %s for %s was loaded from %s."
          .formatted(manifest.name(), manifest.platform(), file);
    }
  }

  /**
   * No library.
   *
   * @param explanation one sentence: what stood in the way, and what mends it
   * @param attempts what was tried; never empty
   */
  public record Refused(String explanation, List<Attempt> attempts) implements Result {}

  /**
   * One attempt.
   *
   * @param place the file, folder or setting that it was about
   * @param verdict how it ended
   * @param reason a clause that says why, without a full stop
   * @param remedy a clause that says what mends it, without a full stop
   */
  public record Attempt(String place, Verdict verdict, String reason, String remedy) {
    static Attempt refused(NativeLibrarySpec spec, String place, Refusal refusal) {
      Verdict verdict = refusal.verdict();
      return new Attempt(place, verdict, refusal.reason(), verdict.remedy(spec));
    }

    /** {@code place: label: reason}. */
    @Override
    public String toString() {
      return place + ": " + verdict.label() + ": " + reason;
    }
  }

  /**
   * Finds and loads a library for as long as something refers to it: its lookup, or a symbol of it.
   * See {@link #find(NativeLibrarySpec, Arena)}.
   */
  public static Result find(NativeLibrarySpec spec) {
    return find(spec, Arena.ofAuto());
  }

  /**
   * Finds and loads a library.
   *
   * @param spec which
   * @param arena the library is unloaded when it is closed. Calls through the lookup's symbols hold
   *     a shared arena open; calls through a bare address do not.
   */
  public static Result find(NativeLibrarySpec spec, Arena arena) {
    return find(spec, arena, Host.current());
  }

  static Result find(NativeLibrarySpec spec, Arena arena, Host host) {
    List<Attempt> attempts = new ArrayList<>();
    try {
      refuseIfOff(spec, host);
      // Restricted like all that follows, and without effect: a denial shows here.
      MemorySegment.NULL.reinterpret(0);
      Optional<String> named = host.setting(spec.libraryProperty(), spec.libraryVariable());
      if (named.isPresent()) {
        return named(spec, arena, host, named.get(), attempts);
      }
      return packed(spec, arena, host, attempts);
    } catch (Refusal refusal) {
      return refused(spec, attempts, spec.name(), refusal);
    } catch (IllegalCallerException e) {
      return refused(
          spec,
          attempts,
          spec.name(),
          new Refusal(Verdict.ACCESS_DENIED, "this Java denies native access to its module"));
    }
  }

  private static void refuseIfOff(NativeLibrarySpec spec, Host host) throws Refusal {
    Optional<String> set = host.setting(spec.switchProperty(), spec.switchVariable());
    if (set.isEmpty() || set.get().equalsIgnoreCase("on")) {
      return;
    }
    String origin =
        host.property().apply(spec.switchProperty()).filter(value -> !value.isBlank()).isPresent()
            ? "-D" + spec.switchProperty()
            : spec.switchVariable();
    if (set.get().equalsIgnoreCase("off")) {
      throw new Refusal(Verdict.OFF, origin + "=off switches it off");
    }
    throw new Refusal(Verdict.BAD_SETTING, origin + "=" + set.get() + " says neither on nor off");
  }

  private static Result named(
      NativeLibrarySpec spec, Arena arena, Host host, String text, List<Attempt> attempts) {
    try {
      Path file = Path.of(text).toAbsolutePath();
      if (!Files.isRegularFile(file)) {
        throw new Refusal(Verdict.NO_FILE, file + " is not a file");
      }
      ElfFile.refuseIfCutOff(file);
      NativeManifest manifest =
          new NativeManifest(
              spec.name(),
              String.valueOf(file.getFileName()),
              Files.size(file),
              PackedLibrary.sha256(file),
              host.platform().id(),
              List.of());
      SymbolLookup lookup = SystemLoader.open(spec, host.platform(), file.toRealPath(), arena);
      return loaded(attempts, lookup, file, manifest);
    } catch (InvalidPathException e) {
      return refused(
          spec, attempts, text, new Refusal(Verdict.NO_FILE, "'" + text + "' is not a path"));
    } catch (IOException e) {
      return refused(
          spec,
          attempts,
          text,
          new Refusal(Verdict.NO_FILE, text + " cannot be read: " + Failures.say(e)));
    } catch (Refusal refusal) {
      return refused(spec, attempts, text, refusal);
    }
  }

  private static Result packed(
      NativeLibrarySpec spec, Arena arena, Host host, List<Attempt> attempts) throws Refusal {
    PackedLibrary library = PackedLibrary.find(spec, host.platform());
    Placement placement = new Placement(library, host);
    for (CacheFolder folder : CacheFolder.candidates(host, spec, attempts)) {
      String place = folder.path() + " (" + folder.origin() + ")";
      try {
        Path file = placement.in(folder);
        SymbolLookup lookup = SystemLoader.open(spec, host.platform(), file, arena);
        return loaded(attempts, lookup, file, library.manifest());
      } catch (Refusal refusal) {
        Attempt attempt = Attempt.refused(spec, place, refusal);
        attempts.add(attempt);
        if (!refusal.verdict().isPlace()) {
          return new Refused(explain(spec, attempts), List.copyOf(attempts));
        }
      }
    }
    if (host.platform().isLinux()) {
      try {
        Path file = MemoryFile.in(arena, library);
        SymbolLookup lookup = SystemLoader.open(spec, host.platform(), file, arena);
        return loaded(attempts, lookup, file, library.manifest());
      } catch (Refusal refusal) {
        return refused(spec, attempts, MemoryFile.PLACE, refusal);
      }
    }
    if (attempts.isEmpty()) {
      return refused(
          spec,
          attempts,
          spec.name(),
          new Refusal(Verdict.NO_PLACE, "no folder to place it is known"));
    }
    return new Refused(explain(spec, attempts), List.copyOf(attempts));
  }

  private static Loaded loaded(
      List<Attempt> attempts, SymbolLookup lookup, Path file, NativeManifest manifest) {
    attempts.add(
        new Attempt(
            file.toString(),
            Verdict.LOADED,
            "SHA-256 " + manifest.sha256(),
            "nothing needs mending"));
    return new Loaded(lookup, file, manifest, List.copyOf(attempts));
  }

  private static Refused refused(
      NativeLibrarySpec spec, List<Attempt> attempts, String place, Refusal refusal) {
    attempts.add(Attempt.refused(spec, place, refusal));
    return new Refused(explain(spec, attempts), List.copyOf(attempts));
  }

  /** If places refused it, all of them count; otherwise the last attempt says it all. */
  private static String explain(NativeLibrarySpec spec, List<Attempt> attempts) {
    Attempt last = attempts.getLast();
    List<Attempt> places = attempts.stream().filter(a -> a.verdict().isPlace()).toList();
    if (!last.verdict().isPlace() || places.size() < 2) {
      return "The native library %s was not loaded: %s; %s."
          .formatted(spec.name(), last.reason(), last.remedy());
    }
    return "The native library %s was not loaded, as every place refused it (%s); %s."
        .formatted(
            spec.name(),
            attempts.stream().map(Attempt::reason).collect(Collectors.joining("; ")),
            places.getFirst().remedy());
  }
}
