/**
 * The face of Quern: an {@link org.quern.Engine} opens a backend, loads and creates models; a
 * {@link org.quern.Model} generates, is trained and saved.
 */
package org.quern;
