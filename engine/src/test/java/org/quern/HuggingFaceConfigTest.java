package org.quern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.format.ConfigJson;
import org.quern.format.FormatException;
import org.quern.ir.DType;
import org.quern.ir.op.ActivationFunction;
import org.quern.model.Gpt2Config;
import org.quern.model.LlamaConfig;
import org.quern.model.ModelConfig;
import org.quern.model.RopeScaling;

/** {@code config.json} in its present and older forms, and what contradicts itself. */
class HuggingFaceConfigTest {
  private static final String LLAMA =
      "'model_type': 'llama', 'vocab_size': 50, 'hidden_size': 24, 'num_hidden_layers': 2,"
          + " 'num_attention_heads': 4, 'num_key_value_heads': 2, 'intermediate_size': 40";

  @TempDir Path folder;

  static Stream<String> shapes() {
    return ModelShapes.all().keySet().stream();
  }

  private static ModelConfig read(String json) {
    return HuggingFaceConfig.read(
        ConfigJson.parse(Path.of("config.json"), "{" + json.replace('\'', '"') + "}"));
  }

  private static LlamaConfig llama(String more) {
    return (LlamaConfig) read(LLAMA + more);
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void whatIsWrittenIsReadAgain(String shape) {
    ModelConfig config = HuggingFaceConfig.read(ModelShapes.json(shape));
    Path file = folder.resolve("config.json");
    ConfigJson.write(file, HuggingFaceConfig.write(config, List.of(1, 2), DType.BF16));
    ConfigJson again = ConfigJson.read(file);
    assertThat(HuggingFaceConfig.read(again)).isEqualTo(config);
    assertThat(again.ints("eos_token_id", 0, 9)).containsExactly(1, 2);
    assertThat(again.requireString("dtype")).isEqualTo("bfloat16");
  }

  @Test
  void olderFormsMeanTheSame() {
    LlamaConfig present =
        llama(
            ", 'head_dim': 6, 'dtype': 'float32', 'rope_parameters': {'rope_theta': 5e5,"
                + " 'rope_type': 'llama3', 'factor': 8.0, 'low_freq_factor': 1.0,"
                + " 'high_freq_factor': 4.0, 'original_max_position_embeddings': 32}");
    LlamaConfig older =
        llama(
            ", 'torch_dtype': 'bfloat16', 'rope_theta': 500000, 'pretraining_tp': 1,"
                + " 'rope_scaling': {'type': 'llama3', 'factor': 8.0, 'low_freq_factor': 1.0,"
                + " 'high_freq_factor': 4.0, 'original_max_position_embeddings': 32},"
                + " 'eos_token_id': [1, 2], 'attention_bias': null, 'head_dim': null,"
                + " 'sliding_window': null");
    assertThat(older).isEqualTo(present);
    assertThat(present.ropeTheta()).isEqualTo(500_000);
    assertThat(present.ropeScaling()).isEqualTo(new RopeScaling.Llama3(8, 1, 4, 32));
    assertThat(llama(", 'rope_scaling': null")).isEqualTo(llama(""));
    assertThat(llama(", 'rope_scaling': {'type': 'linear', 'factor': 2}").ropeScaling())
        .isEqualTo(new RopeScaling.Linear(2));
  }

  @Test
  void absentKeysAreTheLibrarysDefaults() {
    LlamaConfig config = llama("");
    assertThat(config.headSize()).isEqualTo(6);
    assertThat(config.contextLength()).isEqualTo(2048);
    assertThat(config.epsilon()).isEqualTo(1e-6f);
    assertThat(config.ropeTheta()).isEqualTo(10_000);
    assertThat(config.tiedHead()).isFalse();
    assertThat(config.activation()).isEqualTo(ActivationFunction.SILU);
    Gpt2Config gpt2 = (Gpt2Config) read("'model_type': 'gpt2', 'vocab_size': 50257");
    assertThat(gpt2).isEqualTo(Gpt2Config.of(50257, 1024, 768, 12, 12).withDropout(0.1f));
    LlamaConfig mistral = (LlamaConfig) read(LLAMA.replace("'llama'", "'mistral'"));
    assertThat(mistral.windows()).containsExactly(4096, 4096);
    LlamaConfig qwen3 = (LlamaConfig) read(LLAMA.replace("'llama'", "'qwen3'"));
    assertThat(qwen3.headSize()).isEqualTo(128);
    assertThat(qwen3.windows()).containsExactly(0, 0);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '#',
      value = {
        "'num_attention_heads': 10 | \"hidden_size\" is 24 and \"num_attention_heads\" is 10",
        "'num_key_value_heads': 3 | \"num_attention_heads\" is 4 and \"num_key_value_heads\" is 3",
        "'num_key_value_heads': 0 | \"num_key_value_heads\" is 0",
        "'head_dim': 7 | \"head_dim\" is 7",
        "'hidden_size': -24 | \"hidden_size\" is -24",
        "'hidden_size': '24' | \"hidden_size\" is",
        "'hidden_size': 24.5 | \"hidden_size\" is 24.5",
        "'vocab_size': 99999999999 | \"vocab_size\" is 99999999999",
        "'vocab_size': null | \"vocab_size\" is",
        "'hidden_act': 'tanhshrink' | \"hidden_act\" is",
        "'rms_norm_eps': -1 | \"rms_norm_eps\" is -1",
        "'model_type': 'mamba' | \"model_type\" is",
        "'model_type': 7 | \"model_type\" is 7",
        "'rope_scaling': {'type': 'yarn', 'factor': 2} | \"rope_scaling.type\" is",
        "'rope_scaling': {'type': 'linear'} | \"rope_scaling.factor\" is missing",
        "'rope_scaling': 3 | \"rope_scaling\" is 3",
        "'tie_word_embeddings': 'yes' | \"tie_word_embeddings\" is",
        "'model_type': 'qwen2', 'use_sliding_window': true, 'layer_types': ['full_attention']"
            + " | \"layer_types\" is",
        "'model_type': 'qwen2', 'layer_types': ['sliding_attention', 'full_attention']"
            + " | a sliding layer has no window",
        "'model_type': 'qwen2', 'layer_types': ['linear_attention', 'full_attention']"
            + " | \"layer_types\" is",
        "'model_type': 'gpt2', 'n_embd': 10, 'n_head': 3 | \"n_embd\" is 10 and \"n_head\" is 3",
        "'model_type': 'gpt2', 'add_cross_attention': true | \"add_cross_attention\" is true",
      })
  void whatDoesNotFitIsOneSentence(String wrong, String part) {
    // A later key would be a duplicate, so what is wrong takes the place of what is right.
    String json = LLAMA;
    for (String key : List.of("model_type", "vocab_size", "hidden_size", "num_attention_heads")) {
      json =
          wrong.contains("'" + key + "'") ? json.replaceFirst("'" + key + "': [^,]*, ?", "") : json;
    }
    String kept =
        wrong.contains("'num_key_value_heads'")
            ? json.replaceFirst(" 'num_key_value_heads': 2,", "")
            : json;
    assertThatThrownBy(() -> read(kept + ", " + wrong))
        .isInstanceOf(FormatException.class)
        .hasMessageStartingWith("config.json: ")
        .hasMessageContaining(part)
        .hasMessageEndingWith(".")
        .hasMessageNotContaining("\n");
  }
}
