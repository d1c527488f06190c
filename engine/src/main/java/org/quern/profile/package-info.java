/**
 * Where time goes: what each record of a program takes on each worker, what this machine could do,
 * and the table and the Flight Recorder's events that show both.
 */
@NullMarked
package org.quern.profile;

import org.jspecify.annotations.NullMarked;
