/* Sixteen lanes on a CPU that has them. */
#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma")
#define QUERN_ISA avx512
#define QUERN_ISA_avx512 1
#include "simd_cases.h"
#pragma GCC pop_options

/* Compiled for any CPU, so that a lesser one gets as far as the question. */
int main(void) {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return run_cases();
    printf("skipped: this CPU lacks AVX-512\n");
    return 0;
}
#else
int main(void) { return 0; }
#endif
