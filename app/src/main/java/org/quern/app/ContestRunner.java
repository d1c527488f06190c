package org.quern.app;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Runs a contest: a process at a time, one of each contestant in turn, round after round. */
final class ContestRunner {
  private final Contest contest;
  private final Duration limit;
  private final Console console;
  private final List<Contestant.LeftOut> leftOut = new ArrayList<>();
  private final Map<Contestant, List<JsonNode>> results = new LinkedHashMap<>();

  /**
   * @param limit how long a process may take before it is ended
   */
  ContestRunner(Contest contest, Duration limit, Console console) {
    this.contest = contest;
    this.limit = limit;
    this.console = console;
  }

  /**
   * @param contestants who takes part, we first
   * @param absent who does not
   * @param rounds processes of each
   */
  ContestResult run(List<Contestant> contestants, List<Contestant.LeftOut> absent, int rounds) {
    Company company = new Company();
    leftOut.addAll(absent);
    contestants.forEach(contestant -> results.put(contestant, new ArrayList<>()));
    Contestant ours = contestants.getFirst();
    for (int round = 1; round <= rounds; round++) {
      for (Contestant contestant : contestants) {
        if (results.containsKey(contestant)) {
          console.note(contest + ": round " + round + " of " + rounds + ", " + contestant.name());
          run(contestant, ours);
        }
      }
    }
    List<ContestResult.Row> rows = new ArrayList<>();
    results.forEach((who, found) -> rows.add(new ContestResult.Row(who.name(), found)));
    return new ContestResult(contest, rows, List.copyOf(leftOut), company.processors());
  }

  private void run(Contestant contestant, Contestant ours) {
    List<JsonNode> ourResults = results.getOrDefault(ours, List.of());
    JsonNode sizes = ourResults.isEmpty() ? new JsonMapper().nullNode() : ourResults.getFirst();
    List<String> command;
    try {
      command = contestant.command().apply(sizes);
    } catch (AppException cannot) {
      results.remove(contestant);
      leftOut.add(new Contestant.LeftOut(contestant.name(), reason(cannot)));
      return;
    }
    Outcome outcome = process(command, contestant.environment());
    Optional<JsonNode> result = outcome.result();
    if (result.isPresent()) {
      results.getOrDefault(contestant, new ArrayList<>()).add(result.get());
    } else if (contestant.equals(ours)) {
      throw new AppException("Our own benchmark failed: " + outcome.lastWords());
    } else {
      results.remove(contestant);
      leftOut.add(new Contestant.LeftOut(contestant.name(), "failed: " + outcome.lastWords()));
    }
  }

  private static String reason(AppException cannot) {
    return Optional.ofNullable(cannot.getMessage()).orElse("it cannot do this");
  }

  private record Outcome(int code, List<String> out, List<String> errors) {
    /** The JSON object that the process printed last, if it ended well. */
    Optional<JsonNode> result() {
      if (code != 0 || out.isEmpty() || !out.getLast().startsWith("{")) {
        return Optional.empty();
      }
      try {
        return Optional.of(new JsonMapper().readTree(out.getLast()));
      } catch (JacksonException noJson) {
        return Optional.empty();
      }
    }

    /** What tells most about why it failed. */
    String lastWords() {
      String said =
          errors.stream()
              .filter(line -> line.contains("Exception") || line.contains("Error"))
              .findFirst()
              .or(() -> errors.stream().reduce((first, second) -> second))
              .or(() -> out.stream().reduce((first, second) -> second))
              .orElse("it said nothing");
      return said.replaceAll("\\.+$", "") + " (exit code " + code + ").";
    }
  }

  private Outcome process(List<String> command, Map<String, String> environment) {
    try {
      Path out = Files.createTempFile("quern-bench", ".json");
      Path errors = Files.createTempFile("quern-bench", ".txt");
      try {
        ProcessBuilder builder =
            new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(errors.toFile());
        builder.environment().putAll(environment);
        try (ChildProcess child = ChildProcess.start(builder)) {
          return finish(child, out, errors);
        }
      } finally {
        Files.deleteIfExists(out);
        Files.deleteIfExists(errors);
      }
    } catch (IOException e) {
      throw new AppException(
          "The process " + command.getFirst() + " cannot be run: " + e.getMessage() + ".");
    }
  }

  private Outcome finish(ChildProcess child, Path out, Path errors) throws IOException {
    try {
      child.process().getOutputStream().close();
      if (child.process().waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        return new Outcome(child.process().exitValue(), lines(out), lines(errors));
      }
      String overdue = "it took longer than " + limit.toSeconds() + " s; --limit gives more";
      return new Outcome(child.kill(), List.of(), List.of(overdue));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AppException("The comparison was interrupted.");
    }
  }

  private static List<String> lines(Path file) throws IOException {
    return new String(Files.readAllBytes(file), StandardCharsets.UTF_8)
        .lines()
        .map(String::strip)
        .filter(line -> !line.isEmpty())
        .toList();
  }
}
