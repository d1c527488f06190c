#define QUERN_ISA scalar
#define QUERN_ISA_scalar 1
#include "simd_cases.h"

int main(void) { return run_cases(); }
