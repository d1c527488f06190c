package org.quern;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordedFrame;
import jdk.jfr.consumer.RecordedStackTrace;
import jdk.jfr.consumer.RecordingFile;

/** What a piece of work allocates, for the message of a test that expects nothing. */
public final class Allocations {
  private static final String EVENT = "jdk.ObjectAllocationSample";
  private static final int FRAMES = 6;
  private static final int MOST = 5;

  private Allocations() {}

  /** The types and places that a recording of {@code work} has most often, a line each. */
  public static String of(Runnable work) {
    try (Recording recording = new Recording()) {
      recording.enable(EVENT).withStackTrace().with("throttle", "10000/s");
      recording.start();
      work.run();
      recording.stop();
      Path file = Files.createTempFile("allocations", ".jfr");
      try {
        recording.dump(file);
        return describe(RecordingFile.readAllEvents(file));
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String describe(List<RecordedEvent> events) {
    return events.stream()
        .filter(event -> event.getEventType().getName().equals(EVENT))
        .collect(Collectors.groupingBy(Allocations::describe, Collectors.counting()))
        .entrySet()
        .stream()
        .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
        .limit(MOST)
        .map(entry -> entry.getValue() + " samples of " + entry.getKey())
        .collect(Collectors.joining(System.lineSeparator()));
  }

  private static String describe(RecordedEvent event) {
    RecordedStackTrace stack = event.getStackTrace();
    return event.getClass("objectClass").getName()
        + " in "
        + (stack == null
            ? "no Java frame"
            : stack.getFrames().stream()
                .limit(FRAMES)
                .map(Allocations::describe)
                .collect(Collectors.joining(" < ")));
  }

  private static String describe(RecordedFrame frame) {
    return frame.getMethod().getType().getName()
        + "."
        + frame.getMethod().getName()
        + ":"
        + frame.getLineNumber()
        + " ("
        + frame.getType()
        + ")";
  }
}
