/**
 * From graph to program: where each value lies, what shares memory, where workers meet, and the
 * records that walkers run.
 */
package org.quern.plan;
