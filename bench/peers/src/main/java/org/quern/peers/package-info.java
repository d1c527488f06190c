/** What Quern is measured beside, each a program that prints one JSON object. */
@NullMarked
package org.quern.peers;

import org.jspecify.annotations.NullMarked;
