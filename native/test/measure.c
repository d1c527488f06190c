/* The measured roofline: rates where a tier can run, and none for what makes no sense. */
#include "check.h"

enum { BYTES = 1 << 20 };

int main(void) {
    static float memory[BYTES / sizeof(float)];
    for (int32_t tier = -1; tier <= QUERN_TIERS; tier++) {
        double operations = quern_measure_arithmetic(tier, 0, 100000);
        const int32_t products[] = {QUERN_KERNEL_matmul_f32, QUERN_KERNEL_matmul_bf16, QUERN_KERNEL_matmul_int8};
        for (int i = 0; i < 3; i++) {
            double rate = quern_measure_arithmetic(tier, products[i], 100000);
            CHECK(operations == 0 ? rate == 0 : rate > 1e6 && rate < 1e16, "tier %d, product %d: %g", tier, i, rate);
        }
        double bytes = quern_measure_reading(tier, memory, BYTES, 100000);
        if (tier >= 0 && tier < QUERN_TIERS && check_has_tier(tier)) {
            CHECK(operations > 1e6 && operations < 1e15, "tier %d: %g", tier, operations);
            CHECK(bytes > 1e6 && bytes < 1e15, "tier %d: %g", tier, bytes);
            CHECK(quern_measure_arithmetic(tier, 0, 0) > 0, "one piece at least");
            CHECK(quern_measure_reading(tier, memory, BYTES, -1) > 0, "one piece at least");
            CHECK(quern_measure_reading(tier, memory, 65536, 1000) > 0, "a single block");
        } else {
            CHECK(operations == 0 && bytes == 0, "tier %d cannot run", tier);
        }
    }
    CHECK(quern_measure_reading(QUERN_SCALAR, memory, 65535, 1000) == 0, "less than a block");
    CHECK(quern_measure_reading(QUERN_SCALAR, memory, -1, 1000) == 0, "no size");
    CHECK(quern_measure_reading(QUERN_SCALAR, NULL, BYTES, 1000) == 0, "no memory");
    return check_result();
}
