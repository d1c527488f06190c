/**
 * The one table of operation cases, and what is checked with it: the reference against itself,
 * gradients against finite differences, every backend and tier against the reference.
 */
package org.quern.cases;
