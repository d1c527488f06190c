package org.quern.model;

import java.util.List;
import org.quern.ir.Graph;
import org.quern.ir.Parameter;
import org.quern.ir.ParameterLayout;
import org.quern.ir.Value;
import org.quern.ir.op.Matmul;

/**
 * An architecture that predicts the next token: its parameters, and how a graph computes logits
 * with them. Described once for training, evaluation and generation; a {@link Pass} tells which it
 * is. Immutable.
 */
public sealed interface CausalLanguageModel permits Gpt2, Llama {
  /** The sizes and settings. */
  ModelConfig config();

  /** The parameters under the names of Hugging Face's files, in a fixed order. */
  List<Parameter> parameters();

  /** The parameters' place in memory. */
  default ParameterLayout layout() {
    return new ParameterLayout(parameters());
  }

  /**
   * Appends everything up to the last norm. Result: {@code [batch, time, channels]}, or of each
   * sequence the row to predict after, {@code [batch, 1, channels]} ({@link Pass#wanted}).
   */
  Value hidden(Pass pass);

  /** The weights of the head: {@code [vocabulary, channels]}. */
  Value head(Graph graph);

  /**
   * Appends the head.
   *
   * @param hidden what {@link #hidden} gives
   * @return {@code [batch, time, vocabulary]}, or of the same rows alone
   */
  default Value logits(Pass pass, Value hidden) {
    return Matmul.linear(pass.graph(), hidden, head(pass.graph()), Value.NONE);
  }

  /** The architecture of a configuration. */
  static CausalLanguageModel of(ModelConfig config) {
    return switch (config) {
      case Gpt2Config gpt2 -> new Gpt2(gpt2);
      case LlamaConfig llama -> new Llama(llama);
    };
  }
}
