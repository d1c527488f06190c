package org.quern.exec.nativecpu;

import org.quern.bindings.quern.quern_h;
import org.quern.exec.Walker;

/** Runs programs in C: one downcall a worker and run. */
final class NativeWalker implements Walker {
  private final quern_h library;

  NativeWalker(quern_h library) {
    this.library = library;
  }

  @Override
  public int run(long program, int part, long first, long last) {
    return library.quern_run(program, part, first, last);
  }

  @Override
  public String failure() {
    return library.quern_error_message().getString(0);
  }
}
