/** The backend {@code native}: the kernels in C, one downcall a worker and run. */
package org.quern.exec.nativecpu;
