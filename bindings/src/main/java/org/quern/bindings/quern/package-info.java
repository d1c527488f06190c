/**
 * Quern's native interface, {@code native/include/quern.h}, in the form and under the names that
 * jextract gives.
 */
package org.quern.bindings.quern;
