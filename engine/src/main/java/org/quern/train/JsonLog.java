package org.quern.train;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import org.quern.format.ConfigJson;
import org.quern.format.FormatException;

/**
 * {@code log.jsonl}: a JSON object a line for each step, with {@code step}, {@code loss} (nats a
 * token), {@code learning_rate}, {@code grad_norm} (before clipping), {@code tokens_per_second},
 * and {@code val_loss} where there was an evaluation. Each step is there once, however often the
 * training was interrupted.
 */
public final class JsonLog implements AutoCloseable {
  /** The file's name in a run's folder. */
  public static final String FILE = "log.jsonl";

  private final Path file;
  private final FileChannel channel;
  private final StringBuilder line = new StringBuilder();

  /**
   * A line.
   *
   * @param step from 1
   * @param loss in nats a token
   * @param learningRate of the update
   * @param gradNorm before clipping
   * @param tokensPerSecond of the step
   * @param validationLoss of the parameters after the step, where they were evaluated
   */
  public record Entry(
      long step,
      double loss,
      double learningRate,
      double gradNorm,
      double tokensPerSecond,
      OptionalDouble validationLoss) {}

  private JsonLog(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * Opens a log to go on after a step: lines of later steps, and one that was cut off, are removed.
   *
   * @param step the last step to keep, 0 to begin anew
   */
  static JsonLog open(Path file, long step) {
    try {
      FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      try {
        long end = step == 0 ? 0 : endOf(file, step);
        channel.truncate(end).position(end);
        return new JsonLog(file, channel);
      } catch (IOException | RuntimeException e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw failure(file, e);
    }
  }

  /** Where the whole lines of the steps up to the given one end, in bytes. */
  private static long endOf(Path file, long step) throws IOException {
    long size = Files.size(file);
    long end = 0;
    try (BufferedReader reader = Files.newBufferedReader(file, StandardCharsets.ISO_8859_1)) {
      for (String text = reader.readLine(); text != null; text = reader.readLine()) {
        long next = end + text.length() + 1;
        try {
          if (next > size || parse(file, text).step() > step) {
            return end;
          }
        } catch (FormatException cutOff) {
          return end;
        }
        end = next;
      }
    }
    return end;
  }

  /**
   * Reads a log; a line that was cut off ends it.
   *
   * @throws TrainingException if it cannot be read
   */
  public static List<Entry> read(Path file) {
    List<Entry> entries = new ArrayList<>();
    try (BufferedReader reader = Files.newBufferedReader(file, StandardCharsets.ISO_8859_1)) {
      for (String text = reader.readLine(); text != null; text = reader.readLine()) {
        try {
          entries.add(parse(file, text));
        } catch (FormatException cutOff) {
          break;
        }
      }
    } catch (IOException e) {
      throw failure(file, e);
    }
    return entries;
  }

  private static Entry parse(Path file, String text) {
    ConfigJson json = ConfigJson.parse(file, text);
    double most = Double.MAX_VALUE;
    return new Entry(
        json.requireLong("step", 1, Long.MAX_VALUE),
        json.requireDouble("loss", -most, most),
        json.requireDouble("learning_rate", 0, most),
        json.requireDouble("grad_norm", 0, most),
        json.requireDouble("tokens_per_second", 0, most),
        json.has("val_loss")
            ? OptionalDouble.of(json.requireDouble("val_loss", -most, most))
            : OptionalDouble.empty());
  }

  /** Appends a step, with the loss on held-out text unless that is NaN. */
  void write(StepReport report, double validationLoss) {
    line.setLength(0);
    line.append("{\"step\":").append(report.step());
    line.append(",\"loss\":").append(report.loss());
    line.append(",\"learning_rate\":").append(report.learningRate());
    line.append(",\"grad_norm\":").append(report.gradNorm());
    double tenths = Math.rint(report.tokensPerSecond() * 10);
    line.append(",\"tokens_per_second\":").append(tenths / 10);
    if (!Double.isNaN(validationLoss)) {
      line.append(",\"val_loss\":").append(validationLoss);
    }
    line.append("}\n");
    ByteBuffer bytes = ByteBuffer.wrap(line.toString().getBytes(StandardCharsets.US_ASCII));
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    } catch (IOException e) {
      throw failure(file, e);
    }
  }

  /** Brings what was written to the disk. */
  void sync() {
    try {
      channel.force(true);
    } catch (IOException e) {
      throw failure(file, e);
    }
  }

  private static TrainingException failure(Path file, IOException cause) {
    return new TrainingException(
        "The log "
            + file
            + " cannot be read or written ("
            + RunFiles.reason(cause)
            + "); check folder and disk.",
        cause);
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw failure(file, e);
    }
  }
}
