#include "error.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char message[256];

int32_t quern_fail(int32_t status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return status;
}

void quern_error_clear(void) {
    message[0] = 0;
}

const char *quern_error_message(void) {
    return message;
}
