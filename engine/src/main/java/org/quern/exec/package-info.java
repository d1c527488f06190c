/**
 * Running programs: backends, a model's memory, executables, the step block and the workers that
 * walk the records together.
 */
package org.quern.exec;
