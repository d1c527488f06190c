import org.jspecify.annotations.NullMarked;

/** Graphs, plans, programs and the walkers that run them; models, training and text around them. */
@NullMarked
module org.quern {
  requires org.quern.bindings;
  requires jdk.jfr;
  requires tools.jackson.databind;
  requires ai.djl.api;
  requires ai.djl.tokenizers;
  requires static jdk.incubator.vector;
  requires static transitive org.jspecify;

  exports org.quern;
  exports org.quern.check;
  exports org.quern.data;
  exports org.quern.exec;
  exports org.quern.exec.nativecpu;
  exports org.quern.exec.vector;
  exports org.quern.format;
  exports org.quern.generate;
  exports org.quern.ir;
  exports org.quern.ir.op;
  exports org.quern.memory;
  exports org.quern.model;
  exports org.quern.plan;
  exports org.quern.profile;
  exports org.quern.text;
  exports org.quern.train;
}
