package org.quern.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes an ONNX model, F32, with its weights in a second file. Source: {@code onnx.proto} of the
 * ONNX project.
 */
final class OnnxFile implements AutoCloseable {
  /** Elements of a tensor. */
  enum Type {
    /** 32-bit floating point. */
    FLOAT(1),
    /** 32-bit integers. */
    INT32(6),
    /** 64-bit integers. */
    INT64(7);

    private final int number;

    Type(int number) {
      this.number = number;
    }
  }

  /** The domain of ONNX Runtime's own operators. */
  static final String MICROSOFT = "com.microsoft";

  private static final int IR_VERSION = 8;
  private static final int OPSET = 17;
  private static final int ATTRIBUTE_FLOAT = 1;
  private static final int ATTRIBUTE_INT = 2;
  private static final int EXTERNAL = 1;

  /** Where a system may begin to map a file into memory. */
  private static final int ALIGNMENT = 1 << 16;

  private final Path model;
  private final String weightsName;
  private final WeightFile weights;
  private final Protobuf graph = new Protobuf();

  /** A model in this file, and beside it one of its weights. */
  OnnxFile(Path model) throws IOException {
    this.model = model;
    weightsName = model.getFileName() + ".data";
    weights = new WeightFile(model.resolveSibling(weightsName));
  }

  /**
   * Adds a node.
   *
   * @param domain the operator's, empty for ONNX's own
   * @param attributes floats and integers by name
   */
  void node(
      String domain,
      String operator,
      List<String> inputs,
      List<String> outputs,
      Map<String, Number> attributes) {
    Protobuf node = new Protobuf();
    inputs.forEach(input -> node.text(1, input));
    outputs.forEach(output -> node.text(2, output));
    node.text(3, outputs.getFirst()).text(4, operator);
    new TreeMap<>(attributes).forEach((name, value) -> node.message(5, attribute(name, value)));
    graph.message(1, node.text(7, domain));
  }

  private static Protobuf attribute(String name, Number value) {
    Protobuf attribute = new Protobuf().text(1, name);
    return value instanceof Float real
        ? attribute.real(2, real).number(20, ATTRIBUTE_FLOAT)
        : attribute.number(3, value.longValue()).number(20, ATTRIBUTE_INT);
  }

  /** A matrix of random numbers. */
  void matrix(String name, int rows, int columns) throws IOException {
    long offset = start();
    weights.weights((long) rows * columns, false, false);
    initializer(name, offset, rows, columns);
  }

  /** A vector of ones. */
  void ones(String name, int size) throws IOException {
    long offset = start();
    weights.weights(size, true, false);
    initializer(name, offset, size);
  }

  /** A table of given numbers. */
  void table(String name, float[] values, int rows, int columns) throws IOException {
    long offset = start();
    weights.reals(values);
    initializer(name, offset, rows, columns);
  }

  private long start() throws IOException {
    weights.align(ALIGNMENT);
    return weights.position();
  }

  private void initializer(String name, long offset, int... sizes) throws IOException {
    Protobuf tensor = new Protobuf();
    for (int size : sizes) {
      tensor.number(1, size);
    }
    tensor.number(2, Type.FLOAT.number).text(8, name);
    place(tensor, "location", weightsName);
    place(tensor, "offset", String.valueOf(offset));
    place(tensor, "length", String.valueOf(weights.position() - offset));
    graph.message(5, tensor.number(14, EXTERNAL));
  }

  private static void place(Protobuf tensor, String key, String value) {
    tensor.message(13, new Protobuf().text(1, key).text(2, value));
  }

  /** A single integer that never changes. */
  void constant(String name, long value) {
    graph.message(
        5, new Protobuf().number(1, 1).number(2, Type.INT64.number).number(7, value).text(8, name));
  }

  void input(String name, Type type, Object... sizes) {
    graph.message(11, value(name, type, sizes));
  }

  void output(String name, Type type, Object... sizes) {
    graph.message(12, value(name, type, sizes));
  }

  /** Sizes are numbers, or names of those that change. */
  private static Protobuf value(String name, Type type, Object... sizes) {
    Protobuf shape = new Protobuf();
    for (Object size : sizes) {
      Protobuf dimension = new Protobuf();
      shape.message(
          1,
          size instanceof Integer number
              ? dimension.number(1, number)
              : dimension.text(2, size.toString()));
    }
    Protobuf tensor = new Protobuf().number(1, type.number).message(2, shape);
    return new Protobuf().text(1, name).message(2, new Protobuf().message(1, tensor));
  }

  /** Writes the model, and ends both files. */
  @Override
  public void close() throws IOException {
    weights.close();
    Protobuf whole =
        new Protobuf()
            .number(1, IR_VERSION)
            .text(2, "quern")
            .message(7, graph.text(2, "model"))
            .message(8, new Protobuf().text(1, "").number(2, OPSET))
            .message(8, new Protobuf().text(1, MICROSOFT).number(2, 1));
    Files.write(model, whole.toBytes());
  }
}
