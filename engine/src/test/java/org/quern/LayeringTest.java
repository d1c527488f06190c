package org.quern;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** Arrows between the engine's rooms point down only; read from the compiled classes. */
class LayeringTest {
  private static final String ROOT = "org.quern";
  private static final String FACE = ROOT;

  /** What each room may use directly; what those may use, it may use too. */
  private static final Map<String, Set<String>> ARROWS =
      Map.ofEntries(
          Map.entry(
              FACE, rooms("generate", "train", "exec.nativecpu", "exec.vector", "model", "format")),
          Map.entry(room("check"), Set.of(FACE)),
          Map.entry(room("generate"), rooms("model", "exec", "text")),
          Map.entry(room("train"), rooms("model", "exec", "format", "data")),
          Map.entry(room("model"), rooms("ir")),
          Map.entry(room("format"), rooms("ir", "memory", "json")),
          Map.entry(room("data"), rooms("text", "memory")),
          Map.entry(room("text"), rooms("memory", "json")),
          Map.entry(room("exec.nativecpu"), Set.of(room("exec"), room("bindings"))),
          Map.entry(room("exec.vector"), rooms("exec")),
          Map.entry(room("exec"), rooms("profile")),
          Map.entry(room("profile"), rooms("plan")),
          Map.entry(room("plan"), rooms("ir", "memory")),
          Map.entry(room("ir"), Set.of()),
          Map.entry(room("memory"), Set.of()),
          Map.entry(room("json"), Set.of()),
          Map.entry(room("bindings"), Set.of()));

  /** Libraries, by the start of their packages, and the rooms that alone may use them. */
  private static final Map<String, Set<String>> LIBRARIES =
      Map.of(
          "tools.jackson.", rooms("json", "format", "text", "train"),
          "ai.djl.", rooms("text"),
          "jdk.incubator.vector", rooms("exec.vector"),
          "jdk.jfr", rooms("profile"));

  private static final JavaClasses ENGINE =
      new ClassFileImporter()
          .importPath(Path.of(System.getProperty("basedir", ""), "target", "classes"));

  @Test
  void arrowsBetweenRoomsPointDown() {
    assertThat(violations(LayeringTest::pointsDown))
        .as("dependencies that point up or sideways")
        .isEmpty();
  }

  @Test
  void librariesStayInTheirRooms() {
    assertThat(violations(LayeringTest::libraryIsAtHome))
        .as("libraries used outside of their rooms")
        .isEmpty();
  }

  @Test
  void everyPackageHasARoom() {
    Set<String> homeless = new TreeSet<>();
    for (JavaClass type : ENGINE) {
      if (!type.getPackageName().isEmpty() && !ARROWS.containsKey(roomOf(type))) {
        homeless.add(type.getPackageName());
      }
    }
    assertThat(homeless).as("packages that this test does not know").isEmpty();
  }

  @Test
  void theArrowsHaveNoCycle() {
    for (String room : ARROWS.keySet()) {
      assertThat(below(room)).doesNotContain(room);
    }
  }

  @Test
  void aForbiddenArrowIsFound() {
    assertThat(ENGINE.contain("org.quern.plan.Plan")).isTrue();
    assertThat(violations(dependency -> !roomOf(dependency.getTargetClass()).equals(room("ir"))))
        .as("with the room .ir forbidden to all")
        .anyMatch(violation -> violation.contains("org.quern.plan."));
  }

  private static List<String> violations(Predicate<Dependency> allowed) {
    List<String> found = new ArrayList<>();
    for (JavaClass type : ENGINE) {
      for (Dependency dependency : type.getDirectDependenciesFromSelf()) {
        if (!allowed.test(dependency)) {
          found.add(dependency.getDescription());
        }
      }
    }
    return found;
  }

  private static boolean pointsDown(Dependency dependency) {
    JavaClass target = dependency.getTargetClass();
    if (!isOurs(target)) {
      return true;
    }
    String from = roomOf(dependency.getOriginClass());
    String to = roomOf(target);
    return from.equals(to) || below(from).contains(to);
  }

  private static boolean libraryIsAtHome(Dependency dependency) {
    String name = dependency.getTargetClass().getPackageName() + ".";
    String from = roomOf(dependency.getOriginClass());
    return LIBRARIES.entrySet().stream()
        .allMatch(
            library -> !name.startsWith(library.getKey()) || library.getValue().contains(from));
  }

  private static boolean isOurs(JavaClass type) {
    return type.getPackageName().equals(ROOT) || type.getPackageName().startsWith(ROOT + ".");
  }

  /** The longest known room whose name starts the class's package; its package if there is none. */
  private static String roomOf(JavaClass type) {
    String name = type.getPackageName();
    for (String room = name; room.length() > ROOT.length(); room = parent(room)) {
      if (ARROWS.containsKey(room)) {
        return room;
      }
    }
    return name;
  }

  private static String parent(String name) {
    return name.substring(0, Math.max(0, name.lastIndexOf('.')));
  }

  /** Every room that can be reached by arrows. */
  private static Set<String> below(String room) {
    Set<String> reached = new HashSet<>();
    List<String> open = new ArrayList<>(ARROWS.getOrDefault(room, Set.of()));
    while (!open.isEmpty()) {
      String next = open.removeLast();
      if (reached.add(next)) {
        open.addAll(ARROWS.getOrDefault(next, Set.of()));
      }
    }
    return reached;
  }

  private static String room(String name) {
    return ROOT + "." + name;
  }

  private static Set<String> rooms(String... names) {
    Set<String> rooms = new HashSet<>();
    for (String name : names) {
      rooms.add(room(name));
    }
    return rooms;
  }
}
