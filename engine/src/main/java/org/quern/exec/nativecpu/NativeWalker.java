package org.quern.exec.nativecpu;

import java.lang.foreign.MemorySegment;
import org.quern.bindings.quern.quern_h;
import org.quern.exec.Walker;
import org.quern.ir.Kernel;

/** Runs programs in C: one downcall a worker and run. */
final class NativeWalker implements Walker {
  private final quern_h library;

  NativeWalker(quern_h library) {
    this.library = library;
  }

  @Override
  public int run(long program, int part, long first, long last) {
    return library.quern_run(program, part, first, last);
  }

  @Override
  public String selfTest(int tier) {
    if (library.quern_tier_check(tier) != 0) {
      return "";
    }
    String reason = library.quern_error_message().getString(0);
    return reason.isEmpty() ? "its self-test computes wrongly" : reason;
  }

  @Override
  public boolean multipliesBf16(int tier) {
    return tier >= NativeTier.AVX512_BF16.ordinal();
  }

  @Override
  public boolean readsBf16() {
    return true;
  }

  @Override
  public double measureArithmetic(int tier, Kernel kernel, long nanos) {
    return library.quern_measure_arithmetic(tier, kernel.ordinal(), nanos);
  }

  @Override
  public double measureReading(int tier, long address, long bytes, long nanos) {
    MemorySegment memory = MemorySegment.ofAddress(address);
    return library.quern_measure_reading(tier, memory, bytes, nanos);
  }

  @Override
  public String failure() {
    return library.quern_error_message().getString(0);
  }
}
