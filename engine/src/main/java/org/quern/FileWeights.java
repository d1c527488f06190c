package org.quern;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import org.quern.exec.WeightSource;
import org.quern.format.ModelWeights;
import org.quern.format.WeightCopy;
import org.quern.ir.DType;

/**
 * A model's mapped files as its weights.
 *
 * @param files closed with this
 * @param names the tensor of each parameter
 */
record FileWeights(ModelWeights files, Map<String, String> names) implements WeightSource {
  private String tensor(String parameter) {
    return names.getOrDefault(parameter, parameter);
  }

  @Override
  public DType type(String parameter) {
    return files.tensor(tensor(parameter)).dtype();
  }

  @Override
  public MemorySegment segment(String parameter) {
    return files.segment(tensor(parameter));
  }

  @Override
  public List<Runnable> copy(String parameter, MemorySegment target) {
    return WeightCopy.toF32(files, tensor(parameter), target);
  }

  @Override
  public void close() {
    files.close();
  }
}
