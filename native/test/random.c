/* The numbers as any CPU makes them. */
#include "random_cases.h"

int main(void) { return run_cases(); }
