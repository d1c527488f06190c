package org.quern;

import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Function;
import org.quern.exec.Backend;
import org.quern.ir.Precision;

/** What may be asked for as precision, and what comes of it on this CPU. */
enum PrecisionChoice {
  F32,
  BF16,
  /** Whichever is faster. */
  AUTO;

  /** Less is noise, and no reason to give up precision. */
  private static final double WORTH_IT = 1.1;

  static PrecisionChoice parse(String text) {
    return switch (text.strip().toLowerCase(Locale.ROOT)) {
      case "f32" -> F32;
      case "bf16" -> BF16;
      case "auto" -> AUTO;
      default ->
          throw new EngineException(
              "There is no precision " + text + "; choose f32, bf16 or auto.");
    };
  }

  /**
   * Opens a backend of this precision, and says what a trial of both has shown, or why none was
   * needed: where BF16 is asked for and the CPU does not multiply it, its products are known to be
   * the slower, and a start need not wait for the proof.
   */
  Backend open(Function<Precision, Backend> opener, Work work, Consumer<String> reasons) {
    if (this == F32) {
      return opener.apply(Precision.F32);
    }
    Backend half = opener.apply(Precision.BF16);
    if (this == BF16 && !half.multipliesBf16()) {
      reasons.accept(
          "This CPU has no instructions for products in bf16: those of many rows, as in training and"
              + " in reading a prompt, are those of f32, rounded, and somewhat slower. Writing reads"
              + " half the bytes.");
      return half;
    }
    try {
      return beside(half, opener.apply(Precision.F32), work, reasons);
    } catch (RuntimeException e) {
      half.close();
      throw e;
    }
  }

  private Backend beside(Backend half, Backend single, Work work, Consumer<String> reasons) {
    try {
      return choose(single, half, work, reasons);
    } catch (RuntimeException e) {
      single.close();
      throw e;
    }
  }

  /** Keeps one of the two and closes the other. */
  private Backend choose(Backend single, Backend half, Work work, Consumer<String> reasons) {
    Work tried = PrecisionTrial.fits(single, work) ? work : Work.TRAINING;
    double speedup = PrecisionTrial.speedup(single, half, tried);
    boolean rounds = this == BF16 || speedup >= WORTH_IT;
    (rounds ? single : half).close();
    Backend chosen = rounds ? half : single;
    reasons.accept(
        String.format(
                Locale.ROOT,
                "%s in bf16 run %.2f times as fast as in f32 here.",
                tried == Work.WRITING ? "A token's products" : "Products",
                speedup)
            + (this == AUTO
                ? " So " + chosen.precision().text() + " was chosen."
                : speedup >= 1
                    ? " It was asked for."
                    : " It was asked for, and f32 would be faster and more precise."));
    return chosen;
  }
}
