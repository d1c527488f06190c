package org.quern.app;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/** Finds who can take part in a contest on this machine, and says why the others cannot. */
final class Contestants {
  private static final String PACKAGE = "org.quern.peers.";
  private static final String TRAINING_SCRIPT = "pytorch_gpt_step.py";
  private static final String GENERATION_SCRIPT = "transformers_generation.py";
  private static final String BEST = "pytorch-best";

  /** Our tiers of CPUs on which PyTorch computes BF16 slowly. */
  private static final List<String> NO_FAST_BF16 = List.of("avx2", "avx2_vnni");

  private static final List<String> F32_ONLY = List.of("libtorch", "mkl", "onnxruntime");

  /** As its own script has it. */
  private static final List<String> JLAMA =
      List.of(
          "--add-modules=jdk.incubator.vector",
          "--add-opens=jdk.incubator.vector/jdk.incubator.vector=ALL-UNNAMED",
          "-Djdk.incubator.vector.VECTOR_ACCESS_OOB_CHECK=0");

  /** Floats of the vectors that it adds activations up in, on AVX2. */
  private static final int JLAMA_WIDTH = 8;

  private static final int SECONDS_TO_IMPORT = 120;

  private final Contest contest;
  private final Path peers;
  private final List<String> wanted;
  private final List<Contestant> present = new ArrayList<>();
  private final List<Contestant.LeftOut> absent = new ArrayList<>();

  /**
   * @param peers where {@code bench/peers} was built
   * @param wanted the peers' names; all if empty
   */
  Contestants(Contest contest, Path peers, List<String> wanted) {
    this.contest = contest;
    this.peers = peers;
    this.wanted = wanted;
    present.add(ours());
    switch (contest.work()) {
      case TRAIN -> training();
      case MATMUL -> {
        jvm("mkl", "MklMatmul", this::products);
        jvm("onednn", "OneDnnMatmul", this::products);
      }
      case GENERATE -> {
        jvm("llama.cpp", "LlamaCppGeneration", this::generation);
        jvm("onnxruntime", "OnnxGeneration", this::onnx);
        jvm("jlama", "JlamaGeneration", this::jlama, JLAMA);
        python(
            "transformers",
            List.of(
                new Script(
                    "transformers",
                    GENERATION_SCRIPT,
                    contest.precision(),
                    false,
                    this::generation),
                new Script(
                    "transformers-compiled",
                    GENERATION_SCRIPT,
                    contest.precision(),
                    true,
                    this::generation)));
      }
    }
  }

  /** All names of peers. */
  static List<String> names() {
    return List.of(
        "libtorch",
        "pytorch",
        "pytorch-compiled",
        BEST,
        "mkl",
        "onednn",
        "llama.cpp",
        "onnxruntime",
        "jlama",
        "transformers",
        "transformers-compiled");
  }

  /** Those that take part, we first. */
  List<Contestant> present() {
    return List.copyOf(present);
  }

  List<Contestant.LeftOut> absent() {
    return List.copyOf(absent);
  }

  private Contestant ours() {
    List<String> command = new ArrayList<>(java());
    if (ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()) {
      command.addAll(List.of("--add-modules", "jdk.incubator.vector"));
    }
    String classPath =
        Stream.of("jdk.module.path", "java.class.path")
            .map(name -> System.getProperty(name, ""))
            .filter(path -> !path.isEmpty())
            .collect(Collectors.joining(File.pathSeparator));
    command.addAll(List.of("-cp", classPath, Main.class.getName()));
    command.addAll(contest.arguments());
    return new Contestant(Contestant.OURS, sizes -> command, Map.of());
  }

  /** A JVM such as the script starts. */
  static List<String> java() {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",
        "--enable-native-access=ALL-UNNAMED",
        "-Djava.awt.headless=true");
  }

  private boolean isWanted(String name) {
    return wanted.isEmpty() || wanted.contains(name);
  }

  private void leaveOut(String name, String reason) {
    if (isWanted(name)) {
      absent.add(new Contestant.LeftOut(name, reason));
    }
  }

  /** A peer that is a program of {@code bench/peers}. */
  private void jvm(String name, String main, Function<JsonNode, List<String>> arguments) {
    jvm(name, main, arguments, List.of());
  }

  /** The same with further options of the JVM. */
  private void jvm(
      String name, String main, Function<JsonNode, List<String>> arguments, List<String> options) {
    if (!isWanted(name)) {
      return;
    }
    if (!contest.precision().equals("f32") && F32_ONLY.contains(name)) {
      leaveOut(name, "it is measured in f32 only, and we compute in " + contest.precision());
    } else if (!Files.isDirectory(peers.resolve("lib"))) {
      leaveOut(name, "it is not built; run mvn -Ppeers -f bench/peers package with a network");
    } else {
      present.add(
          new Contestant(
              name,
              sizes -> {
                List<String> command = new ArrayList<>(java());
                command.addAll(options);
                command.addAll(
                    List.of(
                        "-Dai.djl.offline=true",
                        "-Dai.djl.pytorch.num_threads=" + contest.threads(),
                        "-Dai.djl.pytorch.num_interop_threads=1",
                        "-cp",
                        peers.resolve("classes") + File.pathSeparator + peers.resolve("lib/*"),
                        PACKAGE + main));
                command.addAll(arguments.apply(sizes));
                return command;
              },
              environment()));
    }
  }

  private Map<String, String> environment() {
    String threads = String.valueOf(contest.threads());
    return Map.of(
        "OMP_NUM_THREADS",
        threads,
        "MKL_NUM_THREADS",
        threads,
        "DJL_CACHE_DIR",
        peers.resolve("djl").toString());
  }

  private List<String> products(JsonNode ours) {
    String shapes =
        ours.path("shapes")
            .valueStream()
            .map(row -> row.path("shape").asString())
            .collect(Collectors.joining(","));
    List<String> arguments = new ArrayList<>();
    Contest.option(arguments, "--threads", contest.threads());
    Contest.option(arguments, "--shapes", shapes);
    Contest.option(arguments, "--precision", contest.precision());
    return arguments;
  }

  private List<String> onnx(JsonNode ours) {
    if (ours.path("sizes").path("head-size").asInt() % 16 != 0) {
      throw new AppException("its attention takes heads of a multiple of 16 channels only");
    }
    return llama(ours);
  }

  private List<String> jlama(JsonNode ours) {
    JsonNode sizes = ours.path("sizes");
    int queries = sizes.path("heads").asInt() * sizes.path("head-size").asInt();
    if (queries != sizes.path("channels").asInt()) {
      throw new AppException("it takes no heads whose sizes do not add up to the channels");
    }
    if (sizes.path("feed-forward").asInt() % JLAMA_WIDTH != 0) {
      throw new AppException(
          "its kernels take feed-forward sizes of a multiple of " + JLAMA_WIDTH + " only");
    }
    return llama(ours);
  }

  private List<String> llama(JsonNode ours) {
    String family = ours.path("sizes").path("family").asString("");
    if (family.equals("gpt2")) {
      throw new AppException("its model is built for the family llama only, and this one is gpt2");
    }
    return generation(ours);
  }

  /** What the models that the peers are given lack would be work that we alone do. */
  private static void refuseFeatures(JsonNode ours) {
    JsonNode features = ours.path(BenchReport.FEATURES);
    if (!features.isEmpty()) {
      throw new AppException(
          "its model is built without "
              + features
                  .valueStream()
                  .map(JsonNode::asString)
                  .collect(Collectors.joining(" and without "))
              + ", which this one has");
    }
  }

  private List<String> generation(JsonNode ours) {
    refuseFeatures(ours);
    if (contest.batch() != 1) {
      throw new AppException(
          "it is measured with one sequence, and we write " + contest.batch() + " side by side");
    }
    List<String> arguments = sizes(ours);
    Contest.option(arguments, "--prompt", ours.path("prompt").asInt());
    Contest.option(arguments, "--tokens", ours.path("tokens").asInt());
    Contest.option(arguments, "--precision", contest.precision());
    return arguments;
  }

  private List<String> sizes(JsonNode ours) {
    List<String> arguments = new ArrayList<>();
    ours.path("sizes")
        .propertyStream()
        .forEach(
            size -> Contest.option(arguments, "--" + size.getKey(), size.getValue().asString()));
    Contest.option(arguments, "--batch", contest.batch());
    Contest.option(arguments, "--context", contest.context());
    Contest.option(arguments, "--threads", contest.threads());
    return arguments;
  }

  private void training() {
    jvm("libtorch", "LibtorchTraining", this::gpt2Sizes);
    python(
        "torch",
        List.of(
            new Script("pytorch", TRAINING_SCRIPT, "f32", false, this::gpt2Sizes),
            new Script("pytorch-compiled", TRAINING_SCRIPT, "f32", true, this::gpt2Sizes),
            new Script(BEST, TRAINING_SCRIPT, "bf16", true, this::bestSizes)));
  }

  /**
   * Without instructions for it PyTorch's BF16 is no setting to be measured in, unless it was asked
   * for.
   */
  static void refuseSlowBf16(JsonNode ours, List<String> wanted) {
    String tier = ours.path("tier").asString("");
    if (!wanted.contains(BEST) && NO_FAST_BF16.contains(tier)) {
      throw new AppException(
          "PyTorch's bf16 takes many times as long as its f32 without AVX-512 or AMX, and we run on "
              + tier
              + " here; --peer "
              + BEST
              + " measures it all the same");
    }
  }

  private List<String> bestSizes(JsonNode ours) {
    refuseSlowBf16(ours, wanted);
    return gpt2Sizes(ours);
  }

  /** A peer in Python: a script of {@code bench/peers}, and how it computes. */
  private record Script(
      String name,
      String file,
      String precision,
      boolean compiled,
      Function<JsonNode, List<String>> arguments) {}

  /** Peers that need a module of Python, which is not looked for if none of them is wanted. */
  private void python(String module, List<Script> scripts) {
    List<Script> chosen = scripts.stream().filter(script -> isWanted(script.name())).toList();
    if (chosen.isEmpty()) {
      return;
    }
    boolean found = hasModule(module);
    for (Script script : chosen) {
      Path file = peers.resolve("classes").resolve(script.file());
      if (!Files.isRegularFile(file)) {
        leaveOut(script.name(), "its script is not built; run mvn -Ppeers -f bench/peers package");
      } else if (!found) {
        leaveOut(script.name(), "python3 has no module " + module + " here; pip install " + module);
      } else {
        present.add(
            new Contestant(
                script.name(),
                sizes -> {
                  List<String> command = new ArrayList<>(List.of("python3", file.toString()));
                  command.addAll(script.arguments().apply(sizes));
                  // The last of two counts: ours may be another.
                  Contest.option(command, "--precision", script.precision());
                  Contest.option(command, "--compile", script.compiled() ? 1 : 0);
                  return command;
                },
                environment()));
      }
    }
  }

  private List<String> gpt2Sizes(JsonNode ours) {
    String family = ours.path("sizes").path("family").asString("");
    if (!family.equals("gpt2")) {
      throw new AppException("it is built for the family gpt2 only, and this one is " + family);
    }
    return sizes(ours);
  }

  private static boolean hasModule(String module) {
    try {
      Process process =
          new ProcessBuilder("python3", "-c", "import " + module)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      boolean ended = process.waitFor(SECONDS_TO_IMPORT, TimeUnit.SECONDS);
      process.destroyForcibly();
      return ended && process.exitValue() == 0;
    } catch (IOException noPython) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
