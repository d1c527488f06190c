package org.quern.peers;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.dnnl_version_t;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.javacpp.ShortPointer;

/**
 * Matrix products by oneDNN's matmul primitive over plain layouts, as PyTorch calls it. Its threads
 * are OpenMP's: {@code OMP_NUM_THREADS}. In BF16 both operands are BF16 already, in the peer's
 * favour, and the result is F32.
 */
final class OneDnnMatmul implements Product.Multiplier {
  private final PointerScope scope = new PointerScope();
  private final stream stream;
  private final matmul primitive;
  private final IntMemoryMap operands = new IntMemoryMap();

  private OneDnnMatmul(Product product, boolean half) {
    memory.data_type type = half ? memory.data_type.bf16 : memory.data_type.f32;
    engine cpu = new engine(engine.kind.cpu, 0);
    stream = new stream(cpu);
    memory.desc a = desc(product.m(), product.k(), product.turnedA(), type);
    memory.desc b = desc(product.k(), product.n(), product.turnedB(), type);
    memory.desc c = desc(product.m(), product.n(), false, memory.data_type.f32);
    primitive_attr attributes = new primitive_attr();
    if (product.turnedA()) {
      post_ops sum = new post_ops();
      sum.append_sum();
      attributes.set_post_ops(sum);
    }
    primitive = new matmul(new matmul.primitive_desc(cpu, a, b, c, attributes, false));
    operands.put(dnnl.DNNL_ARG_SRC, operand(a, cpu, product.m() * product.k(), half));
    operands.put(dnnl.DNNL_ARG_WEIGHTS, operand(b, cpu, product.k() * product.n(), half));
    operands.put(dnnl.DNNL_ARG_DST, operand(c, cpu, product.m() * product.n(), false));
  }

  private static memory.desc desc(int rows, int columns, boolean turned, memory.data_type type) {
    return new memory.desc(
        new long[] {rows, columns}, type, turned ? memory.format_tag.ba : memory.format_tag.ab);
  }

  private static memory operand(memory.desc desc, engine cpu, int size, boolean half) {
    float[] values = Product.random(size);
    Pointer data = half ? new ShortPointer(rounded(values)) : new FloatPointer(values);
    return new memory(desc, cpu, data);
  }

  private static short[] rounded(float[] values) {
    short[] halves = new short[values.length];
    for (int i = 0; i < values.length; i++) {
      halves[i] = (short) (Float.floatToRawIntBits(values[i]) >>> 16);
    }
    return halves;
  }

  @Override
  public void multiply() {
    primitive.execute(stream, operands);
    stream._wait();
  }

  @Override
  public void close() {
    scope.close();
  }

  /** Options: {@code --precision}, and {@code --shapes} with commas between. */
  public static void main(String[] arguments) throws IOException {
    Options options = new Options(arguments);
    dnnl_version_t version = dnnl.dnnl_version();
    String peer = "oneDNN " + version.major() + "." + version.minor() + "." + version.patch();
    boolean half = options.text("precision").equals("bf16");
    List<String> members = new ArrayList<>();
    members.add(Measure.member("peer", peer));
    try {
      members.addAll(
          Product.measure(options.text("shapes"), product -> new OneDnnMatmul(product, half)));
    } catch (RuntimeException refused) {
      // It has BF16 only where the CPU has instructions for it, and says so when asked for a product.
      System.err.printf(
          "%s has no matmul in %s for this CPU: %s%n",
          peer, options.text("precision"), refused.getMessage());
      System.exit(1);
    }
    Measure.print(members);
  }
}
