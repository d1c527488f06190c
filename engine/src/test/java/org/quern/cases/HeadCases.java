package org.quern.cases;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.quern.ir.op.CrossEntropy;
import org.quern.ir.op.LinearCrossEntropy;

/** The head with its loss, in chunks: shapes and chunks at random, and the extremes. */
final class HeadCases {
  private static final int SOME = 24;

  private HeadCases() {}

  static List<OperationCase> rows() {
    Random random = new Random(5);
    List<OperationCase> rows = new ArrayList<>();
    for (int index = 0; index < SOME; index++) {
      int count = 1 + random.nextInt(19);
      int channels = List.of(1, 3, 8, 9, 17).get(random.nextInt(5));
      int vocabulary = List.of(2, 3, 7, 8, 9, 16, 17, 35).get(random.nextInt(8));
      int chunk = 1 + random.nextInt(count + 2);
      Fill labels = (r, i) -> i > 0 && r.nextInt(4) == 0 ? -100 : r.nextInt(vocabulary);
      rows.add(row("random " + index, labels, count, channels, vocabulary, chunk));
    }
    rows.add(row("one row", Fill.ids(5), 1, 3, 5, 1));
    rows.add(row("chunks of one row", Fill.ids(67), 6, 5, 67, 1));
    rows.add(row("a chunk that is all ignored", Fill.cycle(1, -100, -100, 0), 9, 4, 3, 2));
    return rows;
  }

  /** Those whose gradient is zero. */
  static List<OperationCase> flat() {
    return List.of(
        row("all ignored", Fill.cycle(CrossEntropy.IGNORED), 7, 5, 11, 3),
        row("one class", Fill.cycle(0), 7, 5, 1, 3));
  }

  /** The loss alone, in chunks of rows and of classes. */
  static List<OperationCase> losses() {
    Random random = new Random(6);
    List<OperationCase> rows = new ArrayList<>();
    for (int index = 0; index < SOME; index++) {
      int count = 1 + random.nextInt(19);
      int channels = List.of(1, 3, 8, 9, 17).get(random.nextInt(5));
      int vocabulary = List.of(1, 2, 7, 8, 9, 17, 35, 131).get(random.nextInt(8));
      int chunk = 1 + random.nextInt(count + 2);
      int classes = 1 + random.nextInt(vocabulary + 2);
      Fill labels = (r, i) -> i > 0 && r.nextInt(4) == 0 ? -100 : r.nextInt(vocabulary);
      String name =
          "LinearCrossEntropy.loss random %d N %d C %d V %d, chunks of %d by %d"
              .formatted(index, count, channels, vocabulary, chunk, classes);
      rows.add(
          OperationCase.of(name)
              .input("x", Fill.normal(1), count, channels)
              .parameter("weight", Fill.normal(0.5), vocabulary, channels)
              .integers("labels", labels, count)
              .step(step -> step.lossScale = 1f / count)
              .body((g, o) ->
                  LinearCrossEntropy.loss(
                      g, o.get("x"), o.get("weight"), o.get("labels"), chunk, classes)));
    }
    return rows;
  }

  private static OperationCase row(
      String what, Fill labels, int count, int channels, int vocabulary, int chunk) {
    String name =
        "LinearCrossEntropy %s N %d C %d V %d, chunks of %d"
            .formatted(what, count, channels, vocabulary, chunk);
    return OperationCase.of(name)
        .input("x", Fill.normal(1), count, channels)
        .parameter("weight", Fill.normal(0.5), vocabulary, channels)
        .integers("labels", labels, count)
        .step(step -> step.lossScale = 1f / count)
        .body((g, o) ->
            LinearCrossEntropy.lossAndGradients(
                g, o.get("x"), o.get("weight"), o.get("labels"), chunk));
  }
}
