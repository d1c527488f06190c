package org.quern.text;

/** Streams the text of a tokenizer whose tokens are bytes. */
final class ByteStreamingDecoder implements StreamingDecoder {

  /** The bytes of a token; none for one that decoding leaves out. */
  @FunctionalInterface
  interface TokenBytes {
    byte[] of(int id);
  }

  private final TokenBytes tokens;
  private final Utf8Decoder decoder = new Utf8Decoder();
  private final StringBuilder out = new StringBuilder();

  ByteStreamingDecoder(TokenBytes tokens) {
    this.tokens = tokens;
  }

  @Override
  public String push(int id) {
    decoder.push(tokens.of(id), out);
    return take();
  }

  @Override
  public String finish() {
    decoder.finish(out);
    return take();
  }

  private String take() {
    if (out.isEmpty()) {
      return "";
    }
    String text = out.toString();
    out.setLength(0);
    return text;
  }
}
