package org.quern.text;

/**
 * Streams the text of a tokenizer of which only whole decoding is known: the last group of ids is
 * decoded alone and together with the new ones, and the difference is the new text. A group ends
 * where the text is certain not to change: not after half a character, and not inside a run of byte
 * tokens, which Hugging Face's {@code ByteFallback} decodes as a whole or not at all.
 */
final class WindowStreamingDecoder implements StreamingDecoder {
  private final HuggingFaceTokenizer tokenizer;
  private final IntList ids = new IntList(64);
  private int groupEnd;
  private String groupText = "";

  WindowStreamingDecoder(HuggingFaceTokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  @Override
  public String push(int id) {
    if (tokenizer.isSpecial(id)) {
      return "";
    }
    ids.add(id);
    if (tokenizer.isByteToken(id)) {
      return "";
    }
    String text = tokenizer.decode(ids.toArray(), true);
    if (text.endsWith("\uFFFD") || !text.startsWith(groupText)) {
      return "";
    }
    String fresh = text.substring(groupText.length());
    advance(text);
    return fresh;
  }

  @Override
  public String finish() {
    String text = ids.size() == 0 ? "" : tokenizer.decode(ids.toArray(), true);
    String rest = text.startsWith(groupText) ? text.substring(groupText.length()) : "";
    ids.clear();
    groupEnd = 0;
    groupText = "";
    return rest;
  }

  private void advance(String text) {
    String alone = tokenizer.decode(ids.toArray(groupEnd), true);
    if (alone.isEmpty()) {
      // A window of no text would hide from what follows that something went before.
      groupText = text;
      return;
    }
    ids.removeFirst(groupEnd);
    groupEnd = ids.size();
    groupText = alone;
  }
}
