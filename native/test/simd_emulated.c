/* Sixteen lanes as pairs of eight: see simd_emulated.h. */
#if defined(__x86_64__)
#pragma GCC target("avx2,fma")
#pragma GCC diagnostic ignored "-Wpsabi"
#define QUERN_ISA avx512
#define QUERN_ISA_avx512 1
#include "simd_cases.h"

int main(void) {
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return run_cases();
    printf("skipped: this CPU lacks AVX2\n");
    return 0;
}
#else
int main(void) { return 0; }
#endif
