package org.quern.peers;

import de.kherud.llama.InferenceParameters;
import de.kherud.llama.LlamaModel;
import de.kherud.llama.ModelParameters;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Reading a prompt and writing tokens by llama.cpp, through its Java binding, on a model of the
 * same sizes with random weights. A text of one token more than the prompt tells the time of the
 * prompt; what the rest of a longer text takes is the time of its tokens.
 */
final class LlamaCppGeneration {
  private static final int LEAST_WARMUP = 1;
  private static final int LEAST = 2;
  private static final double SECONDS = 5;

  private LlamaCppGeneration() {}

  /** Options: the model's sizes, {@code --precision, --threads, --prompt, --tokens}. */
  public static void main(String[] arguments) throws IOException {
    Options options = new Options(arguments);
    Path file = Files.createTempFile("quern-peer", ".gguf");
    try {
      GgufModel.write(options, file);
      measure(options, file);
    } finally {
      Files.deleteIfExists(file);
    }
    // The binding waits for its threads for minutes otherwise.
    Runtime.getRuntime().halt(0);
  }

  /** The model is left open: the process ends after it. */
  private static void measure(Options options, Path file) throws IOException {
    int threads = options.number("threads");
    int read = options.number("prompt");
    int written = options.number("tokens");
    ModelParameters parameters =
        new ModelParameters()
            .setModel(file.toString())
            .setThreads(threads)
            .setThreadsBatch(threads)
            .setCtxSize(read + written + 1)
            .setParallel(1)
            .setGpuLayers(0)
            .disableLog();
    LlamaModel model = new LlamaModel(parameters);
    String prompt = GgufModel.TOKEN.repeat(read);
    int tokens = model.encode(prompt).length;
    if (tokens != read) {
      throw new IllegalStateException(
          "The prompt has " + tokens + " tokens for llama.cpp, rather than " + read + ".");
    }
    double first = median(model, prompt, 1);
    double all = median(model, prompt, written + 1);
    double token = (all - first) / written;
    Measure.print(
        List.of(
            Measure.member("peer", "llama.cpp (java-llama.cpp 4.2.0)"),
            Measure.member("ms_per_step", token),
            Measure.member("tokens_per_second", 1e3 / token),
            Measure.member("prefill_ms", first),
            Measure.member("prefill_tokens_per_second", read / first * 1e3)));
  }

  private static double median(LlamaModel model, String prompt, int tokens) {
    InferenceParameters parameters =
        new InferenceParameters(prompt)
            .setNPredict(tokens)
            .setTemperature(0)
            .setIgnoreEos(true)
            .setCachePrompt(false);
    return Measure.median(
        Measure.repeat(() -> model.complete(parameters), LEAST_WARMUP, LEAST, SECONDS));
  }
}
