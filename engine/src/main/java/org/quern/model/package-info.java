/**
 * Model families: each builds the graphs of training, evaluation and generation from one
 * description.
 */
package org.quern.model;
