package org.quern.plan;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.zip.CRC32C;
import org.quern.ir.Graph;
import org.quern.ir.Node;
import org.quern.ir.Region;
import org.quern.ir.Value;
import org.quern.memory.Bytes;

/**
 * A graph with everything decided before the first run: where each value lies, what shares memory,
 * where workers meet. Immutable; linked to memory and a walker by a backend.
 */
public final class Plan {
  private final Graph graph;
  private final PlanOptions options;
  private final Fusion fusion;
  private final MemoryPlan memory;
  private final boolean[] barriers;
  private final int committed;

  private Plan(Graph graph, PlanOptions options) {
    this.graph = graph;
    this.options = options;
    this.fusion = options.guarded() ? Fusion.none(graph) : Fusion.of(graph, options.fusesAll());
    this.memory = MemoryPlan.of(graph, fusion, options.guarded());
    this.barriers = Barriers.of(graph, fusion, memory);
    this.committed =
        graph.nodes().stream()
            .filter(Node::changesParameters)
            .mapToInt(Node::id)
            .findFirst()
            .orElse(graph.nodes().size());
  }

  /** Plans a graph, which must not be appended to afterwards. */
  public static Plan of(Graph graph) {
    return new Plan(graph, PlanOptions.STANDARD);
  }

  /** Plans a graph in a particular way. */
  public static Plan of(Graph graph, PlanOptions options) {
    return new Plan(graph, options);
  }

  /** The graph. */
  public Graph graph() {
    return graph;
  }

  /** Where {@code value} starts in its region, in bytes. */
  public long offset(Value value) {
    return memory.offset(value);
  }

  /** The size of a region that the plan lays out (not the model's), in bytes. */
  public long bytes(Region region) {
    return memory.bytes(region);
  }

  /** The size of the program's records in bytes. */
  public long programBytes() {
    return graph.nodes().size() * RecordLayout.BYTES;
  }

  /**
   * Whether all workers meet after {@code node}. Where it is fused with the next, only those
   * walkers have them meet that do one record after the other.
   */
  public boolean barrierAfter(Node node) {
    return barriers[node.id()];
  }

  /** Whether a walker may do {@code node} and the one after it together, block by block. */
  public boolean isFusedWithNext(Node node) {
    return fusion.goesOn(node);
  }

  /** Whether {@code node} changes a parameter, or one before it does. */
  public boolean isCommitted(Node node) {
    return node.id() >= committed;
  }

  /** Whether a node before {@code node} changes a parameter. */
  public boolean changesParametersBefore(int node) {
    return node > committed;
  }

  /** Offsets among the activations of pages that nothing may touch; none unless guarded. */
  public List<Long> guards() {
    return memory.guards();
  }

  /**
   * A number that two plans share only if they have the same operations, shapes, layout and places.
   */
  public long fingerprint() {
    CRC32C crc = new CRC32C();
    crc.update(toString().getBytes(StandardCharsets.UTF_8));
    return crc.getValue() << 32 | graph.nodes().size();
  }

  /**
   * The program, a line a node: operation, operands with their places, where workers meet (|) and
   * what is fused with the next line (+).
   */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%d nodes, activations %s, inputs %s%s%n",
            graph.nodes().size(),
            Bytes.toString(bytes(Region.ACTIVATIONS)),
            Bytes.toString(bytes(Region.IO)),
            options.guarded() ? ", guarded" : ""));
    for (Node node : graph.nodes()) {
      text.append(String.format(Locale.ROOT, "%4d %s%s", node.id(), node.op(), places(node)));
      text.append(node.onUpdate() ? " on update" : "")
          .append(isFusedWithNext(node) ? " +" : barrierAfter(node) ? " |" : "");
      text.append(System.lineSeparator());
    }
    return text.toString();
  }

  private String places(Node node) {
    StringBuilder text = new StringBuilder();
    for (Value input : node.inputs()) {
      text.append(' ').append(input.isNone() ? "-" : place(input));
    }
    text.append(" →");
    for (Value output : node.outputs()) {
      text.append(' ').append(place(output));
    }
    return text.toString();
  }

  private String place(Value value) {
    return value.region().name().charAt(0) + "@" + offset(value) + value.shape();
  }
}
