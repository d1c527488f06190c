package org.quern.peers;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.training.GradientCollector;
import ai.djl.training.optimizer.AdamW;
import ai.djl.training.tracker.Tracker;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * A training step of a GPT by PyTorch's C++ library, called through DJL: forward, backward, AdamW;
 * F32, since a cast to BF16 through this API ends the JVM. No fused attention, no compiler and no
 * fused optimizer: DJL reaches none of them. Clipping is left out, in the peer's favour.
 */
final class LibtorchTraining {
  private static final int LEAST_WARMUP = 2;
  private static final int LEAST = 5;
  private static final double SECONDS = 5;

  private LibtorchTraining() {}

  /** Options: the model's sizes, {@code --batch}, {@code --context}. */
  public static void main(String[] arguments) throws IOException {
    Options options = new Options(arguments);
    Engine engine = Engine.getEngine("PyTorch");
    int batch = options.number("batch");
    int context = options.number("context");
    try (NDManager manager = engine.newBaseManager()) {
      LibtorchGpt model = new LibtorchGpt(manager, options);
      AdamW optimizer =
          AdamW.builder()
              .optLearningRateTracker(Tracker.fixed(1e-4f))
              .optBeta1(0.9f)
              .optBeta2(0.95f)
              .optWeightDecays(0.1f)
              .build();
      Random random = new Random(1);
      long[] ids = random.longs((long) batch * context, 0, options.number("vocabulary")).toArray();
      long[] labels =
          random.longs((long) batch * context, 0, options.number("vocabulary")).toArray();
      List<Float> losses = new ArrayList<>();
      double[] times =
          Measure.repeat(
              () -> losses.add(step(engine, manager, model, optimizer, ids, labels, batch)),
              LEAST_WARMUP,
              LEAST,
              SECONDS);
      if (!(losses.getLast() < losses.getFirst())) {
        throw new IllegalStateException(
            "The loss does not fall: " + losses.getFirst() + " to " + losses.getLast() + ".");
      }
      double median = Measure.median(times);
      Measure.print(
          List.of(
              Measure.member("peer", "libtorch " + engine.getVersion() + " (DJL)"),
              Measure.member("ms_per_step", median),
              Measure.member("tokens_per_second", batch * (double) context / median * 1e3),
              Measure.member("steps", times.length),
              Measure.member("first_loss", losses.getFirst()),
              Measure.member("last_loss", losses.getLast())));
    }
  }

  private static float step(
      Engine engine,
      NDManager manager,
      LibtorchGpt model,
      AdamW optimizer,
      long[] ids,
      long[] labels,
      int batch) {
    try (NDManager step = manager.newSubManager()) {
      float value;
      try (GradientCollector collector = engine.newGradientCollector()) {
        NDArray loss = model.loss(step, ids, labels, batch);
        collector.backward(loss);
        value = loss.getFloat();
      }
      for (Map.Entry<String, NDArray> entry : model.parameters().entrySet()) {
        NDArray parameter = entry.getValue();
        try (NDArray gradient = parameter.getGradient()) {
          // Clears the gradient too.
          optimizer.update(entry.getKey(), parameter, gradient);
        }
      }
      return value;
    }
  }
}
