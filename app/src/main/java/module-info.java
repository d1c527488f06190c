import org.jspecify.annotations.NullMarked;

/** The command line. */
@NullMarked
module org.quern.app {
  requires org.quern;
  requires info.picocli;
  requires java.desktop;
  requires xchart;
  requires tools.jackson.databind;
  requires static org.jspecify;

  opens org.quern.app to
      info.picocli;
}
