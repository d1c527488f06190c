package org.quern.app;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.quern.data.Corpus;
import org.quern.data.DefaultCorpus;
import org.quern.text.BpeTrainer;
import org.quern.text.ByteTokenizer;
import org.quern.text.CharacterTokenizer;
import org.quern.text.Tokenizer;
import org.quern.text.Tokenizers;
import picocli.CommandLine.Option;

/** What is trained on, and as which tokens. */
final class DataOptions {
  private static final Set<String> KINDS = Set.of("characters", "bytes", "bpe");

  @Option(
      names = "--data",
      paramLabel = "PATH",
      description = "A UTF-8 text file or a folder of them (default: Java sources of this JDK).")
  private @Nullable Path data;

  @Option(
      names = "--tokens",
      paramLabel = "KIND",
      description =
          "characters, bytes, bpe (learned from the text), or the folder of a tokenizer.json"
              + " (default: bpe).")
  private @Nullable String tokens;

  @Option(
      names = "--vocabulary",
      paramLabel = "N",
      defaultValue = "1024",
      description = "Number of tokens for bpe (default: ${DEFAULT-VALUE}).")
  private int vocabulary;

  @Option(
      names = "--held-out",
      paramLabel = "SHARE",
      defaultValue = "0.1",
      description = "Share of the text, at its end, kept for validation (default: 0.1).")
  private double heldOut;

  /** Finds what is wrong before any text is read. */
  void check() {
    if (!(heldOut > 0 && heldOut < 1)) {
      throw new AppException(
          "The held-out share is " + heldOut + "; choose one between 0 and 1, such as 0.1.");
    }
    String kind = tokens;
    if (kind != null && !KINDS.contains(kind) && !Files.exists(Path.of(kind))) {
      throw new AppException(
          "There are no tokens "
              + kind
              + "; choose characters, bytes, bpe, or a folder that has a tokenizer.json.");
    }
  }

  double heldOut() {
    return heldOut;
  }

  Corpus corpus() {
    Path path = data;
    return path == null ? DefaultCorpus.find() : Corpus.of(path);
  }

  /** The tokens of a corpus; {@code own} is that of a model that is trained further. */
  Tokenizer tokenizer(Corpus corpus, Optional<Tokenizer> own) {
    String kind = tokens;
    if (own.isPresent()) {
      if (kind != null) {
        throw new AppException(
            "A model that is trained further keeps its tokens; leave --tokens out.");
      }
      return own.get();
    }
    String chosen = kind == null ? "bpe" : kind;
    return switch (chosen) {
      case "characters" -> {
        CharacterTokenizer.Builder builder = new CharacterTokenizer.Builder();
        corpus.forEachChunk(builder::add);
        yield builder.build();
      }
      case "bytes" -> new ByteTokenizer();
      case "bpe" -> {
        BpeTrainer trainer = new BpeTrainer(vocabulary);
        corpus.forEachChunk(trainer::add);
        yield trainer.train();
      }
      default -> Tokenizers.read(Path.of(chosen));
    };
  }
}
