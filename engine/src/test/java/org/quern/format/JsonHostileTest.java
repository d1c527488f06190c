package org.quern.format;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged configurations and indexes: read, or refused in one sentence, and nothing else. */
class JsonHostileTest {
  private static final Pattern ONE_SENTENCE = Pattern.compile("\\P{Cntrl}{1,900}\\.");
  private static final byte[] ALPHABET =
      "{}[]\",:0123456789-+.eE\\u tnf\0\u007f".getBytes(StandardCharsets.UTF_8);

  @TempDir Path folder;

  private static byte[] damage(byte[] valid, Random random) {
    byte[] damaged = valid.clone();
    for (int i = 1 + random.nextInt(5); i > 0; i--) {
      int at = random.nextInt(damaged.length);
      switch (random.nextInt(4)) {
        case 0 -> damaged[at] = ALPHABET[random.nextInt(ALPHABET.length)];
        case 1 -> damaged[at] ^= (byte) (1 << random.nextInt(8));
        case 2 -> damaged[at] = (byte) random.nextInt();
        default -> {
          int from = random.nextInt(damaged.length);
          int count = Math.min(random.nextInt(30), damaged.length - Math.max(at, from));
          System.arraycopy(valid, from, damaged, at, count);
        }
      }
    }
    return random.nextInt(5) == 0
        ? Arrays.copyOf(damaged, random.nextInt(damaged.length))
        : damaged;
  }

  private static void requireReadOrRefused(Runnable reading) {
    try {
      reading.run();
    } catch (FormatException refused) {
      if (!ONE_SENTENCE.matcher(refused.getMessage()).matches()) {
        throw new AssertionError(refused);
      }
    }
  }

  @Test
  void configurations() {
    byte[] valid =
        """
        {"model_type": "llama", "hidden_size": 64, "rms_norm_eps": 1e-06, "pad": null, "tie": true,
         "eos_token_id": [2, 3], "rope_parameters": {"rope_type": "llama3", "factor": 8.0}}\
        """
            .getBytes(StandardCharsets.UTF_8);
    Random random = new Random(11);
    Path file = folder.resolve("config.json");
    for (int round = 0; round < 3000; round++) {
      RawSafetensors.write(file, damage(valid, random));
      requireReadOrRefused(() -> {
        ConfigJson config = ConfigJson.read(file);
        requireReadOrRefused(() -> config.requireInt("hidden_size", 1, 99));
        requireReadOrRefused(() -> config.requireDouble("rms_norm_eps", 0, 1));
        requireReadOrRefused(() -> config.requireString("model_type"));
        requireReadOrRefused(() -> config.optionalBoolean("tie", false));
        requireReadOrRefused(() -> config.ints("eos_token_id", 0, 9));
        requireReadOrRefused(
            () -> config.requireObject("rope_parameters").requireDouble("factor", 1, 9));
      });
    }
  }

  @Test
  void indexes() {
    String shard = "{\"%s\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}";
    RawSafetensors.write(folder.resolve("model-1.safetensors"), shard.formatted("a"), 2);
    RawSafetensors.write(folder.resolve("model-2.safetensors"), shard.formatted("b"), 2);
    byte[] valid =
        """
        {"metadata":{"total_size":4},
         "weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}\
        """
            .getBytes(StandardCharsets.UTF_8);
    Random random = new Random(12);
    Path index = RawSafetensors.write(folder.resolve(ModelWeights.INDEX_FILE), valid);
    ModelWeights.open(index).close();
    for (int round = 0; round < 3000; round++) {
      RawSafetensors.write(index, damage(valid, random));
      requireReadOrRefused(() -> ModelWeights.open(index).close());
    }
  }
}
