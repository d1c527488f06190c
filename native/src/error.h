/* Failures: a status to return and a sentence for quern_error_message. */
#ifndef QUERN_ERROR_H
#define QUERN_ERROR_H

#include <quern.h>

/* Sets this thread's message and returns the status. The message names what, where and the range. */
int32_t quern_fail(int32_t status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Empties this thread's message: the first act of every call that can fail. */
void quern_error_clear(void);

#endif
