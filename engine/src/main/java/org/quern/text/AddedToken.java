package org.quern.text;

/**
 * A token that is looked for in the text as it stands, before anything else.
 *
 * @param special whether decoding leaves it out
 */
record AddedToken(int id, String content, boolean special) {}
