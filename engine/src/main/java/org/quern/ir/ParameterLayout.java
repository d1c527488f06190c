package org.quern.ir;

import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The place of each parameter of a model in its region: contiguous, in the order of declaration,
 * each aligned to 64 bytes. Gradients and moments have the same layout, so that norm, optimizer and
 * checkpoint are flat loops. Immutable.
 */
public final class ParameterLayout {
  private static final long ALIGNMENT = 64 / Float.BYTES;

  private final Map<String, Parameter> parameters = new LinkedHashMap<>();
  private final Map<String, Long> offsets = new LinkedHashMap<>();
  private final long elements;

  /** Lays out {@code declared}, F32, in this order; names must differ. */
  public ParameterLayout(List<Parameter> declared) {
    long end = 0;
    for (Parameter parameter : declared) {
      if (parameters.putIfAbsent(parameter.name(), parameter) != null) {
        throw new GraphException("The parameter " + parameter.name() + " is declared twice.");
      }
      offsets.put(parameter.name(), end);
      end = Math.addExact(end, parameter.shape().elements());
      end = Math.addExact(end, ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    elements = end;
  }

  /** The parameters in the order of declaration. */
  public Collection<Parameter> parameters() {
    return Collections.unmodifiableCollection(parameters.values());
  }

  /** Whether there is a parameter of this name. */
  public boolean contains(String name) {
    return parameters.containsKey(name);
  }

  /** The parameter of this name. */
  public Parameter parameter(String name) {
    Parameter parameter = parameters.get(name);
    if (parameter == null) {
      throw new GraphException("The model has no parameter " + name + ".");
    }
    return parameter;
  }

  /** Where the parameter starts in its region, in elements. */
  public long offset(String name) {
    parameter(name);
    return offsets.getOrDefault(name, 0L);
  }

  /** The length of a region, gaps included, in elements. */
  public long elements() {
    return elements;
  }

  /** The number of weights, gaps not included. */
  public long count() {
    return parameters.values().stream().mapToLong(p -> p.shape().elements()).sum();
  }
}
