package org.quern.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.quern.Allocations;
import org.quern.Engine;
import org.quern.Model;
import org.quern.TestEngines;
import org.quern.exec.nativecpu.NativeKernels;
import org.quern.model.LlamaConfig;
import org.quern.text.CharacterTokenizer;

/** Once warm, a decoded token allocates nothing: on the heap by the JVM's counter, or off it. */
class DecodeAllocationTest {
  private static final int TOKENS = 100;
  private static final int PROMPT = 5;

  /** Rounds that must be clean one after the other. */
  private static final int CLEAN = 3;

  /** The walk itself is Java, and takes a while to be compiled. */
  private static final int MOST_ROUNDS = 1000;

  /** Bytes by which resident memory may differ without anything having been lost. */
  private static final double FLAT = 1 << 20;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  static List<TestEngines.Kind> engines() {
    List<TestEngines.Kind> kinds = new ArrayList<>(TestEngines.all());
    if (NativeKernels.find().isLoaded()) {
      TestEngines.Kind best = TestEngines.best();
      kinds.add(new TestEngines.Kind("bf16", best.options().withPrecision("bf16")));
    }
    return kinds;
  }

  /** A model, a decoder and a sampler that uses all its settings. */
  private static final class Writer implements AutoCloseable {
    private final Engine engine;
    private final Model model;
    private final Decoder decoder;
    private final Sampler sampler;

    Writer(TestEngines.Kind kind) {
      CharacterTokenizer tokenizer = CharacterTokenizer.of("abcdefghijklmnopqrstuvwxyz");
      engine = kind.open();
      model = engine.create(LlamaConfig.of(40, 128, 32, 2, 4, 2, 48), tokenizer, 1);
      decoder = new Decoder(engine.backend(), model.architecture(), model.memory(), 1, 128);
      sampler =
          new Sampler(
              GenerationOptions.sampling(TOKENS, 0.9f, 1)
                  .withTopK(30)
                  .withTopP(0.95f)
                  .withMinP(0.001f)
                  .withRepetitionPenalty(1.1f),
              40);
      MemorySegment ignored = decoder.feed(new int[PROMPT]);
    }

    void write() {
      decoder.truncate(PROMPT);
      int id = 1;
      for (int count = 0; count < TOKENS; count++) {
        id = sampler.next(decoder.feed(id));
      }
    }

    @Override
    public void close() {
      decoder.close();
      model.close();
      engine.close();
    }
  }

  private static long[] threads() {
    Thread caller = Thread.currentThread();
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.equals(caller) || thread.getName().startsWith("quern-worker"))
        .mapToLong(Thread::threadId)
        .toArray();
  }

  private static long allocated(long[] threads) {
    long sum = 0;
    for (long thread : threads) {
      sum += THREADS.getThreadAllocatedBytes(thread);
    }
    return sum;
  }

  @ParameterizedTest
  @MethodSource("engines")
  void aHundredTokensAllocateNothing(TestEngines.Kind kind) {
    try (Writer writer = new Writer(kind)) {
      long[] threads = threads();
      assertThat(threads.length).as("caller and worker").isGreaterThanOrEqualTo(2);
      long slabs = writer.engine.backend().memory().allocated();
      long allocated = Long.MAX_VALUE;
      int clean = 0;
      for (int round = 0; round < MOST_ROUNDS && clean < CLEAN; round++) {
        long before = allocated(threads);
        writer.write();
        allocated = allocated(threads) - before;
        clean = allocated == 0 ? clean + 1 : 0;
      }
      assertThat(allocated)
          .as(() -> "bytes of " + TOKENS + " tokens once warm: " + Allocations.of(writer::write))
          .isZero();
      assertThat(writer.engine.backend().memory().allocated()).isEqualTo(slabs);
    }
  }

  /** The kernels in C must not allocate either, which only the operating system sees. */
  @Test
  void residentMemoryStaysFlat() throws IOException {
    Path statm = Path.of("/proc/self/statm");
    assumeTrue(Files.isReadable(statm), "skipped: this system does not tell resident memory");
    assumeTrue(NativeKernels.find().isLoaded(), "skipped: the native library is not there");
    try (Writer writer = new Writer(TestEngines.best())) {
      // 5,000 tokens a time; 16 bytes that each of a token's 40 kernel calls lost would be 3 MiB in
      // each. The JVM itself grows while it compiles, so one time without growth must come.
      double grown = Double.POSITIVE_INFINITY;
      for (int time = 0; time < 10 && grown > FLAT; time++) {
        long before = residentBytes(statm);
        for (int round = 0; round < 50; round++) {
          writer.write();
        }
        grown = residentBytes(statm) - before;
      }
      assertThat(grown).isLessThanOrEqualTo(FLAT);
    }
  }

  private static long residentBytes(Path statm) throws IOException {
    return Long.parseLong(Files.readString(statm).split(" ", -1)[1]) * 4096;
  }
}
