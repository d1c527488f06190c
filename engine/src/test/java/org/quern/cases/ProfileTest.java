package org.quern.cases;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.quern.exec.Backend;
import org.quern.exec.ExecutionException;
import org.quern.ir.Cost;
import org.quern.ir.Node;
import org.quern.plan.PlanOptions;
import org.quern.profile.ExecutionProfile;
import org.quern.profile.OperationTime;
import org.quern.profile.Profiler;
import org.quern.profile.RecordTime;
import org.quern.profile.Roofline;

/** Times of records: complete, consistent, of no influence, and the events that carry them. */
class ProfileTest {
  private static final int RUNS = 20;
  private static final Roofline ROOFLINE = new Roofline("some", 2, 1e9, 2e9, 3e9, 4e9, 1e9, 1.5e9);

  @TempDir Path folder;

  private static CaseRun link(Backend backend) {
    CaseRun run =
        new CaseRun(
            backend, CaseGraph.ofBody(SmallModels.rows().getFirst()), new PlanOptions(false, true));
    run.prepare();
    return run;
  }

  @TestFactory
  Stream<DynamicTest> everyRecordIsTimedAndTheSumsAddUp() {
    return Backends.quick().stream()
        .flatMap(choice ->
            Stream.of(1, 2, 3)
                .map(
                    threads -> dynamicTest(choice + ", " + threads, () -> check(choice, threads))));
  }

  private static void check(Backends.Choice choice, int threads) {
    try (Backend backend = choice.open(threads);
        CaseRun run = link(backend)) {
      run.run();
      ExecutionProfile profile;
      try (Profiler profiler = backend.profile()) {
        assertThat(profiler.programs()).isEmpty();
        for (int index = 0; index < RUNS; index++) {
          run.step().update(index % 2 == 0);
          run.run();
        }
        profile = profiler.programs().getFirst();
      }
      run.run();
      assertThat(profile.runs()).as("nothing is timed after the end").isEqualTo(RUNS);
      assertThat(profile.workers()).isEqualTo(threads);
      assertThat(profile.records()).hasSize(profile.plan().graph().nodes().size());
      for (RecordTime record : profile.records()) {
        String what = record.node().toString();
        if (isFused(backend, profile, record.node())) {
          assertThat(record.count()).as(what).isZero();
          assertThat(record.seconds() + record.waitSeconds()).as(what).isZero();
          continue;
        }
        assertThat(record.count()).as(what).isEqualTo(record.node().onUpdate() ? RUNS / 2 : RUNS);
        assertThat(record.seconds()).as(what).isPositive();
        assertThat(record.longestSeconds()).as(what).isGreaterThanOrEqualTo(record.seconds());
        assertThat(record.waitSeconds()).as(what).isNotNegative();
        if (threads == 1 || !profile.plan().barrierAfter(record.node())) {
          assertThat(record.waitSeconds()).as(what).isZero();
        }
      }
      List<OperationTime> operations = profile.operations();
      double work = operations.stream().mapToDouble(OperationTime::seconds).sum();
      double waited = operations.stream().mapToDouble(OperationTime::waitSeconds).sum();
      assertThat(work + waited).isBetween(0.0, profile.seconds());
      assertThat(operations.stream().mapToLong(OperationTime::count).sum())
          .isEqualTo(profile.records().stream().mapToLong(RecordTime::count).sum());
      assertThat(operations)
          .isSortedAccordingTo((one, other) -> Double.compare(other.seconds(), one.seconds()));
    }
  }

  /**
   * Whether the node is done together with the one before it, so that it has no time of its own.
   */
  private static boolean isFused(Backend backend, ExecutionProfile profile, Node node) {
    List<Node> nodes = profile.plan().graph().nodes();
    return backend.name().equals("native")
        && node.id() > 0
        && profile.plan().isFusedWithNext(nodes.get(node.id() - 1));
  }

  @TestFactory
  Stream<DynamicTest> timingChangesNoBits() {
    return Backends.quick().stream()
        .map(choice ->
            dynamicTest(
                choice.toString(),
                () -> {
                  try (Backend backend = choice.open(2);
                      CaseRun plain = link(backend);
                      CaseRun timed = link(backend)) {
                    plain.run();
                    try (Profiler profiler = backend.profile()) {
                      timed.run();
                      assertThat(profiler.programs()).hasSize(1);
                    }
                    Map<String, float[]> expected = plain.results();
                    timed
                        .results()
                        .forEach((name, floats) ->
                            assertThat(floats).as(name).isEqualTo(expected.get(name)));
                  }
                }));
  }

  @Test
  void aTimedRunAllocatesNothingOnceWarm() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (Backend backend = Backends.quick().getFirst().open(2);
        CaseRun run = link(backend);
        Profiler profiler = backend.profile()) {
      long allocated = Long.MAX_VALUE;
      for (int round = 0; round < 1000 && allocated != 0; round++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int index = 0; index < 100; index++) {
          run.run();
        }
        allocated = threads.getCurrentThreadAllocatedBytes() - before;
      }
      assertThat(allocated).as("bytes that 100 timed runs allocate once warm").isZero();
      assertThat(profiler.programs()).hasSize(1);
    }
  }

  @Test
  void twoProfilersAtOnceAreRefused() {
    try (Backend backend = Backends.quick().getFirst().open(1)) {
      try (Profiler first = backend.profile()) {
        assertThatThrownBy(backend::profile)
            .isInstanceOf(ExecutionException.class)
            .hasMessageContaining("close that profiler");
        assertThat(first.programs()).isEmpty();
      }
      Profiler second = backend.profile();
      second.close();
      second.close();
    }
  }

  @Test
  void ratesAndSharesAreThoseOfTheCost() {
    try (Backend backend = Backends.quick().getFirst().open(2);
        CaseRun run = link(backend);
        Profiler profiler = backend.profile()) {
      run.run();
      ExecutionProfile profile = profiler.programs().getFirst();
      OperationTime products =
          profile.operations().stream()
              .filter(operation -> operation.name().equals("Matmul"))
              .findFirst()
              .orElseThrow();
      double flops = 0;
      double bytes = 0;
      double longest = 0;
      double best = 0;
      for (RecordTime record : products.records()) {
        Cost cost = record.node().op().cost(record.node());
        flops += cost.flops();
        bytes += cost.bytes();
        longest += record.longestSeconds();
        best += Math.max(cost.flops() / 3e9, cost.bytes() / 1.5e9);
      }
      Offset<Double> rounding = Offset.offset(1e-9 * flops / longest);
      assertThat(products.flopsPerSecond()).isCloseTo(flops / longest, rounding);
      assertThat(products.bytesPerSecond()).isCloseTo(bytes / longest, rounding);
      assertThat(products.shareOf(ROOFLINE)).isCloseTo(best / longest, Offset.offset(1e-9));
      assertThat(products.byShape()).hasSizeGreaterThan(1);
      assertThat(products.byShape().stream().mapToLong(OperationTime::count).sum())
          .isEqualTo(products.count());
    }
  }

  @Test
  void theTableNamesWhatRanAndWhatWaited() {
    try (Backend backend = Backends.quick().getFirst().open(2);
        CaseRun run = link(backend);
        Profiler profiler = backend.profile()) {
      run.run();
      ExecutionProfile profile = profiler.programs().getFirst();
      assertThat(profile.title()).isEqualTo("training step, ids [2, 13]");
      String table = profile.table(ROOFLINE);
      assertThat(table)
          .startsWith("Profile of a training step, ids [2, 13]: 1 run of ")
          .contains("2 threads", ROOFLINE.toString(), "waiting at barriers", "all operations")
          .contains("roofline", "GFLOP/s", "GB/s");
      for (OperationTime operation : profile.operations()) {
        assertThat(table).contains("\n" + operation.name() + " ");
      }
      assertThat(table.lines().map(String::length)).allMatch(length -> length <= 110);
    }
  }

  @TestFactory
  Stream<DynamicTest> theRooflineIsMeasured() {
    return Backends.quick().stream()
        .map(choice ->
            dynamicTest(
                choice.toString(),
                () -> {
                  try (Backend backend = choice.open(2)) {
                    Roofline roofline = backend.measureRoofline();
                    assertThat(roofline.threads()).isEqualTo(2);
                    assertThat(roofline.flopsAlone()).isBetween(1e7, 1e13);
                    assertThat(roofline.flops()).isBetween(1e7, 1e14);
                    assertThat(roofline.products()).isEqualTo(roofline.flops());
                    assertThat(roofline.int8()).isBetween(1e7, 1e15);
                    assertThat(roofline.readingAlone()).isBetween(1e7, 1e13);
                    assertThat(roofline.reading()).isBetween(1e7, 1e14);
                    assertThat(backend.memory().openSlabs())
                        .noneMatch(slab -> slab.contains("measure"));
                  }
                }));
  }

  @TestFactory
  Stream<DynamicTest> flightRecorderGetsAnEventForEachRecordAndWorker() {
    return Backends.quick().stream()
        .map(choice -> dynamicTest(choice.toString(), () -> checkEvents(choice)));
  }

  private void checkEvents(Backends.Choice choice) throws IOException {
    Path file = folder.resolve(choice.name().replace(' ', '-') + ".jfr");
    int records;
    int fused;
    try (Backend backend = choice.open(2);
        CaseRun run = link(backend);
        Recording recording = new Recording()) {
      recording.enable("org.quern.Kernel");
      recording.enable("org.quern.Program");
      recording.start();
      run.step().update(true);
      run.run();
      run.step().update(false);
      run.run();
      recording.stop();
      recording.dump(file);
      try (Profiler profiler = backend.profile()) {
        run.run();
        ExecutionProfile profile = profiler.programs().getFirst();
        records = profile.records().size();
        fused =
            (int)
                profile.records().stream()
                    .filter(record -> isFused(backend, profile, record.node()))
                    .count();
        assertThat(fused > 0).isEqualTo(backend.name().equals("native"));
      }
    }
    List<RecordedEvent> all = RecordingFile.readAllEvents(file);
    List<RecordedEvent> programs = named(all, "org.quern.Program");
    assertThat(programs).hasSize(2);
    assertThat(programs).allMatch(event -> event.getDuration().toNanos() > 0);
    assertThat(programs.getFirst().getInt("records")).isEqualTo(records);
    List<RecordedEvent> kernels = named(all, "org.quern.Kernel");
    List<RecordedEvent> first =
        kernels.stream().filter(event -> event.getLong("run") == 1).toList();
    int events = 2 * (records - fused);
    assertThat(first).hasSize(events);
    assertThat(kernels).hasSizeBetween(events + 2, 2 * events - 2);
    Set<String> seen = new HashSet<>();
    for (RecordedEvent event : first) {
      seen.add(event.getInt("node") + " " + event.getInt("worker"));
      assertThat(event.getString("operation")).isNotBlank();
      assertThat(event.getString("kernel")).endsWith("_f32");
      assertThat(event.getString("program")).startsWith("training step");
      assertThat(event.getDuration("time").toNanos()).isNotNegative();
      assertThat(event.getDuration("start").toNanos()).isNotNegative();
      assertThat(event.getDuration("start").plus(event.getDuration("time")))
          .isLessThanOrEqualTo(programs.getFirst().getDuration());
      assertThat(event.getDouble("gflop")).isNotNegative();
    }
    assertThat(seen).hasSize(events);
  }

  /** In the order in which they began, which a file need not keep. */
  private static List<RecordedEvent> named(List<RecordedEvent> events, String name) {
    return events.stream()
        .filter(event -> event.getEventType().getName().equals(name))
        .sorted(Comparator.comparing(RecordedEvent::getStartTime))
        .toList();
  }
}
