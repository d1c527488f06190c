package org.quern.ir;

/**
 * The kernels that a program's records name, in the order of {@code native/src/kernels.def}. The
 * contract of each stands in {@code native/include/quern.h}.
 */
public enum Kernel {
  EMBEDDING_F32,
  EMBEDDING_BACKWARD_F32,
  LAYER_NORM_F32,
  LAYER_NORM_BACKWARD_F32,
  RMS_NORM_F32,
  RMS_NORM_BACKWARD_F32,
  MATMUL_F32,
  COLUMN_SUM_F32,
  ATTENTION_F32,
  ATTENTION_BACKWARD_F32,
  ROPE_F32,
  ACTIVATION_F32,
  ACTIVATION_BACKWARD_F32,
  GATED_ACTIVATION_F32,
  GATED_ACTIVATION_BACKWARD_F32,
  ADD_F32,
  DROPOUT_F32,
  CROSS_ENTROPY_F32,
  CROSS_ENTROPY_BACKWARD_F32,
  LOSS_SUM_F32,
  CACHE_APPEND_F32,
  SQUARE_SUM_F32,
  GRADIENT_NORM_F32,
  ADAMW_F32,
  SGD_F32
}
