package org.quern.exec.vector;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.quern.exec.ProgramLayout;
import org.quern.exec.Status;
import org.quern.ir.Kernel;
import org.quern.plan.RecordLayout;

class VectorWalkerTest {
  private static final int N = 1000;

  /** Records, a barrier and a quern_program in one rig. */
  private static final class Program {
    final KernelRig rig;
    final long records;
    final long program;
    final long barrier;
    final int parts;
    final VectorWalker walker = new VectorWalker();

    Program(KernelRig rig, int count, int parts) {
      this.rig = rig;
      this.parts = parts;
      records = rig.block(count * RecordLayout.BYTES);
      program = rig.block(ProgramLayout.BYTES);
      barrier = rig.block(ProgramLayout.BARRIER_BYTES);
      Memory.setLong(program + ProgramLayout.RECORDS, records);
      Memory.setLong(program + ProgramLayout.COUNT, count);
      Memory.setLong(program + ProgramLayout.STEP, rig.step);
      Memory.setLong(program + ProgramLayout.BARRIER, barrier);
      Memory.setInt(program + ProgramLayout.PARTS, parts);
    }

    void put(int index, int flags, Kernel kernel, long[] pointers, long... integers) {
      long record = records + index * RecordLayout.BYTES;
      rig.write(record, kernel, pointers, integers);
      Memory.setInt(record + RecordLayout.FLAGS, flags);
    }

    List<Integer> run(ExecutorService threads, int last) throws Exception {
      Memory.setInt(barrier, 0);
      Memory.setInt(barrier + Fields.BARRIER_GENERATION, 0);
      Memory.setInt(rig.step + Fields.STEP_STATUS, 0);
      List<Future<Integer>> futures = new ArrayList<>();
      for (int part = 0; part < parts; part++) {
        int mine = part;
        futures.add(threads.submit(() -> walker.run(program, mine, 0, last)));
      }
      List<Integer> statuses = new ArrayList<>();
      for (Future<Integer> future : futures) {
        statuses.add(future.get());
      }
      return statuses;
    }
  }

  /** Prefix sums by shifted additions: every record reads what other workers wrote before. */
  @Test
  void everyWorkerSeesWhatTheOthersWroteBeforeTheBarrier() throws Exception {
    for (int parts = 1; parts <= KernelRig.MOST_PARTS; parts++) {
      try (KernelRig rig = new KernelRig(1);
          ExecutorService threads = Executors.newFixedThreadPool(parts)) {
        long a = rig.floats(new float[N]);
        long b = rig.floats(new float[N]);
        int count = 100;
        Program program = new Program(rig, count, parts);
        // Half of the array at a time, shifted, so that shares never coincide.
        for (int i = 0; i < count; i++) {
          long from = i % 2 == 0 ? a : b;
          long to = i % 2 == 0 ? b : a;
          program.put(
              i,
              RecordLayout.FLAG_BARRIER,
              Kernel.ADD_F32,
              new long[] {to, from + 4 * 130, from},
              N - 130);
        }
        double[] expectedA = null;
        for (int round = 0; round < 40; round++) {
          for (int i = 0; i < N; i++) {
            Memory.setFloat(a + 4L * i, i % 7 - 3);
            Memory.setFloat(b + 4L * i, i % 5 - 2);
          }
          assertThat(program.run(threads, count)).containsOnly(Status.OK);
          if (expectedA == null) {
            expectedA = simulate(count);
          }
          for (int i = 0; i < N; i++) {
            assertThat((double) Memory.getFloat(a + 4L * i)).isEqualTo(expectedA[i]);
          }
        }
      }
    }
  }

  private static double[] simulate(int count) {
    float[] a = new float[N];
    float[] b = new float[N];
    for (int i = 0; i < N; i++) {
      a[i] = i % 7 - 3;
      b[i] = i % 5 - 2;
    }
    for (int i = 0; i < count; i++) {
      float[] from = i % 2 == 0 ? a : b;
      float[] to = i % 2 == 0 ? b : a;
      for (int j = 0; j < N - 130; j++) {
        to[j] = from[j + 130] + from[j];
      }
    }
    double[] result = new double[N];
    for (int i = 0; i < N; i++) {
      result[i] = a[i];
    }
    return result;
  }

  @Test
  void leavesOutUpdatesUnlessAsked() throws Exception {
    try (KernelRig rig = new KernelRig(1);
        ExecutorService threads = Executors.newFixedThreadPool(2)) {
      long x = rig.floats(1, 2, 3);
      long y = rig.floats(0, 0, 0);
      Program program = new Program(rig, 2, 2);
      int flags = RecordLayout.FLAG_BARRIER | RecordLayout.FLAG_ON_UPDATE;
      program.put(0, flags, Kernel.ADD_F32, new long[] {x, x, x}, 3);
      program.put(1, RecordLayout.FLAG_BARRIER, Kernel.ADD_F32, new long[] {y, x, x}, 3);
      assertThat(program.run(threads, 2)).containsOnly(Status.OK);
      assertThat(rig.read(y, 3)).containsExactly(2, 4, 6);
      Memory.setInt(rig.step + Fields.STEP_UPDATE, 1);
      assertThat(program.run(threads, 2)).containsOnly(Status.OK);
      assertThat(rig.read(y, 3)).containsExactly(4, 8, 12);
    }
  }

  @Test
  void endsWhenCancelledButFinishesAnUpdate() throws Exception {
    try (KernelRig rig = new KernelRig(1);
        ExecutorService threads = Executors.newFixedThreadPool(2)) {
      long x = rig.floats(1, 2, 3);
      Program program = new Program(rig, 2, 2);
      int flags = RecordLayout.FLAG_BARRIER | RecordLayout.FLAG_COMMITTED;
      program.put(0, flags, Kernel.ADD_F32, new long[] {x, x, x}, 3);
      program.put(
          1,
          RecordLayout.FLAG_BARRIER | RecordLayout.FLAG_ON_UPDATE,
          Kernel.ADD_F32,
          new long[] {x, x, x},
          3);
      Memory.setInt(rig.step + Fields.STEP_UPDATE, 1);
      Memory.setInt(rig.step + Fields.STEP_CANCEL, 1);
      assertThat(program.run(threads, 2)).containsOnly(Status.CANCELLED);
      assertThat(Memory.getLong(rig.step + Fields.STEP_FAILED_RECORD)).isEqualTo(1);
      assertThat(rig.read(x, 3)).containsExactly(2, 4, 6);
    }
  }

  @Test
  void cancelsWhileRunning() throws Exception {
    try (KernelRig rig = new KernelRig(1);
        ExecutorService threads = Executors.newFixedThreadPool(3)) {
      int count = 4_000;
      long x = rig.floats(new float[400]);
      Program program = new Program(rig, count, 2);
      for (int i = 0; i < count; i++) {
        program.put(
            i,
            RecordLayout.FLAG_BARRIER,
            Kernel.MATMUL_F32,
            new long[] {x, x, x},
            0,
            0,
            0,
            20,
            20,
            20,
            0);
        program.put(i, RecordLayout.FLAG_BARRIER, Kernel.ADD_F32, new long[] {x, x, x}, 400);
      }
      for (int round = 0; round < 20; round++) {
        Memory.setInt(rig.step + Fields.STEP_CANCEL, 0);
        Future<?> cancel =
            threads.submit(() -> {
              Thread.sleep(0, 200_000);
              Memory.setInt(rig.step + Fields.STEP_CANCEL, 1);
              return 0;
            });
        List<Integer> statuses = program.run(threads, count);
        cancel.get();
        assertThat(statuses).isSubsetOf(Status.OK, Status.CANCELLED);
        assertThat(statuses.stream().distinct().count()).isEqualTo(1);
      }
    }
  }

  @Test
  void aFailureEndsEveryWorkerAndSaysWhy() throws Exception {
    try (KernelRig rig = new KernelRig(1);
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      long x = rig.floats(rig.normal(80));
      long out = rig.output(80);
      Program program = new Program(rig, 3, 4);
      program.put(0, RecordLayout.FLAG_BARRIER, Kernel.ADD_F32, new long[] {x, x, x}, 80);
      program.put(
          1,
          RecordLayout.FLAG_BARRIER,
          Kernel.EMBEDDING_F32,
          new long[] {out, rig.ints(0, 1, 70_000, 3), x},
          4,
          16,
          5,
          4,
          0);
      program.put(2, RecordLayout.FLAG_BARRIER, Kernel.ADD_F32, new long[] {x, out, out}, 80);
      for (int round = 0; round < 100; round++) {
        assertThat(program.run(threads, 3)).containsOnly(Status.BAD_INDEX);
        assertThat(Memory.getLong(rig.step + Fields.STEP_FAILED_RECORD)).isEqualTo(1);
      }
      Memory.setInt(rig.step + Fields.STEP_STATUS, 0);
      assertThat(program.walker.run(program.program, 2, 1, 2)).isEqualTo(Status.BAD_INDEX);
      assertThat(program.walker.failure())
          .isEqualTo("row 2 has the index 70000, which is not in [0, 5)");
    }
  }

  @Test
  void refusesWhatIsNoProgram() {
    try (KernelRig rig = new KernelRig(1)) {
      Program program = new Program(rig, 1, 1);
      Memory.setInt(program.records, 4711);
      assertThat(program.walker.run(program.program, 0, 0, 1)).isEqualTo(Status.BAD_PROGRAM);
      assertThat(program.walker.failure()).isEqualTo("there is no kernel 4711");
      for (long[] range : new long[][] {{0, 0, 2}, {0, -1, 1}, {0, 1, 0}, {1, 0, 1}, {-1, 0, 1}}) {
        Memory.setInt(rig.step + Fields.STEP_STATUS, 0);
        assertThat(program.walker.run(program.program, (int) range[0], range[1], range[2]))
            .isEqualTo(Status.BAD_PROGRAM);
        assertThat(program.walker.failure()).isNotEmpty();
      }
      Memory.setInt(rig.step + Fields.STEP_STATUS, 0);
      assertThat(program.walker.run(program.program, 0, 0, 0)).isEqualTo(Status.OK);
      assertThat(program.walker.failure()).isEmpty();
    }
  }

  @Test
  void everyKernelOfTheListIsThere() {
    for (Kernel kernel : Kernel.values()) {
      assertThat(VectorWalker.kernel(kernel)).isNotNull();
    }
  }
}
