package org.quern.bindings.quern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.SequenceLayout;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.bindings.NativeLibraryException;
import org.quern.bindings.TestCompiler;

/** The bindings against what the C compiler makes of the header. */
class quern_hTest {
  private static final Map<String, GroupLayout> LAYOUTS =
      Map.of(
          "quern_step", quern_step.layout(),
          "quern_barrier", quern_barrier.layout(),
          "quern_record", quern_record.layout(),
          "quern_sample", quern_sample.layout(),
          "quern_program", quern_program.layout());

  @TempDir Path temp;

  @Test
  void everyStructConstantAndFunctionIsAsTheCompilerSeesIt() throws Exception {
    Header header = Header.read();
    List<String> compiled = compiled(header);
    assertThat(bound(header)).containsExactlyElementsOf(compiled);
    assertThat(LAYOUTS.keySet()).isEqualTo(header.structs().keySet());
    assertThat(quern_h.symbols())
        .containsExactlyElementsOf(header.functions().stream().map(f -> f.name()).toList());
    assertThat(constants()).containsExactlyInAnyOrderElementsOf(header.constants());
  }

  @Test
  void everyFieldIsSetAndReadWhereItsOffsetSays() throws Exception {
    for (Map.Entry<String, GroupLayout> entry : LAYOUTS.entrySet()) {
      Class<?> type = type(entry.getKey());
      for (MemoryLayout member : entry.getValue().memberLayouts()) {
        String name = member.name().orElseThrow();
        assertThat(type.getMethod(name + "$layout").invoke(null)).isEqualTo(member);
        long offset = (long) type.getMethod(name + "$offset").invoke(null);
        assertThat(offset).isEqualTo(entry.getValue().byteOffset(PathElement.groupElement(name)));
        try (Arena arena = Arena.ofConfined()) {
          MemorySegment struct = allocate(type, arena);
          if (member instanceof SequenceLayout array) {
            long last = array.elementCount() - 1;
            assertThat(type.getMethod(name + "$dimensions").invoke(null))
                .isEqualTo(new long[] {last + 1});
            Class<?> carrier = carrier(array.elementLayout());
            Object value = value(array.elementLayout());
            type.getMethod(name, MemorySegment.class, long.class, carrier)
                .invoke(null, struct, last, value);
            assertThat(
                    type.getMethod(name, MemorySegment.class, long.class)
                        .invoke(null, struct, last))
                .isEqualTo(value);
            assertOnly(struct, offset + last * array.elementLayout().byteSize(), value);
            MemorySegment copy = allocate(type, arena);
            Object slice = type.getMethod(name, MemorySegment.class).invoke(null, struct);
            type.getMethod(name, MemorySegment.class, MemorySegment.class)
                .invoke(null, copy, slice);
            assertThat(copy.mismatch(struct)).isEqualTo(-1);
          } else {
            Object value = value(member);
            type.getMethod(name, MemorySegment.class, carrier(member)).invoke(null, struct, value);
            assertThat(type.getMethod(name, MemorySegment.class).invoke(null, struct))
                .isEqualTo(value);
            assertOnly(struct, offset, value);
          }
        }
      }
    }
  }

  @Test
  void anArrayOfStructsIsCutWhereTheNextBegins() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment records = quern_record.allocateArray(3, arena);
      assertThat(records.byteSize()).isEqualTo(3 * quern_record.sizeof());
      MemorySegment second = quern_record.asSlice(records, 1);
      quern_record.node(second, 7);
      assertThat(second.byteSize()).isEqualTo(quern_record.sizeof());
      MemorySegment again =
          quern_record.reinterpret(
              MemorySegment.ofAddress(records.address()), 3, arena, segment -> {});
      assertThat(quern_record.node(quern_record.asSlice(again, 1))).isEqualTo(7);
      assertThat(quern_record.node(quern_record.asSlice(again, 2))).isZero();
    }
  }

  @Test
  void aLibraryThatLacksAFunctionIsAnError() {
    assertThatThrownBy(() -> new quern_h(name -> Optional.empty()))
        .isInstanceOf(NativeLibraryException.class)
        .hasMessageContaining("quern_abi_version");
  }

  private List<String> compiled(Header header) throws IOException, InterruptedException {
    Path source = Files.writeString(temp.resolve("facts.c"), header.program());
    Path program = temp.resolve("facts");
    String include = "-I" + Header.FILE.toAbsolutePath().getParent();
    TestCompiler.cc("-std=gnu11", include, "-o", program.toString(), source.toString());
    Process process = new ProcessBuilder(program.toString()).start();
    List<String> lines = process.inputReader().lines().toList();
    assertThat(process.waitFor()).isZero();
    return lines;
  }

  /** The same lines as the C program's, from the Java side. */
  private static List<String> bound(Header header) throws ReflectiveOperationException {
    List<String> lines = new ArrayList<>();
    for (Map.Entry<String, List<Header.Field>> struct : header.structs().entrySet()) {
      String name = struct.getKey();
      GroupLayout layout = (GroupLayout) type(name).getMethod("layout").invoke(null);
      lines.add("struct %s %d %d".formatted(name, layout.byteSize(), layout.byteAlignment()));
      long offset = 0;
      for (MemoryLayout member : layout.memberLayouts()) {
        MemoryLayout element =
            member instanceof SequenceLayout array ? array.elementLayout() : member;
        lines.add(
            "field %s.%s %d %d %s"
                .formatted(
                    name,
                    member.name().orElseThrow(),
                    offset,
                    member.byteSize() / element.byteSize(),
                    kind(element)));
        offset += member.byteSize();
      }
    }
    for (String constant : header.constants()) {
      lines.add(
          "constant %s %s".formatted(constant, quern_h.class.getMethod(constant).invoke(null)));
    }
    for (Header.Function function : header.functions()) {
      Method method = quern_h.class.getMethod(function.name() + "$descriptor");
      FunctionDescriptor descriptor = (FunctionDescriptor) method.invoke(null);
      List<String> kinds = new ArrayList<>();
      kinds.add(kind(descriptor.returnLayout().orElseThrow()));
      descriptor.argumentLayouts().forEach(argument -> kinds.add(kind(argument)));
      if (function.name().equals("quern_run")) {
        assertThat(kinds.set(1, "pointer")).as("the program's bare address").isEqualTo("long");
      }
      lines.add("function %s %s".formatted(function.name(), String.join(" ", kinds)));
    }
    return lines;
  }

  private static List<String> constants() {
    return Arrays.stream(quern_h.class.getMethods())
        .filter(method -> Modifier.isStatic(method.getModifiers()))
        .map(Method::getName)
        .filter(name -> name.startsWith("QUERN_"))
        .toList();
  }

  private static String kind(MemoryLayout layout) {
    return layout instanceof AddressLayout ? "pointer" : carrier(layout).getSimpleName();
  }

  private static Class<?> carrier(MemoryLayout layout) {
    return ((ValueLayout) layout).carrier();
  }

  private static Object value(MemoryLayout layout) {
    return switch ((ValueLayout) layout) {
      case ValueLayout.OfInt i -> 0x01020304;
      case ValueLayout.OfLong l -> 0x0102030405060708L;
      case ValueLayout.OfFloat f -> 1.5f;
      case AddressLayout a ->
          MemorySegment.ofAddress(0x0102030405060708L).reinterpret(Long.MAX_VALUE);
      default -> throw new AssertionError(layout);
    };
  }

  /** That the value stands at the offset and everything else is zero. */
  private static void assertOnly(MemorySegment struct, long offset, Object value) {
    MemorySegment expected = Arena.ofAuto().allocate(struct.byteSize(), 8);
    switch (value) {
      case Integer i -> expected.set(ValueLayout.JAVA_INT, offset, i);
      case Long l -> expected.set(ValueLayout.JAVA_LONG, offset, l);
      case Float f -> expected.set(ValueLayout.JAVA_FLOAT, offset, f);
      case MemorySegment a -> expected.set(ValueLayout.ADDRESS, offset, a);
      default -> throw new AssertionError(value);
    }
    assertThat(struct.mismatch(expected)).isEqualTo(-1);
  }

  private static MemorySegment allocate(Class<?> type, Arena arena)
      throws ReflectiveOperationException {
    return (MemorySegment) type.getMethod("allocate", SegmentAllocator.class).invoke(null, arena);
  }

  private static Class<?> type(String name) throws ClassNotFoundException {
    return Class.forName("org.quern.bindings.quern." + name);
  }
}
