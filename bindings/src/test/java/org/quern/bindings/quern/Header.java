package org.quern.bindings.quern;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * What is declared in {@code quern.h}, as far as the text tells; the C compiler tells the rest.
 *
 * @param structs the fields of each struct
 * @param constants enumerators and macros with a value, but for the kernels' numbers
 * @param functions the declared functions
 */
record Header(Map<String, List<Field>> structs, List<String> constants, List<Function> functions) {
  static final Path FILE =
      Path.of(System.getProperty("basedir", ".")).resolve("../native/include/quern.h").normalize();

  private static final Pattern COMMENT = Pattern.compile("/\\*.*?\\*/", Pattern.DOTALL);
  private static final Pattern STRUCT =
      Pattern.compile("typedef struct (\\w+) \\{([^}]*)\\} \\1;", Pattern.DOTALL);
  private static final Pattern FIELD = Pattern.compile("\\w[^;]*?(\\w+)(\\[\\d+\\])?;");
  private static final Pattern ENUM =
      Pattern.compile("^enum (\\w+) \\{([^}]*)\\};", Pattern.DOTALL | Pattern.MULTILINE);
  private static final Pattern ENUMERATOR = Pattern.compile("(QUERN_\\w+) = ");
  private static final Pattern MACRO = Pattern.compile("#define (QUERN_\\w+) \\(?[-\\d]");
  private static final Pattern FUNCTION =
      Pattern.compile("^QUERN_API ([^(;]*?[ *])(\\w+)\\(([^)]*)\\);", Pattern.MULTILINE);

  /**
   * A field.
   *
   * @param name its name
   * @param isArray whether it has elements
   */
  record Field(String name, boolean isArray) {}

  /**
   * A function.
   *
   * @param name its name
   * @param result its type in C
   * @param parameters their types in C
   */
  record Function(String name, String result, List<String> parameters) {}

  static Header read() throws IOException {
    String text = COMMENT.matcher(Files.readString(FILE)).replaceAll(" ");
    Map<String, List<Field>> structs = new LinkedHashMap<>();
    for (MatchResult struct : all(STRUCT, text)) {
      structs.put(
          struct.group(1),
          all(FIELD, struct.group(2)).stream()
              .map(field -> new Field(field.group(1), field.group(2) != null))
              .toList());
    }
    List<String> constants = new ArrayList<>();
    all(MACRO, text).forEach(macro -> constants.add(macro.group(1)));
    List<MatchResult> enums = all(ENUM, text);
    for (MatchResult type : enums) {
      all(ENUMERATOR, type.group(2)).forEach(each -> constants.add(each.group(1)));
    }
    List<Function> functions =
        all(FUNCTION, text).stream()
            .map(each -> new Function(each.group(2), each.group(1).strip(), types(each.group(3))))
            .toList();
    // Nothing that the header declares may slip through the patterns.
    assertThat(structs).hasSize(count(text, "struct \\w+ \\{")).isNotEmpty();
    assertThat(enums).hasSize(count(text, "enum \\w+ \\{")).isNotEmpty();
    assertThat(functions).hasSize(count(text, "(?m)^QUERN_API ")).isNotEmpty();
    return new Header(structs, List.copyOf(constants), functions);
  }

  private static List<String> types(String parameters) {
    return parameters.equals("void")
        ? List.of()
        : Arrays.stream(parameters.split(","))
            .map(each -> each.strip().replaceFirst("\\w+$", "").strip())
            .toList();
  }

  private static List<MatchResult> all(Pattern pattern, String text) {
    return pattern.matcher(text).results().toList();
  }

  private static int count(String text, String regex) {
    return all(Pattern.compile(regex), text).size();
  }

  /** A C program that prints what the compiler makes of each declaration, one a line. */
  String program() {
    StringBuilder c =
        new StringBuilder(
            """
            #include "quern.h"
            #include <stddef.h>
            #include <stdio.h>
            #define POINTER(x) (__builtin_classify_type(x) == 5 ? "pointer" : "other")
            #define KIND(x) _Generic((x), int32_t: "int", int64_t: "long", float: "float", \\
                double: "double", default: POINTER(x))
            #define STRUCT(s) printf("struct %s %zu %zu\\n", #s, sizeof(s), _Alignof(s))
            #define FIELD(s, f, x) \\
                printf("field %s.%s %zu %zu %s\\n", #s, #f, offsetof(s, f), \\
                    sizeof(((s *)0)->f) / sizeof(((s *)0)->x), KIND(((s *)0)->x))
            #define CONSTANT(c) printf("constant %s %ld\\n", #c, (long)(c))
            int main(void) {
            """);
    structs.forEach((name, fields) -> {
      c.append("STRUCT(%s);\n".formatted(name));
      for (Field field : fields) {
        String element = field.isArray() ? field.name() + "[0]" : field.name();
        c.append("FIELD(%s, %s, %s);\n".formatted(name, field.name(), element));
      }
    });
    constants.forEach(constant -> c.append("CONSTANT(%s);\n".formatted(constant)));
    for (Function function : functions) {
      List<String> types = function.parameters();
      c.append(
          "_Static_assert(__builtin_types_compatible_p(__typeof__(%s), %s(%s)), \"%s\");\n"
              .formatted(
                  function.name(),
                  function.result(),
                  types.isEmpty() ? "void" : String.join(", ", types),
                  function.name()));
      c.append("printf(\"function %s\");\n".formatted(function.name()));
      c.append("printf(\" %%s\", KIND((%s)0));\n".formatted(function.result()));
      types.forEach(type -> c.append("printf(\" %%s\", KIND((%s)0));\n".formatted(type)));
      c.append("printf(\"\\n\");\n");
    }
    return c.append("return 0;\n}\n").toString();
  }
}
