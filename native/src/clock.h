/* A clock that only goes forward; the files that include this define _POSIX_C_SOURCE first. */
#ifndef QUERN_CLOCK_H
#define QUERN_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds: the clock that System.nanoTime() reads on Linux. */
static inline int64_t quern_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif
