/**
 * The backend {@code vector}: the kernels written with the JDK's Vector API, on the same records
 * and memory as those in C.
 */
package org.quern.exec.vector;
