/**
 * Reference cases: outputs, loss, gradients and parameters after some steps, computed through the
 * public face and compared with known results.
 */
package org.quern.check;
