/**
 * The oracle: every operation in its plainest form, in double precision, after the papers that the
 * operations name. It knows graphs alone, so that it shares no line with what it judges.
 */
package org.quern.reference;
