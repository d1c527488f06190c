package org.quern.exec;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SequenceLayout;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.quern.bindings.quern.quern_barrier;
import org.quern.bindings.quern.quern_h;
import org.quern.bindings.quern.quern_program;
import org.quern.bindings.quern.quern_record;
import org.quern.bindings.quern.quern_sample;
import org.quern.bindings.quern.quern_step;
import org.quern.ir.op.MatmulInt8;
import org.quern.plan.RecordLayout;
import org.quern.profile.SampleLayout;

/** The layouts that walkers share with C are those of the bindings. */
class LayoutTest {
  private record Field(String name, long offset) {}

  /** Every field is there, at its place, and none is left out but the reserved. */
  private static void check(GroupLayout layout, long bytes, Field... fields) {
    assertThat(bytes).as(layout.toString()).isEqualTo(layout.byteSize());
    for (Field field : fields) {
      assertThat(field.offset())
          .as(field.name())
          .isEqualTo(layout.byteOffset(groupElement(field.name())));
    }
    List<String> named =
        layout.memberLayouts().stream()
            .flatMap(member -> member.name().stream())
            .filter(name -> !name.startsWith("reserved"))
            .toList();
    assertThat(List.of(fields)).extracting(Field::name).hasSameElementsAs(named);
  }

  private static long count(GroupLayout layout, String name) {
    MemoryLayout member = layout.select(groupElement(name));
    return ((SequenceLayout) member).elementCount();
  }

  @Test
  void recordsAreThoseOfTheHeader() {
    GroupLayout layout = quern_record.layout();
    check(
        layout,
        RecordLayout.BYTES,
        new Field("kernel", RecordLayout.KERNEL),
        new Field("flags", RecordLayout.FLAGS),
        new Field("node", RecordLayout.NODE),
        new Field("assigned", RecordLayout.ASSIGNED),
        new Field("step", RecordLayout.STEP),
        new Field("work", RecordLayout.WORK),
        new Field("pointers", RecordLayout.POINTERS),
        new Field("integers", RecordLayout.INTEGERS),
        new Field("floats", RecordLayout.FLOATS));
    assertThat(RecordLayout.POINTER_COUNT).isEqualTo((int) count(layout, "pointers"));
    assertThat(RecordLayout.INTEGER_COUNT).isEqualTo((int) count(layout, "integers"));
    assertThat(RecordLayout.FLOAT_COUNT).isEqualTo((int) count(layout, "floats"));
    assertThat(RecordLayout.FLAG_BARRIER).isEqualTo(quern_h.QUERN_BARRIER());
    assertThat(RecordLayout.FLAG_ON_UPDATE).isEqualTo(quern_h.QUERN_ON_UPDATE());
    assertThat(RecordLayout.FLAG_COMMITTED).isEqualTo(quern_h.QUERN_COMMITTED());
    assertThat(RecordLayout.FLAG_FUSED).isEqualTo(quern_h.QUERN_FUSED());
  }

  @Test
  void programsAreThoseOfTheHeader() {
    check(
        quern_program.layout(),
        ProgramLayout.BYTES,
        new Field("records", ProgramLayout.RECORDS),
        new Field("count", ProgramLayout.COUNT),
        new Field("step", ProgramLayout.STEP),
        new Field("barrier", ProgramLayout.BARRIER),
        new Field("tier", ProgramLayout.TIER),
        new Field("parts", ProgramLayout.PARTS),
        new Field("samples", ProgramLayout.SAMPLES));
    assertThat(ProgramLayout.BARRIER_BYTES).isEqualTo(quern_barrier.layout().byteSize());
    assertThat(ProgramLayout.WORK_BYTES).isEqualTo(quern_h.QUERN_WORK_BYTES());
    assertThat(MatmulInt8.MOST_INNER).isEqualTo(quern_h.QUERN_INT8_DEPTH());
  }

  @Test
  void samplesAreThoseOfTheHeader() {
    check(
        quern_sample.layout(),
        SampleLayout.BYTES,
        new Field("begin", SampleLayout.BEGIN),
        new Field("end", SampleLayout.END),
        new Field("met", SampleLayout.MET));
  }

  @Test
  void codesAreThoseOfTheHeader() {
    assertThat(Status.OK).isEqualTo(quern_h.QUERN_OK());
    assertThat(Status.CANCELLED).isEqualTo(quern_h.QUERN_CANCELLED());
    assertThat(Status.BAD_INDEX).isEqualTo(quern_h.QUERN_BAD_INDEX());
    assertThat(Status.BAD_PROGRAM).isEqualTo(quern_h.QUERN_BAD_PROGRAM());
  }

  @Test
  void stepsAreThoseOfTheHeader() {
    check(
        quern_step.layout(),
        StepBlock.BYTES,
        new Field("step", StepBlock.STEP),
        new Field("sequence", StepBlock.SEQUENCE),
        new Field("seed", StepBlock.SEED),
        new Field("update", StepBlock.UPDATE),
        new Field("cancel", StepBlock.CANCEL),
        new Field("learning_rate", StepBlock.LEARNING_RATE),
        new Field("loss_scale", StepBlock.LOSS_SCALE),
        new Field("max_norm", StepBlock.MAX_NORM),
        new Field("loss", StepBlock.LOSS),
        new Field("grad_norm", StepBlock.GRAD_NORM),
        new Field("clip_scale", StepBlock.CLIP_SCALE),
        new Field("nonfinite", StepBlock.NONFINITE),
        new Field("status", StepBlock.STATUS),
        new Field("failed_record", StepBlock.FAILED_RECORD),
        new Field("accumulate", StepBlock.ACCUMULATE),
        new Field("arrived", StepBlock.ARRIVED));
  }
}
