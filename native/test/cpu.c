/* Tiers and names: what the machine is told to have, why not more, and whether it computes. */
#include "check.h"
#include "tiers.h"

static void capped(const char *value, int32_t expected, const char *text) {
    if (value) {
        setenv("QUERN_MAX_ISA", value, 1);
    } else {
        unsetenv("QUERN_MAX_ISA");
    }
    CHECK(quern_cpu_tier() == expected, "QUERN_MAX_ISA=%s gives %d", value ? value : "",
          quern_cpu_tier());
    CHECK(strstr(quern_cpu_explanation(), text) != NULL, "QUERN_MAX_ISA=%s explains: %s",
          value ? value : "", quern_cpu_explanation());
    unsetenv("QUERN_MAX_ISA");
}

int main(void) {
    unsetenv("QUERN_MAX_ISA");
    int32_t highest = 0;
    for (int32_t tier = 0; tier < QUERN_TIERS; tier++) {
        if (check_has_tier(tier)) highest = tier;
    }
    const char *why = quern_cpu_explanation();
    CHECK(quern_cpu_tier() == highest, "%s: %s", quern_tier_name(quern_cpu_tier()), why);
    printf("%s: %s\n", quern_tier_name(quern_cpu_tier()), why);
    capped(NULL, highest, why);
    capped("", highest, why);
    capped("amx", highest, why);
    capped("avx512_bf16", highest < QUERN_AVX512_BF16 ? highest : QUERN_AVX512_BF16,
           highest > QUERN_AVX512_BF16 ? "QUERN_MAX_ISA=avx512_bf16 forbids" : why);
    capped("avx512", highest < QUERN_AVX512 ? highest : QUERN_AVX512,
           highest > QUERN_AVX512 ? "QUERN_MAX_ISA=avx512 forbids" : why);
    capped("avx2", highest < QUERN_AVX2 ? highest : QUERN_AVX2,
           highest > QUERN_AVX2 ? "QUERN_MAX_ISA=avx2 forbids" : why);
    capped("scalar", QUERN_SCALAR, highest > QUERN_SCALAR ? "QUERN_MAX_ISA=scalar forbids" : why);
    capped("Scalar", QUERN_SCALAR, highest > QUERN_SCALAR ? "QUERN_MAX_ISA=scalar forbids" : why);
    capped("AVX", highest, "QUERN_MAX_ISA is not one of scalar, avx2, avx512, avx512_bf16, amx");

    for (int32_t tier = -1; tier <= QUERN_TIERS; tier++) {
        int known = tier >= 0 && tier < QUERN_TIERS;
        const char *name = quern_tier_name(tier);
        CHECK((name != NULL) == known, "name of tier %d", tier);
        CHECK(!known || strcmp(name, check_tier_names[tier]) == 0, "tier %d is %s", tier, name);
        int right = quern_tier_check(tier);
        CHECK(right == (known && check_has_tier(tier)), "tier %d is right: %d, %s", tier, right,
              quern_error_message());
        CHECK((quern_error_message()[0] == 0) == (right == 1), "tier %d says: %s", tier,
              quern_error_message());
    }

#define QUERN_KERNEL(name)                                                                  \
    CHECK(strcmp(quern_kernel_name(QUERN_KERNEL_##name), #name) == 0, #name);               \
    CHECK(quern_function_of(QUERN_SCALAR, QUERN_KERNEL_##name) != NULL, "scalar " #name);   \
    CHECK(!check_has_tier(QUERN_AVX2) || quern_function_of(QUERN_AVX2, QUERN_KERNEL_##name), \
          "avx2 " #name);                                                                   \
    CHECK(!check_has_tier(QUERN_AVX512) || quern_function_of(QUERN_AVX512, QUERN_KERNEL_##name), \
          "avx512 " #name);                                                                 \
    CHECK(!check_has_tier(QUERN_AVX512_BF16) ||                                             \
              quern_function_of(QUERN_AVX512_BF16, QUERN_KERNEL_##name),                    \
          "avx512_bf16 " #name);                                                            \
    CHECK(!check_has_tier(QUERN_AMX) || quern_function_of(QUERN_AMX, QUERN_KERNEL_##name),  \
          "amx " #name);
#include "kernels.def"
#undef QUERN_KERNEL
    CHECK(quern_kernel_count() == QUERN_KERNELS, "%d kernels", quern_kernel_count());
    CHECK(quern_kernel_name(-1) == NULL && quern_kernel_name(QUERN_KERNELS) == NULL, "no name");
    CHECK(quern_function_of(QUERN_SCALAR, QUERN_KERNELS) == NULL, "no function");
    CHECK(quern_function_of(QUERN_TIERS, 0) == NULL, "no tier");
    CHECK(quern_abi_version() == QUERN_ABI_VERSION, "version %d", quern_abi_version());
    printf("%s\n", quern_version());
    CHECK(strstr(quern_version(), " (") != NULL, "%s", quern_version());
    return check_result();
}
