/**
 * The operations, one file each: shape rule, cost, kernel, operands and adjoint, with the source of
 * the formula.
 */
package org.quern.ir.op;
