package org.quern.bindings;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What is mounted where, as Linux says in {@code /proc/self/mountinfo} (proc(5)). */
record MountTable(List<Mount> mounts) {
  static final MountTable EMPTY = new MountTable(List.of());

  /**
   * One mount.
   *
   * @param point where it is mounted
   * @param options of the mount and of its file system, such as {@code noexec} and {@code ro}
   * @param type of the file system, such as {@code tmpfs}
   */
  record Mount(Path point, Set<String> options, String type) {
    boolean has(String option) {
      return options.contains(option);
    }
  }

  /** Reads the lines; one that is not of the expected form is left out. */
  static MountTable parse(String text) {
    List<Mount> mounts = new ArrayList<>();
    for (String line : text.split("\n")) {
      String[] fields = line.split(" ");
      int dash = 6;
      while (dash < fields.length && !fields[dash].equals("-")) {
        dash++;
      }
      if (dash + 3 < fields.length) {
        Set<String> options = Set.copyOf(List.of((fields[5] + "," + fields[dash + 3]).split(",")));
        mounts.add(new Mount(Path.of(unescape(fields[4])), options, fields[dash + 1]));
      }
    }
    return new MountTable(List.copyOf(mounts));
  }

  /** The mount that holds the path: the deepest, and of several at one point the last. */
  Optional<Mount> of(Path path) {
    Mount best = null;
    for (Mount mount : mounts) {
      if (path.startsWith(mount.point())
          && (best == null || mount.point().getNameCount() >= best.point().getNameCount())) {
        best = mount;
      }
    }
    return Optional.ofNullable(best);
  }

  private static String unescape(String text) {
    StringBuilder out = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '\\' && text.substring(i).matches("\\\\[0-7]{3}.*")) {
        out.append((char) Integer.parseInt(text.substring(i + 1, i + 4), 8));
        i += 3;
      } else {
        out.append(c);
      }
    }
    return out.toString();
  }
}
