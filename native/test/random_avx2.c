/* The numbers as kernels that are compiled for AVX2 make them. */
#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#include "random_cases.h"
#pragma GCC pop_options

/* Compiled for any CPU, so that a lesser one gets as far as the question. */
int main(void) {
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return run_cases();
    printf("skipped: this CPU lacks AVX2\n");
    return 0;
}
#else
int main(void) { return 0; }
#endif
