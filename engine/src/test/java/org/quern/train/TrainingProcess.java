package org.quern.train;

import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.quern.model.Gpt2Config;

/** What tests run in a process of its own: to be killed, to fill a disk, or to be weighed. */
final class TrainingProcess {
  /** Steps of the training that is killed. */
  static final int STEPS = 200;

  private static final int STEPS_TO_COMPILE = 20_000;

  private TrainingProcess() {}

  /**
   * Runs {@code train FOLDER}, {@code fill FOLDER}, {@code cycles COUNT} or {@code allocation
   * BACKEND}; prints what happens, a line each.
   */
  public static void main(String[] arguments) throws IOException {
    switch (arguments[0]) {
      case "train" -> train(Path.of(arguments[1]), System.out::println);
      case "fill" -> fill(Path.of(arguments[1]));
      case "cycles" -> cycles(Integer.parseInt(arguments[1]));
      case "allocation" -> allocation(arguments[1]);
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  /** Tells where it resumed and each checkpoint; one process or many, the end is the same. */
  static void train(Path folder, Consumer<String> told) {
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void onCheckpoint(Checkpoint checkpoint) {
            told.accept("saved " + checkpoint.step());
          }

          @Override
          public void onNotice(String sentence) {
            told.accept("notice " + sentence);
          }
        };
    try (TrainingFixture fixture =
            TrainingFixture.open(TrainingFixture.anyBackend(), TrainingFixture.gpt2(0.2f), 2);
        Trainer trainer =
            fixture.trainer(
                TrainingFixture.batches(),
                TrainingFixture.options(STEPS).withFolder(folder).withCheckpoints(2, 2),
                listener)) {
      told.accept("resumed " + trainer.resume().map(Checkpoint::step).orElse(0L));
      told.accept("end " + trainer.train().step());
    }
  }

  private static void fill(Path folder) throws IOException {
    try (TrainingFixture fixture = TrainingFixture.open(TrainingFixture.gpt2(0))) {
      try (Trainer trainer =
          fixture.trainer(
              TrainingFixture.batches(),
              TrainingFixture.options(9).withFolder(folder).withCheckpoints(2, 2),
              TrainingListener.NONE)) {
        trainer.train();
        System.out.println("end");
      } catch (TrainingException e) {
        System.out.println(e.getMessage());
      }
    }
    try (Stream<Path> found = Files.list(folder)) {
      System.out.println(found.map(path -> path.getFileName().toString()).sorted().toList());
    }
    System.out.println(
        "intact " + Checkpoint.newest(folder, System.out::println).map(Checkpoint::step));
  }

  /** Prints the resident memory in KiB now and then, and whether everything was given back. */
  private static void cycles(int count) throws IOException {
    Gpt2Config config =
        Gpt2Config.of(TrainingFixture.TOKENIZER.vocabularySize(), 32, 128, 2, 4).withDropout(0.1f);
    for (int cycle = 1; cycle <= count; cycle++) {
      TrainingFixture fixture = TrainingFixture.open(TrainingFixture.anyBackend(), config, 2);
      try (fixture;
          Trainer trainer =
              fixture.trainer(
                  TrainingFixture.batches(), TrainingFixture.options(2), TrainingListener.NONE)) {
        trainer.train();
      }
      long left = fixture.engine.backend().memory().allocated();
      if (left != 0) {
        System.out.println("left " + left);
      }
      if (cycle % 50 == 0) {
        System.out.println("resident " + resident());
      }
    }
  }

  /**
   * Trains until a hundred steps allocate nothing, or the JVM had time enough to compile it all.
   */
  private static void allocation(String backend) {
    int vocabulary = TrainingFixture.TOKENIZER.vocabularySize();
    Gpt2Config config = Gpt2Config.of(vocabulary, 16, 32, 1, 2).withDropout(0.1f);
    try (TrainingFixture fixture = TrainingFixture.open(backend, config, 2)) {
      AllocationCounter counter = new AllocationCounter();
      TrainingOptions options = TrainingFixture.options(STEPS_TO_COMPILE).withAccumulation(2);
      try (Trainer trainer = fixture.trainer(TrainingFixture.batches(), options, counter)) {
        counter.stops(trainer);
        long slabs = fixture.engine.backend().memory().allocated();
        trainer.train();
        System.out.printf(
            "in all %d bytes by the caller, off the heap %d%n",
            counter.allByCaller(), fixture.engine.backend().memory().allocated() - slabs);
        System.out.println("in the last hundred steps " + counter.lastHundredSteps());
      }
    }
  }

  private static long resident() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("\\D", ""));
      }
    }
    throw new IOException("/proc/self/status has no VmRSS");
  }

  /** The command that runs this, soon at its full speed. */
  static List<String> command(String... arguments) {
    return command("-XX:TieredStopAtLevel=1", arguments);
  }

  /** The command that runs this with the optimizing compiler. */
  static List<String> compiled(String... arguments) {
    return command("-XX:+TieredCompilation", arguments);
  }

  private static List<String> command(String compiler, String[] arguments) {
    return Stream.concat(
            Stream.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-XX:+UseSerialGC",
                compiler,
                "--add-modules",
                "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                classPath(),
                TrainingProcess.class.getName()),
            Stream.of(arguments))
        .toList();
  }

  private static String classPath() {
    try {
      Path here =
          Path.of(
              Objects.requireNonNull(TrainingProcess.class.getResource("TrainingProcess.class"))
                  .toURI());
      return String.join(
          File.pathSeparator,
          here.getParent().getParent().getParent().getParent().toString(),
          System.getProperty("java.class.path", ""),
          System.getProperty("jdk.module.path", ""));
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
