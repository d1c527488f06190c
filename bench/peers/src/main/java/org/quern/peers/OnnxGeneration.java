package org.quern.peers;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Reading a prompt and writing tokens by ONNX Runtime, F32, on a model of Llama's family of the
 * same sizes with random weights.
 */
final class OnnxGeneration {
  private OnnxGeneration() {}

  /** Options: the model's sizes, {@code --threads, --prompt, --tokens}. */
  public static void main(String[] arguments) throws IOException {
    Options options = new Options(arguments);
    try (WorkFolder folder = WorkFolder.create()) {
      Path file = folder.path().resolve("model.onnx");
      OnnxModel.write(options, file);
      int capacity = options.number("prompt") + options.number("tokens");
      try (OnnxSession session = new OnnxSession(options, file, capacity)) {
        Measure.print(new Passes(options, session).measure("ONNX Runtime 1.29.0"));
      }
    }
  }
}
