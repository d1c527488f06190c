package org.quern.cases;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.quern.ir.Kernel;
import org.quern.ir.Node;
import org.quern.ir.Op;
import org.quern.ir.Precision;

/** Every operation has its file in every room; the message names the one that is missing. */
class CompletenessTest {
  private static final Path ENGINE = Path.of(System.getProperty("basedir", "")).toAbsolutePath();
  private static final Path JAVA = ENGINE.resolve("src/main/java/org/quern");
  private static final Path REFERENCE = ENGINE.resolve("src/test/java/org/quern/reference");
  private static final Path NATIVE = ENGINE.resolveSibling("native").resolve("src");
  private static final Pattern LISTED = Pattern.compile("^QUERN_KERNEL\\((\\w+)\\)$");
  private static final Pattern DEFINED = Pattern.compile("QUERN_KERNEL_DEFINE\\((\\w+)\\)");

  @BeforeAll
  static void needSources() {
    assumeTrue(
        Files.isDirectory(NATIVE) && Files.isDirectory(JAVA),
        "the sources are not beside the engine's module: " + ENGINE);
  }

  @Test
  void theListOfKernelsIsTheEnumsInItsOrder() throws IOException {
    List<String> listed =
        Files.readAllLines(NATIVE.resolve("kernels.def")).stream()
            .map(LISTED::matcher)
            .filter(Matcher::matches)
            .map(matcher -> matcher.group(1))
            .toList();
    assertThat(listed)
        .as("native/src/kernels.def beside org.quern.ir.Kernel")
        .isEqualTo(Arrays.stream(Kernel.values()).map(CompletenessTest::name).toList());
  }

  @Test
  void everyKernelHasRowsAndFilesInEveryRoom() {
    Map<Kernel, String> families = families();
    Set<String> defined = definedInC();
    // What an operation is lowered to in another precision, which the Vector API does without.
    Set<Kernel> substitutes =
        Arrays.stream(Kernel.values()).map(Precision.BF16::kernel).collect(Collectors.toSet());
    List<String> missing = new ArrayList<>();
    for (Kernel kernel : Kernel.values()) {
      String family = families.get(kernel);
      if (family == null && substitutes.contains(kernel)) {
        requireDefinition(kernel, defined, missing);
        continue;
      }
      if (family == null) {
        missing.add("a row in the table of operation cases for " + name(kernel));
        continue;
      }
      require(JAVA.resolve("ir/op/" + family + ".java"), missing);
      require(REFERENCE.resolve(family + "Reference.java"), missing);
      requireVectorKernel(kernel, family, missing);
      requireDefinition(kernel, defined, missing);
    }
    assertThat(missing).as("what operations lack").isEmpty();
  }

  /** An operation that no kernel of its own serves is composed of others, and one file. */
  @Test
  void everyOperationOfTheGraphIsInTheTable() throws IOException {
    Set<String> families = new TreeSet<>(families().values());
    try (Stream<Path> files = Files.list(JAVA.resolve("ir/op"))) {
      List<String> withoutRow =
          files
              .filter(file -> contains(file, "implements Op"))
              .map(file -> file.getFileName().toString().replace(".java", ""))
              .filter(name -> !families.contains(name))
              .toList();
      assertThat(withoutRow).as("operations without a row in the table").isEmpty();
    }
  }

  private static void requireDefinition(Kernel kernel, Set<String> defined, List<String> missing) {
    if (!defined.contains(name(kernel))) {
      missing.add("QUERN_KERNEL_DEFINE(" + name(kernel) + ") below " + NATIVE);
    }
  }

  private static void requireVectorKernel(Kernel kernel, String family, List<String> missing) {
    String words = name(kernel).replaceAll("(_backward)?_f32$", "");
    String own =
        Arrays.stream(words.split("_"))
            .map(word -> word.substring(0, 1).toUpperCase(Locale.ROOT) + word.substring(1))
            .collect(Collectors.joining());
    Path vector = JAVA.resolve("exec/vector");
    if (!Files.exists(vector.resolve(own + "Kernel.java"))) {
      require(vector.resolve(family + "Kernel.java"), missing);
    }
  }

  private static void require(Path file, List<String> missing) {
    if (!Files.exists(file) && !missing.contains(file.toString())) {
      missing.add(file.toString());
    }
  }

  /** The operation whose file each kernel belongs to: the outermost class. */
  private static Map<Kernel, String> families() {
    Map<Kernel, String> families = new EnumMap<>(Kernel.class);
    for (OperationCase row : OperationCases.tests()) {
      for (Node node : CaseGraph.of(row).graph().nodes()) {
        families.put(node.op().kernel(), family(node.op()));
      }
    }
    return families;
  }

  private static String family(Op op) {
    return op.name().split("\\.")[0];
  }

  private static Set<String> definedInC() {
    Set<String> defined = new TreeSet<>();
    for (String folder : List.of("kernels", "matmul")) {
      try (Stream<Path> files = Files.list(NATIVE.resolve(folder))) {
        files
            .filter(file -> file.toString().endsWith(".c"))
            .flatMap(file -> DEFINED.matcher(text(file)).results())
            .forEach(match -> defined.add(match.group(1)));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return defined;
  }

  private static String name(Kernel kernel) {
    return kernel.name().toLowerCase(Locale.ROOT);
  }

  private static boolean contains(Path file, String words) {
    return text(file).contains(words);
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
