package org.quern.generate;

/** Why a generation ended. */
public enum FinishReason {
  /** As many tokens as were asked for. */
  LENGTH,
  /** The model's context is full. */
  CONTEXT,
  /** The model's own end token. */
  END_OF_TEXT,
  /** A stop word. */
  STOP_WORD,
  /** The caller's wish. */
  CANCELLED
}
