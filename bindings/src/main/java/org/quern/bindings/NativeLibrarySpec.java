package org.quern.bindings;

import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * Which library to find, and where its resources are.
 *
 * <p>The library lies in a jar as {@code META-INF/<name>-native/<platform>/<file>}, beside its
 * {@code library.properties} (see {@link NativeManifest}).
 *
 * @param name lower-case letters, digits, {@code -} and {@code _}; {@code quern} for Quern's own
 * @param resources the class loader that sees the jar
 * @param requiredSymbols a library that lacks one of these is refused
 */
public record NativeLibrarySpec(String name, ClassLoader resources, List<String> requiredSymbols) {
  private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9_-]{0,63}");

  /**
   * A checked specification.
   *
   * @throws NativeLibraryException if the name is not of the form said above
   */
  public NativeLibrarySpec {
    if (!NAME.matcher(name).matches()) {
      throw new NativeLibraryException(
          "A native library's name is lower-case letters, digits, - and _, not '" + name + "'.");
    }
    requiredSymbols = List.copyOf(requiredSymbols);
  }

  /** A library of that name, in a jar that the class loader sees. */
  public static NativeLibrarySpec of(String name, ClassLoader resources) {
    return new NativeLibrarySpec(name, resources, List.of());
  }

  /** The same library, refused if it lacks one of these symbols. */
  public NativeLibrarySpec requiring(String... symbols) {
    return requiring(List.of(symbols));
  }

  /** The same library, refused if it lacks one of these symbols. */
  public NativeLibrarySpec requiring(List<String> symbols) {
    return new NativeLibrarySpec(name, resources, symbols);
  }

  /** {@code <name>.native}: the system property that, set to {@code off}, refuses the library. */
  public String switchProperty() {
    return name + ".native";
  }

  /** {@code <NAME>_NATIVE}: the environment variable that means the same. */
  public String switchVariable() {
    return name.toUpperCase(Locale.ROOT).replace('-', '_') + "_NATIVE";
  }

  /** {@code <name>.native.library}: the system property that names a file to load as it is. */
  public String libraryProperty() {
    return switchProperty() + ".library";
  }

  /** {@code <NAME>_NATIVE_LIBRARY}: the environment variable that means the same. */
  public String libraryVariable() {
    return switchVariable() + "_LIBRARY";
  }

  /** {@code <name>.native.dir}: the system property that names the folder to place it in. */
  public String folderProperty() {
    return switchProperty() + ".dir";
  }

  /** {@code <NAME>_NATIVE_DIR}: the environment variable that means the same. */
  public String folderVariable() {
    return switchVariable() + "_DIR";
  }

  String resource(String platform, String file) {
    return "META-INF/" + name + "-native/" + platform + "/" + file;
  }
}
