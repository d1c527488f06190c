package org.quern.bindings.quern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.quern.bindings.NativeLibrary;
import org.quern.bindings.NativeLibrarySpec;
import org.quern.bindings.Verdict;

/** The bindings against the library that this build packed. */
class LibquernTest {
  private final Arena arena = Arena.ofShared();
  private NativeLibrary.Loaded loaded;
  private quern_h quern;

  @BeforeEach
  void load() {
    NativeLibrarySpec spec =
        NativeLibrarySpec.of("quern", LibquernTest.class.getClassLoader())
            .requiring(quern_h.symbols());
    NativeLibrary.Result result = NativeLibrary.find(spec, arena);
    // Without a C compiler the build packs none; anything else that refuses it is a failure.
    assumeTrue(result.attempts().getLast().verdict() != Verdict.NOT_PACKED, result.explanation());
    loaded = result.orElseThrow();
    quern = new quern_h(loaded.lookup());
  }

  @AfterEach
  void close() {
    arena.close();
  }

  @Test
  void isOfTheVersionThatTheHeaderSays() {
    assertThat(quern.quern_abi_version()).isEqualTo(quern_h.QUERN_ABI_VERSION());
    assertThat(quern.quern_version().getString(0)).isNotBlank();
    assertThat(loaded.manifest().file()).isEqualTo("libquern.so");
  }

  @Test
  void namesItsTiers() {
    assertThat(
            List.of("scalar", "avx2", "avx2_vnni", "avx512", "avx512_vnni", "avx512_bf16", "amx"))
        .containsExactly(
            quern.quern_tier_name(quern_h.QUERN_SCALAR()).getString(0),
            quern.quern_tier_name(quern_h.QUERN_AVX2()).getString(0),
            quern.quern_tier_name(quern_h.QUERN_AVX2_VNNI()).getString(0),
            quern.quern_tier_name(quern_h.QUERN_AVX512()).getString(0),
            quern.quern_tier_name(quern_h.QUERN_AVX512_VNNI()).getString(0),
            quern.quern_tier_name(quern_h.QUERN_AVX512_BF16()).getString(0),
            quern.quern_tier_name(quern_h.QUERN_AMX()).getString(0));
    assertThat(quern.quern_tier_name(quern_h.QUERN_TIERS())).isEqualTo(MemorySegment.NULL);
    assertThat(quern.quern_cpu_tier()).isBetween(0, quern_h.QUERN_TIERS() - 1);
    assertThat(quern.quern_cpu_explanation().getString(0)).isNotNull();
    assertThat(quern.quern_tier_check(quern_h.QUERN_SCALAR())).isNotZero();
  }

  @Test
  void namesItsKernelsInTheOrderOfTheList() throws IOException {
    List<String> names =
        Pattern.compile("^QUERN_KERNEL\\((\\w+)\\)$", Pattern.MULTILINE)
            .matcher(Files.readString(Header.FILE.resolve("../../src/kernels.def").normalize()))
            .results()
            .map((MatchResult line) -> line.group(1))
            .toList();
    assertThat(quern.quern_kernel_count()).isEqualTo(names.size()).isPositive();
    for (int i = 0; i < names.size(); i++) {
      assertThat(quern.quern_kernel_name(i).getString(0)).isEqualTo(names.get(i));
    }
    assertThat(quern.quern_kernel_name(names.size())).isEqualTo(MemorySegment.NULL);
    assertThat(quern.quern_kernel_name(-1)).isEqualTo(MemorySegment.NULL);
  }

  @Test
  void runsAProgramAndRefusesABadOne() {
    MemorySegment step = quern_step.allocate(arena);
    MemorySegment records = quern_record.allocateArray(1, arena);
    MemorySegment program = quern_program.allocate(arena);
    quern_program.records(program, records);
    quern_program.count(program, 1);
    quern_program.step(program, step);
    quern_program.barrier(program, quern_barrier.allocate(arena));
    quern_program.tier(program, quern_h.QUERN_SCALAR());
    quern_program.parts(program, 1);
    quern_record.step(records, step);

    assertThat(quern.quern_run(program.address(), 0, 0, 0)).isEqualTo(quern_h.QUERN_OK());
    quern_record.kernel(records, quern.quern_kernel_count());
    assertThat(quern.quern_run(program.address(), 0, 0, 1)).isEqualTo(quern_h.QUERN_BAD_PROGRAM());
    assertThat(quern_step.status(step)).isEqualTo(quern_h.QUERN_BAD_PROGRAM());
    assertThat(quern.quern_error_message().getString(0)).isNotBlank();
  }
}
