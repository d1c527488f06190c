package org.quern.app;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Reads calls of {@code generate} that are written plainly, {@code --name value} and no more,
 * without Picocli, whose classes are too old for a cache of classes and make up a good part of a
 * start. Whatever it is not sure of it leaves to Picocli: other ways of writing, help, and
 * everything that is wrong.
 */
final class PlainCall {
  // So many digits stay exact in an int.
  private static final int MOST_DIGITS = 9;

  private PlainCall() {}

  /** The command with its options set as Picocli would; nothing where Picocli has to read them. */
  static Optional<GenerateCommand> read(String... arguments) {
    if (arguments.length == 0 || !arguments[0].equals("generate")) {
      return Optional.empty();
    }
    GenerateCommand command = new GenerateCommand();
    Set<String> names = new HashSet<>();
    List<String> texts = new ArrayList<>();
    for (int index = 1; index < arguments.length; index++) {
      String argument = arguments[index];
      if (argument.isEmpty()) {
        return Optional.empty();
      }
      if (argument.charAt(0) != '-') {
        texts.add(argument);
        continue;
      }
      index++;
      if (index == arguments.length
          || !names.add(argument)
          || !isPlain(arguments[index])
          || !command.set(argument, arguments[index])) {
        return Optional.empty();
      }
    }
    return command.setTexts(texts) ? Optional.of(command) : Optional.empty();
  }

  private static boolean isPlain(String value) {
    return !value.isEmpty() && value.charAt(0) != '-';
  }

  /**
   * Whether it is written with digits alone, the first of them not 0, and few enough for an int.
   */
  static boolean isWhole(String value) {
    return value.length() <= MOST_DIGITS
        && areDigits(value)
        && (value.charAt(0) != '0' || value.length() == 1);
  }

  /** Whether it is digits, or digits, a point and digits. */
  static boolean isDecimal(String value) {
    int point = value.indexOf('.');
    return point < 0
        ? areDigits(value)
        : areDigits(value.substring(0, point)) && areDigits(value.substring(point + 1));
  }

  private static boolean areDigits(String value) {
    for (int index = 0; index < value.length(); index++) {
      if (value.charAt(index) < '0' || value.charAt(index) > '9') {
        return false;
      }
    }
    return !value.isEmpty();
  }
}
