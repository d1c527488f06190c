/**
 * Native libraries inside jars: found, verified, placed, loaded, and every refusal explained.
 * Usable by other projects for libraries of their own.
 */
package org.quern.bindings;
