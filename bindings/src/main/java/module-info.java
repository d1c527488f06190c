import org.jspecify.annotations.NullMarked;

/** Finds, verifies and loads native libraries, and binds the symbols of libquern. */
@NullMarked
module org.quern.bindings {
  requires static transitive org.jspecify;
}
