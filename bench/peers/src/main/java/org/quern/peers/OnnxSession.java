package org.quern.peers;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * An {@link OnnxModel} in ONNX Runtime, one sequence, its keys and values in tensors that are both
 * input and output, as onnxruntime-genai's {@code past_present_share_buffer} has it.
 */
final class OnnxSession implements Passes.Generator, AutoCloseable {
  private record Ids(LongBuffer buffer, OnnxTensor tensor) {}

  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final OrtSession session;
  private final List<OnnxTensor> tensors = new ArrayList<>();
  private final Map<String, OnnxTensor> inputs = new HashMap<>();
  private final Map<String, OnnxTensor> outputs = new HashMap<>();
  private final Map<Integer, Ids> ids = new HashMap<>();
  private final int[] one = new int[1];
  private final IntBuffer length;
  private final IntBuffer total;
  private final FloatBuffer logits;
  private int position;

  /**
   * Opens the model.
   *
   * @param capacity the most tokens that are read and written
   */
  OnnxSession(Options options, Path file, int capacity) {
    length = bytes(Integer.BYTES).asIntBuffer();
    total = bytes(Integer.BYTES).asIntBuffer();
    logits = bytes(Float.BYTES * options.number("vocabulary")).asFloatBuffer();
    try {
      session = session(options, file);
      int groups = options.number("groups");
      int head = options.number("head-size");
      for (int layer = 0; layer < options.number("layers"); layer++) {
        for (String what : List.of("key", "value")) {
          FloatBuffer buffer = bytes(Float.BYTES * groups * capacity * head).asFloatBuffer();
          OnnxTensor cache = reals(buffer, 1, groups, capacity, head);
          inputs.put(OnnxModel.past(layer, what), cache);
          outputs.put(OnnxModel.present(layer, what), cache);
        }
      }
      inputs.put(OnnxModel.LENGTHS, integer(length));
      inputs.put(OnnxModel.TOTAL, integer(total));
      outputs.put(OnnxModel.LOGITS, reals(logits, 1, 1, logits.capacity()));
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }

  private OrtSession session(Options options, Path file) throws OrtException {
    try (OrtSession.SessionOptions settings = new OrtSession.SessionOptions()) {
      settings.setIntraOpNumThreads(options.number("threads"));
      settings.setInterOpNumThreads(1);
      settings.setExecutionMode(OrtSession.SessionOptions.ExecutionMode.SEQUENTIAL);
      settings.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
      return environment.createSession(file.toString(), settings);
    }
  }

  private static ByteBuffer bytes(int count) {
    return ByteBuffer.allocateDirect(count).order(ByteOrder.nativeOrder());
  }

  private OnnxTensor reals(FloatBuffer buffer, long... sizes) throws OrtException {
    return kept(OnnxTensor.createTensor(environment, buffer, sizes));
  }

  private OnnxTensor integer(IntBuffer buffer) throws OrtException {
    return kept(OnnxTensor.createTensor(environment, buffer, new long[] {1}));
  }

  private OnnxTensor kept(OnnxTensor tensor) {
    tensors.add(tensor);
    return tensor;
  }

  @Override
  public int read(int[] prompt) {
    position = 0;
    return feed(prompt);
  }

  @Override
  public int write(int token) {
    one[0] = token;
    return feed(one);
  }

  private int feed(int[] tokens) {
    try {
      Ids ids = idsOf(tokens.length);
      for (int i = 0; i < tokens.length; i++) {
        ids.buffer().put(i, tokens[i]);
      }
      position += tokens.length;
      length.put(0, position - 1);
      total.put(0, position);
      inputs.put(OnnxModel.IDS, ids.tensor());
      session.run(inputs, outputs).close();
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
    int best = 0;
    for (int id = 1; id < logits.capacity(); id++) {
      best = logits.get(id) > logits.get(best) ? id : best;
    }
    return best;
  }

  private Ids idsOf(int count) throws OrtException {
    Ids known = ids.get(count);
    if (known != null) {
      return known;
    }
    LongBuffer buffer = bytes(Long.BYTES * count).asLongBuffer();
    long[] sizes = {1, count};
    Ids made = new Ids(buffer, kept(OnnxTensor.createTensor(environment, buffer, sizes)));
    ids.put(count, made);
    return made;
  }

  /** The logits after the last token. */
  FloatBuffer logits() {
    return logits.asReadOnlyBuffer();
  }

  @Override
  public void close() {
    tensors.forEach(OnnxTensor::close);
    try {
      session.close();
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }
}
