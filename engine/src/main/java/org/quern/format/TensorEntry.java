package org.quern.format;

import java.nio.file.Path;
import org.quern.ir.DType;
import org.quern.ir.Shape;

/**
 * Where a tensor lies and what it is.
 *
 * @param name the name in the file, as Hugging Face writes it
 * @param dtype the type of its elements in the file
 * @param shape its sizes, outermost first; row-major and contiguous
 * @param file the file that holds it
 * @param offset its first byte, counted from the start of {@code file}; need not be aligned
 * @param bytes its length in bytes: {@code shape.elements() * dtype.bytes()}
 */
public record TensorEntry(
    String name, DType dtype, Shape shape, Path file, long offset, long bytes) {}
