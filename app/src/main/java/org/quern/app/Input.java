package org.quern.app;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Text that comes as an argument or, for {@code -}, on the standard input. */
final class Input {
  private Input() {}

  static String text(String argument) {
    if (!argument.equals("-")) {
      return argument;
    }
    try {
      byte[] bytes = System.in.readAllBytes();
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new AppException("The standard input is not UTF-8; convert it first.");
    } catch (IOException e) {
      throw new AppException("The standard input cannot be read: " + e.getMessage() + ".");
    }
  }
}
