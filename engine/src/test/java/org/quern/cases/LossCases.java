package org.quern.cases;

import java.util.ArrayList;
import java.util.List;
import org.quern.ir.Node;
import org.quern.ir.Shape;
import org.quern.ir.Value;
import org.quern.ir.op.CrossEntropy;

/** Rows of CrossEntropy, its sum and its gradient. */
final class LossCases {
  private static final Fill SOME_IGNORED = Fill.cycle(0, CrossEntropy.IGNORED, 2, 1);

  private LossCases() {}

  static List<OperationCase> rows() {
    List<OperationCase> rows = new ArrayList<>();
    for (int vocabulary : new int[] {3, 4, 5, 7, 8, 9, 15, 16, 17, 35, 67, 131, 1021}) {
      rows.add(loss("normal", Fill.normal(2), Fill.ids(vocabulary), 5, vocabulary));
      rows.add(loss("some ignored", Fill.normal(2), SOME_IGNORED, 7, vocabulary));
      rows.add(backward("normal", Fill.normal(2), Fill.ids(vocabulary), 5, vocabulary));
      rows.add(both("normal", Fill.normal(2), Fill.ids(vocabulary), 5, vocabulary));
      rows.add(both("some ignored", Fill.normal(2), SOME_IGNORED, 7, vocabulary));
      rows.add(backward("some ignored", Fill.normal(2), SOME_IGNORED, 7, vocabulary));
    }
    rows.add(loss("one class", Fill.normal(1), Fill.cycle(0), 3, 1));
    rows.add(loss("all ignored", Fill.normal(1), Fill.cycle(CrossEntropy.IGNORED), 5, 17));
    rows.add(loss("80", Fill.signs(80), Fill.ids(17), 5, 17));
    rows.add(loss("1e4", Fill.signs(1e4), Fill.ids(17), 5, 17));
    rows.add(loss("all equal", Fill.cycle(1e4), Fill.ids(17), 5, 17));
    rows.add(loss("denormals", Fill.denormals(), Fill.ids(17), 5, 17));
    rows.add(
        loss(
            "classes forbidden by minus infinity",
            Fill.cycle(1, Double.NEGATIVE_INFINITY, 2),
            Fill.cycle(0, 2),
            4,
            33));
    rows.add(
        loss(
            "not a number in one row",
            (random, index) -> index == 40 ? Float.NaN : (float) random.nextGaussian(),
            Fill.ids(17),
            5,
            17));
    rows.add(both("one class", Fill.normal(1), Fill.cycle(0), 3, 1));
    rows.add(both("all ignored", Fill.normal(1), Fill.cycle(CrossEntropy.IGNORED), 5, 17));
    rows.add(both("80", Fill.signs(80), Fill.ids(17), 5, 17));
    rows.add(both("1e4", Fill.signs(1e4), Fill.ids(17), 5, 17));
    rows.add(both("blocks", Fill.normal(20), Fill.ids(9001), 3, 9001));
    rows.add(
        both(
            "a first block forbidden by minus infinity",
            (random, index) ->
                index % 9000 < 4099
                    ? Float.NEGATIVE_INFINITY
                    : (float) (random.nextGaussian() - 1000),
            Fill.cycle(4099, 8999),
            3,
            9000));
    rows.add(
        both(
            "not a number in one row",
            (random, index) -> index == 40 ? Float.NaN : (float) random.nextGaussian(),
            Fill.ids(17),
            5,
            17));
    for (int count : new int[] {1, 15, 16, 17, 1021}) {
      rows.add(
          OperationCase.of("CrossEntropy.Sum " + count)
              .input("losses", Fill.uniform(0, 10), count)
              .body((g, o) -> g.apply(new CrossEntropy.Sum(), o.get("losses"))));
    }
    rows.add(loss("small", Fill.normal(1), SOME_IGNORED, 5, 4).differentiable());
    for (int vocabulary : new int[] {3, 8, 9, 17, 35, 131, 1021}) {
      for (int chunks : new int[] {1, 2, 3}) {
        rows.add(chunks("normal", Fill.normal(2), Fill.ids(vocabulary), 5, vocabulary, chunks));
        rows.add(chunks("some ignored", Fill.normal(20), SOME_IGNORED, 7, vocabulary, chunks));
      }
    }
    rows.add(chunks("one class", Fill.normal(1), Fill.cycle(0), 3, 1, 1));
    rows.add(chunks("1e4", Fill.signs(1e4), Fill.ids(17), 5, 17, 2));
    rows.add(chunks("all ignored", Fill.normal(1), Fill.cycle(CrossEntropy.IGNORED), 5, 17, 2));
    rows.add(
        chunks(
            "a first chunk forbidden by minus infinity",
            (random, index) ->
                index < 3 * 45 ? Float.NEGATIVE_INFINITY : (float) (random.nextGaussian() - 1000),
            Fill.cycle(45, 89),
            3,
            90,
            2));
    rows.add(
        chunks(
            "not a number in one row",
            (random, index) -> index == 40 ? Float.NaN : (float) random.nextGaussian(),
            Fill.ids(17),
            5,
            17,
            2));
    rows.add(both("speed", Fill.normal(1), Fill.ids(50257), 256, 50257).speed());
    rows.add(loss("speed", Fill.normal(1), Fill.ids(50257), 1024, 50257).speed());
    return rows;
  }

  private static OperationCase loss(
      String what, Fill fill, Fill labels, int count, int vocabulary) {
    return OperationCase.of("CrossEntropy " + what + " [" + count + ", " + vocabulary + "]")
        .input("logits", fill, count, vocabulary)
        .integers("labels", labels, count)
        .body((g, o) -> CrossEntropy.loss(g, o.get("logits"), o.get("labels")));
  }

  /** The logits lie one chunk after the other. */
  private static OperationCase chunks(
      String what, Fill fill, Fill labels, int count, int vocabulary, int chunks) {
    int most = Math.ceilDiv(vocabulary, chunks);
    String name = "CrossEntropy.Chunk %s [%d, %d] by %d".formatted(what, count, vocabulary, most);
    return OperationCase.of(name)
        .input("logits", fill, count * vocabulary)
        .integers("labels", labels, count)
        .body((g, o) -> {
          Value state = Value.NONE;
          Value losses = Value.NONE;
          for (int first = 0; first < vocabulary; first += most) {
            int width = Math.min(most, vocabulary - first);
            Value logits = o.get("logits").slice((long) count * first, Shape.of(count, width));
            Node node =
                g.append(
                    new CrossEntropy.Chunk(first, vocabulary),
                    first == 0
                        ? List.of(logits, o.get("labels"))
                        : List.of(logits, o.get("labels"), state));
            state = node.output(0);
            losses = node.output(1);
          }
          return losses;
        });
  }

  private static OperationCase both(
      String what, Fill fill, Fill labels, int count, int vocabulary) {
    return OperationCase.of(
            "CrossEntropy.WithGradient " + what + " [" + count + ", " + vocabulary + "]")
        .input("logits", fill, count, vocabulary)
        .integers("labels", labels, count)
        .body((g, o) -> g.apply(new CrossEntropy.WithGradient(), o.get("logits"), o.get("labels")));
  }

  private static OperationCase backward(
      String what, Fill fill, Fill labels, int count, int vocabulary) {
    return OperationCase.of(
            "CrossEntropy.Backward " + what + " [" + count + ", " + vocabulary + "]")
        .input("logits", fill, count, vocabulary)
        .integers("labels", labels, count)
        .input("lse", Fill.uniform(Math.log(vocabulary), Math.log(vocabulary) + 3), count)
        .body((g, o) ->
            g.apply(new CrossEntropy.Backward(), o.get("logits"), o.get("labels"), o.get("lse")));
  }
}
