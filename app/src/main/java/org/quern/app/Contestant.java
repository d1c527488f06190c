package org.quern.app;

import java.util.List;
import java.util.Map;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;

/**
 * Who takes part in a contest, in a process of its own that prints one JSON object last.
 *
 * @param name who it is
 * @param command the process, once our own first result has told the model's sizes
 * @param environment variables for it
 */
record Contestant(
    String name, Function<JsonNode, List<String>> command, Map<String, String> environment) {
  /** The name that we go by. */
  static final String OURS = "quern";

  /** Copies the variables. */
  Contestant {
    environment = Map.copyOf(environment);
  }

  /**
   * Who does not take part.
   *
   * @param name who it is
   * @param reason why not, and what would change it
   */
  record LeftOut(String name, String reason) {}
}
