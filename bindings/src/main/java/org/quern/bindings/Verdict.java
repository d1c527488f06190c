package org.quern.bindings;

/** How one attempt to load a library ended. */
public enum Verdict {
  /** It is loaded. */
  LOADED("loaded"),
  /** Switched off on purpose. */
  OFF("switched off"),
  /** The switch says neither on nor off. */
  BAD_SETTING("bad setting"),
  /** The virtual machine denies native access. */
  ACCESS_DENIED("native access denied"),
  /** No jar holds it for this platform. */
  NOT_PACKED("not packed"),
  /** The packed manifest cannot be read or is not of the right form. */
  BAD_MANIFEST("bad manifest"),
  /** The packed library is not of the size and digest that its manifest says. */
  DAMAGED_PACKAGE("damaged package"),
  /** The file named explicitly is not there. */
  NO_FILE("no such file"),
  /** The place is not known on this machine. */
  NO_PLACE("no place"),
  /** The folder is mounted {@code noexec}: nothing there may be mapped for execution. */
  NOEXEC("noexec"),
  /** The folder's file system is read-only. */
  READ_ONLY("read-only"),
  /** Not enough space, or a quota is exhausted. */
  NO_SPACE("no space"),
  /** The folder may not be written or made. */
  NO_PERMISSION("no permission"),
  /** Someone else owns the folder or may write into it. */
  NOT_PRIVATE("not private"),
  /** The file system failed in another way. */
  IO_ERROR("input/output error"),
  /** The system's loader refuses the file. */
  NOT_LOADABLE("not loadable"),
  /** It lacks a symbol that was required. */
  LACKS_SYMBOL("lacks a symbol");

  private final String label;

  Verdict(String label) {
    this.label = label;
  }

  /** A few words. */
  public String label() {
    return label;
  }

  /** Whether the place was refused, so that another place could do. */
  boolean isPlace() {
    return switch (this) {
      case NO_PLACE, NOEXEC, READ_ONLY, NO_SPACE, NO_PERMISSION, NOT_PRIVATE, IO_ERROR -> true;
      case LOADED,
          OFF,
          BAD_SETTING,
          ACCESS_DENIED,
          NOT_PACKED,
          BAD_MANIFEST,
          DAMAGED_PACKAGE,
          NO_FILE,
          NOT_LOADABLE,
          LACKS_SYMBOL ->
          false;
    };
  }

  /** What mends it: the second half of a sentence. */
  String remedy(NativeLibrarySpec spec) {
    return switch (this) {
      case LOADED -> "nothing needs mending";
      case OFF ->
          "unset -D" + spec.switchProperty() + " and " + spec.switchVariable() + " to let it load";
      case BAD_SETTING ->
          "set -D" + spec.switchProperty() + " or " + spec.switchVariable() + " to on or off";
      case ACCESS_DENIED ->
          "start Java with --enable-native-access=" + (named() ? module() : "ALL-UNNAMED");
      case NOT_PACKED ->
          "put the jar that holds it for this platform on the class path, or set -D"
              + spec.libraryProperty()
              + " to a library file";
      case BAD_MANIFEST, DAMAGED_PACKAGE -> "fetch or build the jar again";
      case NO_FILE ->
          "correct or unset -D" + spec.libraryProperty() + " and " + spec.libraryVariable();
      case NO_PLACE, NOEXEC, READ_ONLY, NO_SPACE, NO_PERMISSION, NOT_PRIVATE, IO_ERROR ->
          "set -D"
              + spec.folderProperty()
              + " or "
              + spec.folderVariable()
              + " to a folder of your own that can be written and allows execution";
      case NOT_LOADABLE ->
          "use a library built for this machine (-D" + spec.libraryProperty() + " names a file)";
      case LACKS_SYMBOL -> "use the library that belongs to this version";
    };
  }

  private static boolean named() {
    return Verdict.class.getModule().isNamed();
  }

  private static String module() {
    return Verdict.class.getModule().getName();
  }
}
