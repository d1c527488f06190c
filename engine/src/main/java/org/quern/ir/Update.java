package org.quern.ir;

/**
 * What a training does with gradients: nodes that are appended while and after a graph is
 * differentiated. One for each graph.
 */
public interface Update {
  /** Nothing: gradients are left in {@link Region#GRADIENTS}. */
  Update NONE =
      new Update() {
        @Override
        public boolean folds() {
          return false;
        }

        @Override
        public void complete(Graph graph, Parameter parameter) {
          // The caller reads the gradients after the run.
        }

        @Override
        public void finish(Graph graph) {
          // Nothing follows.
        }
      };

  /** Whether gradients are activations ({@link Graph#foldGradients}). */
  boolean folds();

  /** Called when no later node contributes to the gradient of a parameter, or reads it itself. */
  void complete(Graph graph, Parameter parameter);

  /** Called when all gradients are complete. */
  void finish(Graph graph);
}
