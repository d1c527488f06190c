package org.quern.exec.vector;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.quern.exec.ProgramLayout;
import org.quern.exec.Status;
import org.quern.ir.Kernel;

/** A compiled kernel allocates nothing: every vector stays in a register. */
class VectorAllocationTest {
  private static final int MOST_ROUNDS = 1000;
  private static final int RUNS = 200;

  @Test
  void kernelsAllocateNothingOnceCompiled() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (KernelRig rig = new KernelRig(4)) {
      VectorWalker walker = new VectorWalker();
      long program = rig.block(ProgramLayout.BYTES);
      Memory.setLong(program + ProgramLayout.COUNT, 1);
      Memory.setLong(program + ProgramLayout.STEP, rig.step);
      Memory.setInt(program + ProgramLayout.PARTS, 1);
      Memory.setInt(rig.step + Fields.STEP_UPDATE, 1);
      Memory.setLong(rig.step + Fields.STEP_STEP, 1);
      for (Map.Entry<String, Long> record : records(rig).entrySet()) {
        Memory.setLong(program + ProgramLayout.RECORDS, record.getValue());
        // Compilation comes when it comes, so it is waited for: three rounds must be clean.
        long allocated = Long.MAX_VALUE;
        int clean = 0;
        for (int round = 0; round < MOST_ROUNDS && clean < 3; round++) {
          long before = threads.getCurrentThreadAllocatedBytes();
          int status = Status.OK;
          for (int run = 0; run < RUNS; run++) {
            status = Math.max(status, walker.run(program, 0, 0, 1));
          }
          allocated = threads.getCurrentThreadAllocatedBytes() - before;
          clean = allocated == 0 ? clean + 1 : 0;
          assertThat(status).isEqualTo(Status.OK);
        }
        assertThat(allocated).as(record.getKey()).isZero();
      }
    }
  }

  /** Every kernel, with the odd sizes that take each of its paths. */
  private static Map<String, Long> records(KernelRig rig) {
    int n = 37;
    int c = 83;
    long x = rig.floats(rig.normal(n * c));
    long y = rig.floats(rig.normal(n * c));
    long z = rig.floats(rig.normal(n * c));
    long u = rig.floats(rig.normal(n * c));
    long w = rig.floats(rig.normal(n * c));
    long rows = rig.floats(rig.normal(200));
    long more = rig.floats(rig.normal(200));
    int[] indices = new int[n];
    for (int i = 0; i < n; i++) {
      indices[i] = i % 5 == 4 ? Fields.IGNORED_LABEL : i;
    }
    long labels = rig.ints(indices);
    for (int i = 0; i < n; i++) {
      indices[i] = i / 2;
    }
    long ids = rig.ints(indices);
    Map<String, Long> records = new LinkedHashMap<>();
    for (int flags = 0; flags < 4; flags++) {
      for (int m : new int[] {5, 37}) {
        records.put(
            "matmul " + flags + " " + m,
            rig.record(
                Kernel.MATMUL_F32,
                new long[] {z, x, y, rows},
                new long[] {m, 37, 37, 37, 37, 37, flags}));
      }
    }
    long[] nc = {n, c, n, n, n, c};
    long[] elements = {(long) n * c, 0};
    records.put("embedding", rig.record(Kernel.EMBEDDING_F32, new long[] {z, ids, x, y}, nc));
    records.put(
        "embedding backward",
        rig.record(Kernel.EMBEDDING_BACKWARD_F32, new long[] {z, ids, x, y}, nc));
    records.put(
        "layer norm",
        rig.record(Kernel.LAYER_NORM_F32, new long[] {z, rows, more, x, y, u}, nc, 1e-5f));
    records.put(
        "layer norm backward",
        rig.record(
            Kernel.LAYER_NORM_BACKWARD_F32, new long[] {z, u, w, x, y, rows, rows, rows}, nc));
    records.put("rms norm", rig.record(Kernel.RMS_NORM_F32, new long[] {z, more, x, y}, nc, 1e-5f));
    records.put(
        "rms norm backward",
        rig.record(Kernel.RMS_NORM_BACKWARD_F32, new long[] {z, u, x, y, rows, rows}, nc));
    records.put("column sum", rig.record(Kernel.COLUMN_SUM_F32, new long[] {z, x}, nc));
    for (int t : new int[] {2, 37}) {
      for (float dropout : new float[] {0, 0.1f}) {
        records.put(
            "attention " + t + " " + dropout,
            rig.record(
                Kernel.ATTENTION_F32,
                new long[] {z, rows, x, y, u},
                new long[] {1, t, 3, 3, 27, c, c, c, c, t, 0, 1, 1},
                0.2f,
                dropout));
        records.put(
            "attention backward " + t + " " + dropout,
            rig.record(
                Kernel.ATTENTION_BACKWARD_F32,
                new long[] {z, w, rig.output(n * c), x, x, y, u, u, rows},
                new long[] {1, t, 3, 3, 27, c, c, c, c, t, 0, 1, 1},
                0.2f,
                dropout));
      }
    }
    records.put(
        "rope",
        rig.record(Kernel.ROPE_F32, new long[] {z, x, y}, new long[] {n, n, 3, 26, n, 0, 22}));
    for (int kind = 0; kind < 4; kind++) {
      long[] acts = {(long) n * c, kind};
      records.put("activation " + kind, rig.record(Kernel.ACTIVATION_F32, new long[] {z, x}, acts));
      records.put(
          "activation backward " + kind,
          rig.record(Kernel.ACTIVATION_BACKWARD_F32, new long[] {z, x, y}, acts));
      records.put(
          "gated activation " + kind,
          rig.record(Kernel.GATED_ACTIVATION_F32, new long[] {z, x, y}, acts));
      records.put(
          "gated activation backward " + kind,
          rig.record(Kernel.GATED_ACTIVATION_BACKWARD_F32, new long[] {z, w, x, y, u}, acts));
    }
    records.put("add", rig.record(Kernel.ADD_F32, new long[] {z, x, y}, elements));
    records.put("dropout", rig.record(Kernel.DROPOUT_F32, new long[] {z, x}, elements, 0.1f));
    records.put(
        "cross entropy",
        rig.record(Kernel.CROSS_ENTROPY_F32, new long[] {rows, more, x, labels}, nc));
    records.put(
        "cross entropy backward",
        rig.record(Kernel.CROSS_ENTROPY_BACKWARD_F32, new long[] {z, x, labels, more}, nc));
    records.put("loss sum", rig.record(Kernel.LOSS_SUM_F32, new long[] {z, rows}, nc));
    records.put(
        "cache append",
        rig.record(Kernel.CACHE_APPEND_F32, new long[] {z, x}, new long[] {1, n, 27, n, c}));
    records.put("square sum", rig.record(Kernel.SQUARE_SUM_F32, new long[] {z, x}, elements));
    records.put("gradient norm", rig.record(Kernel.GRADIENT_NORM_F32, new long[] {z, rows}, nc));
    long v = rig.floats(new float[n * c]);
    records.put(
        "adamw",
        rig.record(Kernel.ADAMW_F32, new long[] {z, u, w, v}, elements, 0.9f, 0.99f, 1e-8f, 0.1f));
    records.put("sgd", rig.record(Kernel.SGD_F32, new long[] {z, u, w}, elements, 0.9f, 0.1f));
    return records;
  }
}
