package org.quern.bindings;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/** The last resort on Linux: a file that lies in no folder (memfd_create(2)). */
final class MemoryFile {
  static final String PLACE = "a file in memory";

  private MemoryFile() {}

  /**
   * A memory file that holds the library, open as long as the arena is: while a library is loaded
   * under such a name, no other file may get it.
   */
  static Path in(Arena arena, PackedLibrary library) throws Refusal {
    Optional<Integer> made = Libc.memoryFile(library.spec().name());
    if (made.isEmpty()) {
      throw new Refusal(Verdict.NO_PLACE, "the kernel makes no file in memory");
    }
    int number = made.get();
    MemorySegment.ofAddress(number).reinterpret(1, arena, Libc.closing(number));
    Path file = Path.of("/proc/self/fd/" + number);
    try (FileChannel out = FileChannel.open(file, StandardOpenOption.WRITE)) {
      library.copyTo(out);
    } catch (IOException e) {
      throw new Refusal(Verdict.IO_ERROR, "it cannot be written: " + Failures.say(e));
    }
    return file;
  }
}
