package org.quern.bindings.quern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The committed bindings against what jextract generates, where there is one. */
class JextractTest {
  /** What ours has and jextract's has not: what binds an instance to a library. */
  private static final Set<String> OURS = Set.of("symbols");

  @TempDir Path temp;

  @Test
  void namesAndSignaturesAreJextracts() throws Exception {
    Path sources = Files.createDirectory(temp.resolve("sources"));
    run(
        jextract(),
        "@" + Header.FILE.resolve("../../../bindings/src/jextract/quern.includes").normalize(),
        "--target-package",
        "org.quern.bindings.quern",
        "--header-class-name",
        "quern_h",
        "--output",
        sources.toString(),
        Header.FILE.toString());
    Path classes = compile(sources);
    try (URLClassLoader loader = new URLClassLoader(new URL[] {classes.toUri().toURL()}, null)) {
      for (Class<?> ours :
          List.of(quern_step.class, quern_barrier.class, quern_record.class, quern_program.class)) {
        assertThat(methods(ours, true))
            .as(ours.getSimpleName())
            .isEqualTo(methods(loaded(loader, ours), true));
      }
      Set<String> generated = methods(loaded(loader, quern_h.class), false);
      Set<String> ours = methods(quern_h.class, false);
      // Only the program's address differs, which ours takes bare.
      String run = "int quern_run(%s, int, long, long)";
      assertThat(ours.remove(run.formatted("long"))).isTrue();
      ours.add(run.formatted("MemorySegment"));
      assertThat(generated).containsAll(ours);
    }
  }

  @Test
  void theListNamesAllThatIsBound() throws IOException {
    Header header = Header.read();
    List<String> wanted = new ArrayList<>();
    header.structs().keySet().forEach(name -> wanted.add("--include-struct " + name));
    header.constants().forEach(name -> wanted.add("--include-constant " + name));
    header.functions().forEach(each -> wanted.add("--include-function " + each.name()));
    Path list = Header.FILE.resolve("../../../bindings/src/jextract/quern.includes").normalize();
    assertThat(Files.readAllLines(list).stream().filter(line -> !line.startsWith("#")))
        .containsExactlyInAnyOrderElementsOf(wanted);
  }

  private static Class<?> loaded(ClassLoader loader, Class<?> type) throws ClassNotFoundException {
    // Not initialised: that would look for the library's symbols in the class loader.
    return Class.forName(type.getName(), false, loader);
  }

  private static Set<String> methods(Class<?> type, boolean isStruct) {
    return Stream.of(type.getDeclaredMethods())
        .filter(method -> Modifier.isPublic(method.getModifiers()))
        .filter(method -> !OURS.contains(method.getName()))
        .filter(
            method -> isStruct || method.getName().toLowerCase(Locale.ROOT).startsWith("quern_"))
        .map(JextractTest::signature)
        .collect(Collectors.toSet());
  }

  private static String signature(Method method) {
    return method.getReturnType().getSimpleName()
        + " "
        + method.getName()
        + Stream.of(method.getParameterTypes())
            .map(Class::getSimpleName)
            .collect(Collectors.joining(", ", "(", ")"));
  }

  private static String jextract() {
    Stream<Path> home =
        Optional.ofNullable(System.getenv("JEXTRACT_HOME")).stream()
            .map(folder -> Path.of(folder, "bin"));
    Stream<Path> path =
        Arrays.stream(
                Optional.ofNullable(System.getenv("PATH")).orElse("").split(File.pathSeparator))
            .map(Path::of);
    Optional<Path> found =
        Stream.concat(home, path)
            .map(folder -> folder.resolve("jextract"))
            .filter(Files::isExecutable)
            .findFirst();
    assumeTrue(found.isPresent(), "needs jextract on the PATH or in JEXTRACT_HOME");
    return found.orElseThrow().toString();
  }

  private Path compile(Path sources) throws IOException, InterruptedException {
    Path classes = temp.resolve("classes");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "javac").toString());
    command.addAll(List.of("-d", classes.toString()));
    try (Stream<Path> files = Files.walk(sources)) {
      files.filter(Files::isRegularFile).map(Path::toString).forEach(command::add);
    }
    run(command.toArray(String[]::new));
    return classes;
  }

  private void run(String... command) throws IOException, InterruptedException {
    Path log = temp.resolve("log");
    int status =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start()
            .waitFor();
    assertThat(status).as(Files.readString(log)).isZero();
  }
}
