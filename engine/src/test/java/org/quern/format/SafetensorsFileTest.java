package org.quern.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.quern.ir.DType;
import org.quern.ir.Shape;

class SafetensorsFileTest {
  private static final String TWO =
      """
      {"__metadata__":{"format":"pt","note":"né"},\
      "b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]},\
      "a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}\
      """;

  @TempDir Path folder;

  @Test
  void readsNamesTypesShapesAndBytesInTheOrderOfTheData() {
    Path path = RawSafetensors.write(folder.resolve("m.safetensors"), TWO, 11);
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertThat(file.tensors().keySet()).containsExactly("a", "b");
      assertThat(file.metadata()).containsEntry("format", "pt").containsEntry("note", "né");
      TensorEntry b = file.tensor("b");
      assertThat(b.dtype()).isEqualTo(DType.U8);
      assertThat(b.shape()).isEqualTo(Shape.of(3));
      assertThat(b.bytes()).isEqualTo(3);
      assertThat(b.file()).isEqualTo(path);
      MemorySegment segment = file.segment("b");
      assertThat(segment.byteSize()).isEqualTo(3);
      assertThat(segment.isReadOnly()).isTrue();
      assertThat(segment.get(ValueLayout.JAVA_BYTE, 2)).isEqualTo((byte) (10 * 37 + 11));
    }
  }

  @Test
  void readsAnUnalignedHeaderScalarsEmptyTensorsAndTrailingBlanks() {
    String header =
        """
        {"empty":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},\
        "scalar":{"dtype":"F64","shape":[],"data_offsets":[0,8]},\
        "later":{"dtype":"I64","shape":[4,0],"data_offsets":[8,8]}}   \
        """;
    Path path = RawSafetensors.write(folder.resolve("odd.safetensors"), header + "\n", 8);
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertThat(file.tensor("scalar").shape()).isEqualTo(Shape.of());
      assertThat(file.segment("empty").byteSize()).isZero();
      assertThat(file.segment("later").byteSize()).isZero();
      assertThat(file.segment("scalar").byteSize()).isEqualTo(8);
    }
  }

  @Test
  void readsAFileWithoutTensors() {
    Path path = RawSafetensors.write(folder.resolve("none.safetensors"), "{}", 0);
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertThat(file.tensors()).isEmpty();
      assertThat(file.metadata()).isEmpty();
    }
  }

  @Test
  void mapsMoreThanTwoGibibytes() throws IOException {
    long size = 3L << 30;
    byte[] header =
        "{\"big\":{\"dtype\":\"U8\",\"shape\":[3,1073741824],\"data_offsets\":[0,%d]}}"
            .formatted(size)
            .getBytes(StandardCharsets.UTF_8);
    Path path = folder.resolve("big.safetensors");
    try (FileChannel channel =
        FileChannel.open(
            path,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            StandardOpenOption.SPARSE)) {
      channel.write(ByteBuffer.wrap(RawSafetensors.bytes(header.length, header, new byte[0])), 0);
      channel.write(ByteBuffer.wrap(new byte[] {42}), 8 + header.length + size - 1);
    }
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      MemorySegment big = file.segment("big");
      assertThat(big.byteSize()).isEqualTo(size);
      assertThat(big.get(ValueLayout.JAVA_BYTE, size - 1)).isEqualTo((byte) 42);
      assertThat(big.get(ValueLayout.JAVA_BYTE, size - 2)).isZero();
    }
  }

  @Test
  void refusesUseAfterCloseAndToleratesASecondClose() {
    Path path = RawSafetensors.write(folder.resolve("m.safetensors"), TWO, 11);
    SafetensorsFile file = SafetensorsFile.open(path);
    MemorySegment kept = file.segment("a");
    file.close();
    file.close();
    assertThatThrownBy(() -> file.segment("a"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
    assertThatThrownBy(() -> kept.get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void closingWhileAnotherThreadReadsGivesThatThreadAnException() throws InterruptedException {
    Path path = RawSafetensors.write(folder.resolve("m.safetensors"), TWO, 11);
    for (int round = 0; round < 50; round++) {
      SafetensorsFile file = SafetensorsFile.open(path);
      MemorySegment segment = file.segment("a");
      CountDownLatch reading = new CountDownLatch(1);
      AtomicReference<Throwable> end = new AtomicReference<>();
      Thread reader =
          new Thread(() -> {
            try {
              while (true) {
                assertThat(segment.get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 11);
                reading.countDown();
              }
            } catch (IllegalStateException closed) {
              end.set(closed);
            }
          });
      reader.start();
      reading.await();
      file.close();
      reader.join();
      assertThat(end.get()).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void saysWhichTensorIsMissing() {
    Path path = RawSafetensors.write(folder.resolve("m.safetensors"), TWO, 11);
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertThatThrownBy(() -> file.segment("wte"))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("\"wte\"")
          .hasMessageContaining(path.toString());
    }
  }

  @Test
  void convertsToFloatsAndInts() {
    String header =
        """
        {"ids":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},\
        "w":{"dtype":"BF16","shape":[2],"data_offsets":[16,20]}}\
        """;
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    byte[] data =
        ByteBuffer.allocate(20)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(-100)
            .putLong(1L << 31)
            .putShort((short) 0x3f80)
            .putShort((short) 0xc000)
            .array();
    Path path =
        RawSafetensors.write(
            folder.resolve("m.safetensors"), RawSafetensors.bytes(text.length, text, data));
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      MemorySegment target = MemorySegment.ofArray(new byte[8]);
      file.copyToF32("w", target);
      assertThat(target.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0)).isEqualTo(1f);
      assertThat(target.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4)).isEqualTo(-2f);
      assertThatThrownBy(() -> file.copyToI32("ids", target))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("element 1")
          .hasMessageContaining("\"ids\"");
      assertThatThrownBy(() -> file.copyToI32("w", target))
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("BF16");
    }
  }

  @Test
  void refusesWhatIsNoRegularFile() throws IOException {
    assertThatThrownBy(() -> SafetensorsFile.open(folder.resolve("absent")))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("does not exist");
    assertThatThrownBy(() -> SafetensorsFile.open(Files.createDirectory(folder.resolve("d"))))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("not a regular file");
  }
}
