package org.quern.data;

import java.io.IOException;
import java.io.InputStream;

/** One text of a corpus, in UTF-8, read as often as asked for. */
public interface Document {

  /** A name for messages: the path of a file. */
  String name();

  /** Its size in bytes. */
  long bytes();

  /** Opens the text; whoever opens it closes it. */
  InputStream open() throws IOException;
}
