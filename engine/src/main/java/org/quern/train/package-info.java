/**
 * Training: steps, schedules, evaluation, logs, and checkpoints from which a run goes on bit for
 * bit.
 */
package org.quern.train;
