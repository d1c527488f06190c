package org.quern.peers;

import java.util.HashMap;
import java.util.Map;

/** Arguments of the form {@code --name value}. */
final class Options {
  private final Map<String, String> values = new HashMap<>();

  Options(String[] arguments) {
    for (int i = 0; i + 1 < arguments.length; i += 2) {
      values.put(arguments[i], arguments[i + 1]);
    }
  }

  String text(String name) {
    String value = values.get("--" + name);
    if (value == null) {
      throw new IllegalArgumentException("The option --" + name + " is missing.");
    }
    return value;
  }

  int number(String name) {
    return Integer.parseInt(text(name));
  }
}
