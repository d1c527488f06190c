package org.quern.ir;

/**
 * What a node asks of the machine.
 *
 * @param flops floating-point operations, a fused multiply-add counting as two
 * @param bytes bytes read and written at the least
 */
public record Cost(long flops, long bytes) {
  /**
   * The cost of reading and writing all operands once, with some operations for each byte moved.
   */
  public static Cost streaming(Node node, long flops) {
    long bytes = 0;
    for (Value value : node.inputs()) {
      bytes += value.bytes();
    }
    for (Value value : node.outputs()) {
      bytes += value.bytes();
    }
    return new Cost(flops, bytes);
  }
}
