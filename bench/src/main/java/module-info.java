import org.jspecify.annotations.NullMarked;

/** Benchmarks: JMH over kernels and whole steps. */
@NullMarked
module org.quern.bench {
  requires org.quern;
  requires jmh.core;
  requires static org.jspecify;
}
