package org.quern.app;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.quern.text.Tokenizer;
import org.quern.text.Tokenizers;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quern tokenize}. */
@Command(
    name = "tokenize",
    description = "Shows a text's tokens, or the text of token ids.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    footer = {
      "",
      "Examples:",
      "  quern tokenize models/stories260k 'Once upon a time'",
      "  quern tokenize models/stories260k --decode '1 403 407 261 378'"
    })
final class TokenizeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Parameters(
      index = "0",
      paramLabel = "TOKENIZER",
      description = "A tokenizer.json, or a folder that has one.")
  private Path tokenizer = Path.of("");

  @Parameters(
      index = "1",
      paramLabel = "TEXT",
      description = "The text, or with --decode the ids; - reads it from the standard input.")
  private String text = "";

  @Option(names = "--decode", description = "Turn ids into text.")
  private boolean decode;

  @Option(names = "--ids", description = "Print the ids alone, on one line.")
  private boolean idsOnly;

  @Option(names = "--no-special", description = "Add no special tokens, such as a leading <s>.")
  private boolean noSpecial;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    String input = Input.text(text);
    try (Tokenizer tokens = Tokenizers.read(ModelPath.resolve(tokenizer))) {
      if (decode) {
        out.println(tokens.decode(parseIds(input), false));
      } else {
        print(tokens, tokens.encode(input, !noSpecial), out);
      }
    }
    out.flush();
    return 0;
  }

  private void print(Tokenizer tokens, int[] ids, PrintWriter out) {
    if (idsOnly) {
      out.println(Arrays.stream(ids).mapToObj(Integer::toString).collect(Collectors.joining(" ")));
      return;
    }
    for (int id : ids) {
      out.printf("%8d  %s%n", id, tokens.token(id));
    }
    out.println(ids.length + " tokens; " + tokens.describe());
  }

  private static int[] parseIds(String input) {
    if (input.isBlank()) {
      return new int[0];
    }
    String[] words = input.strip().split("[\\s,]+", -1);
    int[] ids = new int[words.length];
    for (int index = 0; index < words.length; index++) {
      if (!words[index].matches("[0-9]{1,9}")) {
        throw new AppException(
            "'" + words[index] + "' is no token id; give whole numbers with spaces between.");
      }
      ids[index] = Integer.parseInt(words[index]);
    }
    return ids;
  }
}
