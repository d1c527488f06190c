import org.jspecify.annotations.NullMarked;

/**
 * Finds, verifies, places and loads native libraries that travel inside jars, and binds to Quern's.
 *
 * <p>Needs {@code --enable-native-access=org.quern.bindings}, or {@code ALL-UNNAMED} on the class
 * path.
 */
@NullMarked
module org.quern.bindings {
  requires static transitive org.jspecify;

  exports org.quern.bindings;
  exports org.quern.bindings.quern;
}
