package org.quern;

/** What an engine is opened for, which decides what is fast. */
public enum Work {
  /** Products of many rows: training, and reading long texts. */
  TRAINING,
  /** Tokens one by one, each of which reads all weights. */
  WRITING
}
