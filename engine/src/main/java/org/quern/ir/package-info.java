/**
 * Graphs: types, shapes, values and the memory they belong to, operations as nodes, and the nodes
 * that carry gradients back.
 */
package org.quern.ir;
