package org.quern.peers;

import com.github.tjake.jlama.model.AbstractModel;
import com.github.tjake.jlama.model.ModelSupport;
import com.github.tjake.jlama.safetensors.DType;
import com.github.tjake.jlama.tensor.AbstractTensor;
import com.github.tjake.jlama.tensor.KvBufferCache;
import com.github.tjake.jlama.tensor.operations.TensorOperationsProvider;
import com.github.tjake.jlama.util.PhysicalCoreExecutor;
import java.io.IOException;
import java.util.Optional;
import java.util.UUID;

/**
 * Reading a prompt and writing tokens by Jlama with its native library, on a model of Llama's
 * family of the same sizes with random weights: the steps of its {@code generate}, without the
 * text.
 */
final class JlamaGeneration {
  private JlamaGeneration() {}

  /** Options: the model's sizes, {@code --precision, --threads, --prompt, --tokens}. */
  public static void main(String[] arguments) throws IOException {
    Options options = new Options(arguments);
    PhysicalCoreExecutor.overrideThreadCount(options.number("threads"));
    DType products = options.text("precision").equals("bf16") ? DType.BF16 : DType.F32;
    try (WorkFolder folder = WorkFolder.create()) {
      JlamaModel.write(options, folder.path());
      AbstractModel model = ModelSupport.loadModel(folder.path().toFile(), DType.F32, products);
      try (AbstractTensor<?, ?> logits = model.makeDenseTensor(options.number("vocabulary"));
          KvBufferCache cache = new KvBufferCache(model)) {
        Steps steps = new Steps(model, cache.getKvBuffer(UUID.randomUUID()), logits);
        String operations = TensorOperationsProvider.get().name();
        Measure.print(new Passes(options, steps).measure("Jlama 0.8.4 (" + operations + ")"));
      }
      model.close();
    }
    // Its threads would keep the process.
    System.exit(0);
  }

  private static final class Steps implements Passes.Generator {
    private final AbstractModel model;
    private final KvBufferCache.KvBuffer cache;
    private final AbstractTensor<?, ?> logits;
    private int position;

    Steps(AbstractModel model, KvBufferCache.KvBuffer cache, AbstractTensor<?, ?> logits) {
      this.model = model;
      this.cache = cache;
      this.logits = logits;
    }

    @Override
    public int read(int[] prompt) {
      position = prompt.length;
      try (AbstractTensor<?, ?> all = model.batchForward(prompt, 0, cache)) {
        AbstractTensor<?, ?> last = all.slice(all.shape().first() - 1);
        return model.sample(last, 0, 0, logits);
      }
    }

    @Override
    public int write(int token) {
      try (AbstractTensor<?, ?> last = model.forward(token, position, cache, Optional.empty())) {
        position++;
        return model.sample(last, 0, 0, logits);
      }
    }
  }
}
