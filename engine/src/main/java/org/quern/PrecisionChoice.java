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
   * Opens a backend of this precision, and says what a trial of both has shown, if there was one.
   */
  Backend open(Function<Precision, Backend> opener, Consumer<String> reasons) {
    if (this == F32) {
      return opener.apply(Precision.F32);
    }
    double speedup = PrecisionTrial.speedup(opener);
    Precision precision = this == BF16 || speedup >= WORTH_IT ? Precision.BF16 : Precision.F32;
    Backend backend = opener.apply(precision);
    reasons.accept(
        PrecisionTrial.say(speedup)
            + switch (this) {
              case AUTO -> " So " + precision.text() + " was chosen.";
              case BF16 ->
                  speedup >= 1
                      ? " It was asked for."
                      : " It was asked for, and f32 would be faster and more precise.";
              case F32 -> "";
            });
    return backend;
  }
}
