package org.quern.profile;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.quern.ir.Node;
import org.quern.ir.Value;

/**
 * Records of one kind, taken together; times are sums over all runs that were timed.
 *
 * @param name the operation, or the shapes of its first two operands
 * @param records the records, in the program's order
 */
public record OperationTime(String name, List<RecordTime> records) {
  /** Copies the list. */
  public OperationTime {
    records = List.copyOf(records);
  }

  /** How many times a record of this kind ran. */
  public long count() {
    return records.stream().mapToLong(RecordTime::count).sum();
  }

  /** Seconds in kernels, the mean of all workers. */
  public double seconds() {
    return records.stream().mapToDouble(RecordTime::seconds).sum();
  }

  /** Seconds at the barriers after them, the mean of all workers. */
  public double waitSeconds() {
    return records.stream().mapToDouble(RecordTime::waitSeconds).sum();
  }

  /** Floating-point operations a second, by the slowest worker's time; 0 where there are none. */
  public double flopsPerSecond() {
    return rate(records.stream().mapToDouble(RecordTime::flops).sum());
  }

  /** Bytes read and written at the least, a second, by the slowest worker's time. */
  public double bytesPerSecond() {
    return rate(records.stream().mapToDouble(RecordTime::bytes).sum());
  }

  /**
   * The least time that the machine would need over the time it took; above 1 where operands lay in
   * a cache, since the roofline knows main memory alone.
   */
  public double shareOf(Roofline roofline) {
    return rate(records.stream().mapToDouble(record -> record.bestSeconds(roofline)).sum());
  }

  /** The same records by the shapes of their first operands, those that took longest first. */
  public List<OperationTime> byShape() {
    return ExecutionProfile.group(records, record -> shapes(record.node()));
  }

  private double rate(double amount) {
    double longest = records.stream().mapToDouble(RecordTime::longestSeconds).sum();
    return longest > 0 ? amount / longest : 0;
  }

  private static String shapes(Node node) {
    return node.inputs().stream()
        .filter(value -> !value.isNone())
        .limit(2)
        .map(OperationTime::sizes)
        .collect(Collectors.joining(", "));
  }

  private static String sizes(Value value) {
    return Arrays.stream(value.shape().toArray())
        .mapToObj(Integer::toString)
        .collect(Collectors.joining("x"));
  }
}
