package org.quern.bindings.quern;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import org.quern.bindings.NativeLibraryException;

/**
 * {@code native/include/quern.h} under the names that jextract gives. Three things differ: the
 * handles take the function's address as their first argument, so that they can be {@code static
 * final} (which the compiler folds) while the addresses belong to an instance, bound to one loaded
 * library; and {@link #quern_run} takes the program's address as a {@code long}, so that a call
 * needs no liveness check of the program's memory; and methods call by one handle of one shape
 * where they can, whatever the function's own is. The kernels' numbers are left out: their one list
 * is {@code kernels.def}, and {@link #quern_kernel_name} tells them.
 *
 * <p>Every call holds the library's arena open: closing that meanwhile is an {@link
 * IllegalStateException} of the closer, and a call after it one of the caller.
 */
public final class quern_h {
  /** {@code int32_t}. */
  public static final ValueLayout.OfInt C_INT = ValueLayout.JAVA_INT;

  /** {@code int64_t}. */
  public static final ValueLayout.OfLong C_LONG_LONG = ValueLayout.JAVA_LONG;

  /** {@code double}. */
  public static final ValueLayout.OfDouble C_DOUBLE = ValueLayout.JAVA_DOUBLE;

  /** {@code float}. */
  public static final ValueLayout.OfFloat C_FLOAT = ValueLayout.JAVA_FLOAT;

  /** Any pointer; a text that it points to can be read. */
  public static final AddressLayout C_POINTER =
      ValueLayout.ADDRESS.withTargetLayout(
          MemoryLayout.sequenceLayout(Long.MAX_VALUE, ValueLayout.JAVA_BYTE));

  private static final List<String> SYMBOLS =
      List.of(
          "quern_abi_version",
          "quern_version",
          "quern_cpu_tier",
          "quern_cpu_explanation",
          "quern_tier_name",
          "quern_tier_check",
          "quern_kernel_count",
          "quern_kernel_name",
          "quern_run",
          "quern_measure_arithmetic",
          "quern_measure_reading",
          "quern_error_message");

  /**
   * Any function of up to six whole numbers and addresses that returns one or nothing: such
   * arguments go in registers of 64 bits, and a callee does not look at those that it has no
   * parameter for. Java writes a dozen classes for each shape of call, which takes it some ten
   * milliseconds at a start, and {@code Libc} and the engine's {@code Pages} share this one.
   */
  private static final MethodHandle CALL =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.of(
                  C_LONG_LONG,
                  C_LONG_LONG,
                  C_LONG_LONG,
                  C_LONG_LONG,
                  C_LONG_LONG,
                  C_LONG_LONG,
                  C_LONG_LONG));

  private final MemorySegment quern_abi_version$address;
  private final MemorySegment quern_version$address;
  private final MemorySegment quern_cpu_tier$address;
  private final MemorySegment quern_cpu_explanation$address;
  private final MemorySegment quern_tier_name$address;
  private final MemorySegment quern_tier_check$address;
  private final MemorySegment quern_kernel_count$address;
  private final MemorySegment quern_kernel_name$address;
  private final MemorySegment quern_run$address;
  private final MemorySegment quern_measure_arithmetic$address;
  private final MemorySegment quern_measure_reading$address;
  private final MemorySegment quern_error_message$address;

  /**
   * Binds to a loaded library.
   *
   * @throws NativeLibraryException if it lacks one of the {@link #symbols}
   */
  public quern_h(SymbolLookup lookup) {
    quern_abi_version$address = find(lookup, "quern_abi_version");
    quern_version$address = find(lookup, "quern_version");
    quern_cpu_tier$address = find(lookup, "quern_cpu_tier");
    quern_cpu_explanation$address = find(lookup, "quern_cpu_explanation");
    quern_tier_name$address = find(lookup, "quern_tier_name");
    quern_tier_check$address = find(lookup, "quern_tier_check");
    quern_kernel_count$address = find(lookup, "quern_kernel_count");
    quern_kernel_name$address = find(lookup, "quern_kernel_name");
    quern_run$address = find(lookup, "quern_run");
    quern_measure_arithmetic$address = find(lookup, "quern_measure_arithmetic");
    quern_measure_reading$address = find(lookup, "quern_measure_reading");
    quern_error_message$address = find(lookup, "quern_error_message");
  }

  /** The functions that this binds to. */
  public static List<String> symbols() {
    return SYMBOLS;
  }

  private static MemorySegment find(SymbolLookup lookup, String symbol) {
    return lookup
        .find(symbol)
        .orElseThrow(() ->
            new NativeLibraryException(
                "The native library has no symbol "
                    + symbol
                    + "; use the library that belongs to this version of Quern."));
  }

  // A method handle declares Throwable; a downcall throws no checked exception.
  private static AssertionError unexpected(Throwable e) {
    return new AssertionError(e);
  }

  // An int is the lower half of a register, which is all that the callee reads or has set.
  private static long call(MemorySegment function, long a, long b, long c, long d) {
    try {
      return (long) CALL.invokeExact(function, a, b, c, d, 0L, 0L);
    } catch (Error | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  private static MemorySegment pointer(long address) {
    return MemorySegment.ofAddress(address).reinterpret(address == 0 ? 0 : Long.MAX_VALUE);
  }

  /** Descriptor of {@link #quern_abi_version}. */
  public static FunctionDescriptor quern_abi_version$descriptor() {
    return quern_abi_version.DESC;
  }

  /** Handle of {@link #quern_abi_version}: the address, then the arguments. */
  public static MethodHandle quern_abi_version$handle() {
    return quern_abi_version.HANDLE;
  }

  /** Address of {@link #quern_abi_version} in this library. */
  public MemorySegment quern_abi_version$address() {
    return quern_abi_version$address;
  }

  /** {@link #QUERN_ABI_VERSION} of the library. */
  public int quern_abi_version() {
    return (int) call(quern_abi_version$address, 0, 0, 0, 0);
  }

  /** Descriptor of {@link #quern_version}. */
  public static FunctionDescriptor quern_version$descriptor() {
    return quern_version.DESC;
  }

  /** Handle of {@link #quern_version}: the address, then the arguments. */
  public static MethodHandle quern_version$handle() {
    return quern_version.HANDLE;
  }

  /** Address of {@link #quern_version} in this library. */
  public MemorySegment quern_version$address() {
    return quern_version$address;
  }

  /** Such as "0.1.0 (gcc 12.2.0)"; never null, static. */
  public MemorySegment quern_version() {
    return pointer(call(quern_version$address, 0, 0, 0, 0));
  }

  /** Descriptor of {@link #quern_cpu_tier}. */
  public static FunctionDescriptor quern_cpu_tier$descriptor() {
    return quern_cpu_tier.DESC;
  }

  /** Handle of {@link #quern_cpu_tier}: the address, then the arguments. */
  public static MethodHandle quern_cpu_tier$handle() {
    return quern_cpu_tier.HANDLE;
  }

  /** Address of {@link #quern_cpu_tier} in this library. */
  public MemorySegment quern_cpu_tier$address() {
    return quern_cpu_tier$address;
  }

  /** The highest tier that this library holds and the CPU and the operating system allow. */
  public int quern_cpu_tier() {
    return (int) call(quern_cpu_tier$address, 0, 0, 0, 0);
  }

  /** Descriptor of {@link #quern_cpu_explanation}. */
  public static FunctionDescriptor quern_cpu_explanation$descriptor() {
    return quern_cpu_explanation.DESC;
  }

  /** Handle of {@link #quern_cpu_explanation}: the address, then the arguments. */
  public static MethodHandle quern_cpu_explanation$handle() {
    return quern_cpu_explanation.HANDLE;
  }

  /** Address of {@link #quern_cpu_explanation} in this library. */
  public MemorySegment quern_cpu_explanation$address() {
    return quern_cpu_explanation$address;
  }

  /** Why {@link #quern_cpu_tier} is not a higher one: a sentence; never null, static. */
  public MemorySegment quern_cpu_explanation() {
    return pointer(call(quern_cpu_explanation$address, 0, 0, 0, 0));
  }

  /** Descriptor of {@link #quern_tier_name}. */
  public static FunctionDescriptor quern_tier_name$descriptor() {
    return quern_tier_name.DESC;
  }

  /** Handle of {@link #quern_tier_name}: the address, then the arguments. */
  public static MethodHandle quern_tier_name$handle() {
    return quern_tier_name.HANDLE;
  }

  /** Address of {@link #quern_tier_name} in this library. */
  public MemorySegment quern_tier_name$address() {
    return quern_tier_name$address;
  }

  /** Such as "scalar", "avx2", "avx512"; null for another number. */
  public MemorySegment quern_tier_name(int tier) {
    return pointer(call(quern_tier_name$address, tier, 0, 0, 0));
  }

  /** Descriptor of {@link #quern_tier_check}. */
  public static FunctionDescriptor quern_tier_check$descriptor() {
    return quern_tier_check.DESC;
  }

  /** Handle of {@link #quern_tier_check}: the address, then the arguments. */
  public static MethodHandle quern_tier_check$handle() {
    return quern_tier_check.HANDLE;
  }

  /** Address of {@link #quern_tier_check} in this library. */
  public MemorySegment quern_tier_check$address() {
    return quern_tier_check$address;
  }

  /** Whether the tier computes rightly on the calling thread: runs a small self-test of it. */
  public int quern_tier_check(int tier) {
    return (int) call(quern_tier_check$address, tier, 0, 0, 0);
  }

  /** Descriptor of {@link #quern_kernel_count}. */
  public static FunctionDescriptor quern_kernel_count$descriptor() {
    return quern_kernel_count.DESC;
  }

  /** Handle of {@link #quern_kernel_count}: the address, then the arguments. */
  public static MethodHandle quern_kernel_count$handle() {
    return quern_kernel_count.HANDLE;
  }

  /** Address of {@link #quern_kernel_count} in this library. */
  public MemorySegment quern_kernel_count$address() {
    return quern_kernel_count$address;
  }

  /** How many kernels there are. */
  public int quern_kernel_count() {
    return (int) call(quern_kernel_count$address, 0, 0, 0, 0);
  }

  /** Descriptor of {@link #quern_kernel_name}. */
  public static FunctionDescriptor quern_kernel_name$descriptor() {
    return quern_kernel_name.DESC;
  }

  /** Handle of {@link #quern_kernel_name}: the address, then the arguments. */
  public static MethodHandle quern_kernel_name$handle() {
    return quern_kernel_name.HANDLE;
  }

  /** Address of {@link #quern_kernel_name} in this library. */
  public MemorySegment quern_kernel_name$address() {
    return quern_kernel_name$address;
  }

  /** Such as "layer_norm_f32"; null for another number. */
  public MemorySegment quern_kernel_name(int kernel) {
    return pointer(call(quern_kernel_name$address, kernel, 0, 0, 0));
  }

  /** Descriptor of {@link #quern_run}. */
  public static FunctionDescriptor quern_run$descriptor() {
    return quern_run.DESC;
  }

  /** Handle of {@link #quern_run}: the address, then the arguments. */
  public static MethodHandle quern_run$handle() {
    return quern_run.HANDLE;
  }

  /** Address of {@link #quern_run} in this library. */
  public MemorySegment quern_run$address() {
    return quern_run$address;
  }

  /**
   * Runs records first &lt;= i &lt; last of the program as worker {@code part} of program.parts;
   * every worker makes the same call at the same time. Returns program.step.status.
   */
  public int quern_run(long program, int part, long first, long last) {
    return (int) call(quern_run$address, program, part, first, last);
  }

  /** Descriptor of {@link #quern_measure_arithmetic}. */
  public static FunctionDescriptor quern_measure_arithmetic$descriptor() {
    return quern_measure_arithmetic.DESC;
  }

  /** Handle of {@link #quern_measure_arithmetic}: the address, then the arguments. */
  public static MethodHandle quern_measure_arithmetic$handle() {
    return quern_measure_arithmetic.HANDLE;
  }

  /** Address of {@link #quern_measure_arithmetic} in this library. */
  public MemorySegment quern_measure_arithmetic$address() {
    return quern_measure_arithmetic$address;
  }

  /**
   * The rate of the arithmetic that a kernel is made of, in operations a second, a multiply-add
   * counting as two: independent chains of it in the tier's registers, on the calling thread, for
   * about so long. For matmul_bf16 and matmul_int8 it is that of the instructions that the tier
   * computes these products with, for all other kernels F32's. 0 where the tier cannot run here.
   */
  public double quern_measure_arithmetic(int tier, int kernel, long nanoseconds) {
    try {
      return (double)
          quern_measure_arithmetic.HANDLE.invokeExact(
              quern_measure_arithmetic$address, tier, kernel, nanoseconds);
    } catch (Error | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** Descriptor of {@link #quern_measure_reading}. */
  public static FunctionDescriptor quern_measure_reading$descriptor() {
    return quern_measure_reading.DESC;
  }

  /** Handle of {@link #quern_measure_reading}: the address, then the arguments. */
  public static MethodHandle quern_measure_reading$handle() {
    return quern_measure_reading.HANDLE;
  }

  /** Address of {@link #quern_measure_reading} in this library. */
  public MemorySegment quern_measure_reading$address() {
    return quern_measure_reading$address;
  }

  /**
   * The rate of reading in bytes a second: goes through the memory with the tier's widest loads, on
   * the calling thread, again and again for about so long. It measures main memory where {@code
   * bytes}, of which whole blocks of 64 KiB count, are more than the caches hold. 0 where the tier
   * cannot run here or there is less than a block. The memory holds floats, best zeros: subnormal
   * numbers take longer.
   */
  public double quern_measure_reading(
      int tier, MemorySegment memory, long bytes, long nanoseconds) {
    try {
      return (double)
          quern_measure_reading.HANDLE.invokeExact(
              quern_measure_reading$address, tier, memory, bytes, nanoseconds);
    } catch (Error | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** Descriptor of {@link #quern_error_message}. */
  public static FunctionDescriptor quern_error_message$descriptor() {
    return quern_error_message.DESC;
  }

  /** Handle of {@link #quern_error_message}: the address, then the arguments. */
  public static MethodHandle quern_error_message$handle() {
    return quern_error_message.HANDLE;
  }

  /** Address of {@link #quern_error_message} in this library. */
  public MemorySegment quern_error_message$address() {
    return quern_error_message$address;
  }

  /** What went wrong in the last call on this thread: a sentence; empty where nothing did. */
  public MemorySegment quern_error_message() {
    return pointer(call(quern_error_message$address, 0, 0, 0, 0));
  }

  private static final class quern_abi_version {
    static final FunctionDescriptor DESC = FunctionDescriptor.of(C_INT);
    static final MethodHandle HANDLE = Linker.nativeLinker().downcallHandle(DESC);

    private quern_abi_version() {}
  }

  private static final class quern_version {
    static final FunctionDescriptor DESC = FunctionDescriptor.of(C_POINTER);
    static final MethodHandle HANDLE = Linker.nativeLinker().downcallHandle(DESC);

    private quern_version() {}
  }

  private static final class quern_cpu_tier {
    static final FunctionDescriptor DESC = FunctionDescriptor.of(C_INT);
    static final MethodHandle HANDLE = Linker.nativeLinker().downcallHandle(DESC);

    private quern_cpu_tier() {}
  }

  private static final class quern_cpu_explanation {
    static final FunctionDescriptor DESC = FunctionDescriptor.of(C_POINTER);
    static final MethodHandle HANDLE = Linker.nativeLinker().downcallHandle(DESC);

    private quern_cpu_explanation() {}
  }

  private static final class quern_tier_name {
    static final FunctionDescriptor DESC = FunctionDescriptor.of(C_POINTER, C_INT);
    static final MethodHandle HANDLE = Linker.nativeLinker().downcallHandle(DESC);

    private quern_tier_name() {}
  }

  private static final class quern_tier_check {
    static final FunctionDescriptor DESC = FunctionDescriptor.of(C_INT, C_INT);
    static final MethodHandle HANDLE = Linker.nativeLinker().downcallHandle(DESC);

    private quern_tier_check() {}
  }

  private static final class quern_kernel_count {
    static final FunctionDescriptor DESC = FunctionDescriptor.of(C_INT);
    static final MethodHandle HANDLE = Linker.nativeLinker().downcallHandle(DESC);

    private quern_kernel_count() {}
  }

  private static final class quern_kernel_name {
    static final FunctionDescriptor DESC = FunctionDescriptor.of(C_POINTER, C_INT);
    static final MethodHandle HANDLE = Linker.nativeLinker().downcallHandle(DESC);

    private quern_kernel_name() {}
  }

  private static final class quern_run {
    static final FunctionDescriptor DESC =
        FunctionDescriptor.of(C_INT, C_LONG_LONG, C_INT, C_LONG_LONG, C_LONG_LONG);
    static final MethodHandle HANDLE = Linker.nativeLinker().downcallHandle(DESC);

    private quern_run() {}
  }

  private static final class quern_measure_arithmetic {
    static final FunctionDescriptor DESC =
        FunctionDescriptor.of(C_DOUBLE, C_INT, C_INT, C_LONG_LONG);
    static final MethodHandle HANDLE = Linker.nativeLinker().downcallHandle(DESC);

    private quern_measure_arithmetic() {}
  }

  private static final class quern_measure_reading {
    static final FunctionDescriptor DESC =
        FunctionDescriptor.of(C_DOUBLE, C_INT, C_POINTER, C_LONG_LONG, C_LONG_LONG);
    static final MethodHandle HANDLE = Linker.nativeLinker().downcallHandle(DESC);

    private quern_measure_reading() {}
  }

  private static final class quern_error_message {
    static final FunctionDescriptor DESC = FunctionDescriptor.of(C_POINTER);
    static final MethodHandle HANDLE = Linker.nativeLinker().downcallHandle(DESC);

    private quern_error_message() {}
  }

  /** {@code QUERN_ABI_VERSION}. */
  public static int QUERN_ABI_VERSION() {
    return 12;
  }

  /** A label that counts for nothing. */
  public static int QUERN_IGNORED_LABEL() {
    return -100;
  }

  /** Scratch memory that each worker has for the duration of one record, in bytes. */
  public static int QUERN_WORK_BYTES() {
    return 2 << 20;
  }

  /** Most groups of workers that share columns of a product of few rows. */
  public static int QUERN_SHARED_COLUMNS() {
    return 12;
  }

  /** Elements that square_sum_f32 adds up into one partial sum. */
  public static int QUERN_SQUARE_SUM_BLOCK() {
    return 16384;
  }

  /** Largest K of matmul_int8. */
  public static int QUERN_INT8_DEPTH() {
    return 65536;
  }

  /** {@code enum quern_status}. */
  public static int QUERN_OK() {
    return 0;
  }

  /** {@code enum quern_status}: quern_step.cancel was set. */
  public static int QUERN_CANCELLED() {
    return 1;
  }

  /** {@code enum quern_status}: A token id, label or position lies outside its table. */
  public static int QUERN_BAD_INDEX() {
    return 2;
  }

  /**
   * {@code enum quern_status}: The program is not one that this library can run: kernel, tier or
   * version unknown.
   */
  public static int QUERN_BAD_PROGRAM() {
    return 3;
  }

  /** {@code enum quern_tier}. */
  public static int QUERN_SCALAR() {
    return 0;
  }

  /** {@code enum quern_tier}. */
  public static int QUERN_AVX2() {
    return 1;
  }

  /** {@code enum quern_tier}. */
  public static int QUERN_AVX2_VNNI() {
    return 2;
  }

  /** {@code enum quern_tier}. */
  public static int QUERN_AVX512() {
    return 3;
  }

  /** {@code enum quern_tier}. */
  public static int QUERN_AVX512_VNNI() {
    return 4;
  }

  /** {@code enum quern_tier}. */
  public static int QUERN_AVX512_BF16() {
    return 5;
  }

  /** {@code enum quern_tier}. */
  public static int QUERN_AMX() {
    return 6;
  }

  /** {@code enum quern_tier}. */
  public static int QUERN_TIERS() {
    return 7;
  }

  /** {@code enum quern_flag}: All workers meet after this record. */
  public static int QUERN_BARRIER() {
    return 1;
  }

  /**
   * {@code enum quern_flag}: The record is left out unless quern_step.update is set: gradient norm
   * and optimizer.
   */
  public static int QUERN_ON_UPDATE() {
    return 2;
  }

  /**
   * {@code enum quern_flag}: A parameter may have changed by now: the run is no longer cancelled.
   */
  public static int QUERN_COMMITTED() {
    return 4;
  }

  /**
   * {@code enum quern_flag}: The next record goes on with what this one makes: a walker may do both
   * together, block by block, as quern_run does. One that does record after record lets the workers
   * meet in between; QUERN_BARRIER is set for it. First of such a row may be matmul_f32,
   * matmul_bf16, add_f32, dropout_f32 or a norm or its backward; after it activation_f32,
   * gated_activation_f32, their backwards, add_f32, round_f32 and widen_bf16, all of whose operands
   * have as many elements as what the first makes (the norms' out and dx), and which write nothing
   * that the first one reads beyond the same elements. Where the first is no product,
   * layer_norm_f32 and rms_norm_f32 may follow, too, on rows as long as its.
   */
  public static int QUERN_FUSED() {
    return 8;
  }

  /** {@code enum quern_matmul_flag}. */
  public static int QUERN_TRANSPOSE_A() {
    return 1;
  }

  /** {@code enum quern_matmul_flag}. */
  public static int QUERN_TRANSPOSE_B() {
    return 2;
  }

  /** {@code enum quern_matmul_flag}. */
  public static int QUERN_ACCUMULATE() {
    return 4;
  }

  /** {@code enum quern_matmul_flag}. */
  public static int QUERN_STORED_BF16() {
    return 8;
  }

  /** {@code enum quern_matmul_flag}: a is stored so. */
  public static int QUERN_STORED_A_BF16() {
    return 16;
  }

  /** {@code enum quern_keys_flag}: k and v are [B,G,S,D]. */
  public static int QUERN_KEYS_BY_HEAD() {
    return 1;
  }

  /** {@code enum quern_keys_flag}: They are stored as BF16. */
  public static int QUERN_KEYS_BF16() {
    return 2;
  }

  /** {@code enum quern_activation}. */
  public static int QUERN_RELU() {
    return 0;
  }

  /** {@code enum quern_activation}: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
  public static int QUERN_GELU_TANH() {
    return 1;
  }

  /** {@code enum quern_activation}: 0.5 x (1 + erf(x / sqrt 2)) */
  public static int QUERN_GELU_ERF() {
    return 2;
  }

  /** {@code enum quern_activation}: x / (1 + exp(-x)) */
  public static int QUERN_SILU() {
    return 3;
  }
}
