package org.quern.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Map;

/** The library behind {@link org.quern.text.HuggingFaceTokenizer}: loading it and its failures. */
final class HuggingFaceLibrary {
  private HuggingFaceLibrary() {}

  /** Opens a tokenizer, loading the library if that has not happened yet. */
  static HuggingFaceTokenizer open(Tokenizers.Source source) {
    byte[] content = LibraryGuard.check(source);
    stayOffline();
    try {
      return HuggingFaceTokenizer.newInstance(
          new ByteArrayInputStream(content),
          Map.of("truncation", "do_not_truncate", "padding", "do_not_pad"));
    } catch (LinkageError e) {
      throw notLoaded(source, e);
    } catch (IOException | RuntimeException e) {
      // The library reports everything, its own loading included, as RuntimeException.
      if (e instanceof ai.djl.engine.EngineException) {
        throw notLoaded(source, e);
      }
      throw new TokenizerException(
          source.file()
              + " cannot be read by Hugging Face's library ("
              + firstLine(e)
              + "); fetch or write it again.",
          e);
    }
  }

  /** The ids of a text. */
  static long[] encode(HuggingFaceTokenizer library, String text, boolean addSpecialTokens) {
    try {
      return library.encode(text, addSpecialTokens, false).getIds();
    } catch (RuntimeException e) {
      // The library has no other type for a text that its vocabulary cannot express.
      throw new TokenizerException(
          "The text cannot be encoded ("
              + firstLine(e)
              + "); use a tokenizer with a token for what is unknown.",
          e);
    }
  }

  /** The text of ids that the vocabulary has. */
  static String decode(HuggingFaceTokenizer library, long[] ids, boolean skipSpecialTokens) {
    try {
      return library.decode(ids, skipSpecialTokens);
    } catch (RuntimeException e) {
      // As above.
      throw new TokenizerException(
          "The ids cannot be decoded (" + firstLine(e) + "); check the tokenizer's decoder.", e);
    }
  }

  /** DJL would otherwise look for a GPU flavour to download and report its use to its makers. */
  private static void stayOffline() {
    if (System.getProperty("ai.djl.offline") == null) {
      System.setProperty("ai.djl.offline", "true");
    }
    if (System.getProperty("OPT_OUT_TRACKING") == null) {
      System.setProperty("OPT_OUT_TRACKING", "true");
    }
  }

  private static TokenizerException notLoaded(Tokenizers.Source source, Throwable e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String reason = firstLine(root);
    if (reason.startsWith("Unexpected flavor")) {
      reason =
          "its native library could not be unpacked into "
              + ai.djl.util.Utils.getEngineCacheDir("tokenizers");
    }
    return new TokenizerException(
        source.file()
            + " holds a "
            + source.definition().modelType()
            + " tokenizer, for which Quern needs Hugging Face's library, and that cannot be loaded"
            + " here ("
            + reason
            + "); use glibc Linux, macOS or Windows on a common processor, and a writable home or"
            + " DJL_CACHE_DIR.",
        e);
  }

  private static String firstLine(Throwable e) {
    String message = String.valueOf(e.getMessage());
    return message.lines().findFirst().orElse(message);
  }
}
