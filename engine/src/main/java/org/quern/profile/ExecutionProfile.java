package org.quern.profile;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import org.quern.ir.Graph;
import org.quern.ir.Node;
import org.quern.ir.Region;
import org.quern.plan.Plan;

/** What a program's records took, summed over the runs that were timed. Thread-safe. */
public final class ExecutionProfile {
  private final Plan plan;
  private final int workers;
  private final long[] counts;
  private final long[] work;
  private final long[] longest;
  private final long[] waits;
  private long runs;
  private long nanos;

  ExecutionProfile(Plan plan, int workers) {
    this.plan = plan;
    this.workers = workers;
    int records = plan.graph().nodes().size();
    counts = new long[records];
    work = new long[records];
    longest = new long[records];
    waits = new long[records];
  }

  /**
   * Adds the times of a run. Allocates nothing.
   *
   * @param samples a {@code quern_sample} for each record, worker after worker
   * @param runNanos what the run took, from waking the workers until the last was done
   */
  public synchronized void add(MemorySegment samples, long runNanos) {
    runs++;
    nanos += runNanos;
    for (int record = 0; record < counts.length; record++) {
      long slowest = 0;
      for (int worker = 0; worker < workers; worker++) {
        long at = ((long) worker * counts.length + record) * SampleLayout.BYTES;
        long begin = samples.get(JAVA_LONG, at + SampleLayout.BEGIN);
        long end = samples.get(JAVA_LONG, at + SampleLayout.END);
        long took = begin == 0 ? 0 : end - begin;
        work[record] += took;
        waits[record] += samples.get(JAVA_LONG, at + SampleLayout.MET) - end;
        slowest = Math.max(slowest, took);
      }
      longest[record] += slowest;
      // A record that is left out is so by all workers.
      counts[record] += samples.get(JAVA_LONG, record * SampleLayout.BYTES) == 0 ? 0 : 1;
    }
  }

  /** What the program does and on what, as in {@code training step, ids [4, 64]}. */
  public String title() {
    return title(plan);
  }

  static String title(Plan plan) {
    Graph graph = plan.graph();
    String kind =
        graph.nodes().stream().anyMatch(Node::onUpdate)
            ? "training step"
            : plan.bytes(Region.CACHE) > 0 ? "generation" : "forward pass";
    return graph.values().stream()
        .filter(value -> value.region() == Region.IO)
        .findFirst()
        .map(value -> kind + ", " + value.name() + " " + value.shape())
        .orElse(kind);
  }

  /** The program. */
  public Plan plan() {
    return plan;
  }

  /** The number of workers that ran it. */
  public int workers() {
    return workers;
  }

  /** How many runs were timed. */
  public synchronized long runs() {
    return runs;
  }

  /** What the runs took together, in seconds. */
  public synchronized double seconds() {
    return nanos / 1e9;
  }

  /** What each record took, in the program's order. */
  public synchronized List<RecordTime> records() {
    List<RecordTime> records = new ArrayList<>(counts.length);
    for (Node node : plan.graph().nodes()) {
      int record = node.id();
      records.add(
          new RecordTime(
              node,
              FusedNodes.after(plan, node, other -> counts[other] > 0),
              counts[record],
              work[record] / 1e9 / workers,
              longest[record] / 1e9,
              waits[record] / 1e9 / workers));
    }
    return records;
  }

  /** What each operation that ran took, those that took longest first. */
  public List<OperationTime> operations() {
    return group(
        records().stream().filter(record -> record.count() > 0).toList(), RecordTime::operation);
  }

  /** The table that {@code quern train --profile} prints. */
  public String table(Roofline roofline) {
    return ProfileTable.of(this, roofline);
  }

  /** The time of all operations together, a line each. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(title());
    for (OperationTime operation : operations()) {
      text.append(
          String.format(
              Locale.ROOT,
              "%n%s %d times, %.6f s",
              operation.name(),
              operation.count(),
              operation.seconds()));
    }
    return text.toString();
  }

  static List<OperationTime> group(List<RecordTime> records, Function<RecordTime, String> key) {
    Map<String, List<RecordTime>> groups = new LinkedHashMap<>();
    for (RecordTime record : records) {
      groups.computeIfAbsent(key.apply(record), name -> new ArrayList<>()).add(record);
    }
    return groups.entrySet().stream()
        .map(group -> new OperationTime(group.getKey(), group.getValue()))
        .sorted(Comparator.comparingDouble(OperationTime::seconds).reversed())
        .toList();
  }
}
