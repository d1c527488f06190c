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
    for (int32_t most = 0; most < QUERN_AMX; most++) {
        int32_t allowed = most;
        while (!check_has_tier(allowed)) allowed--;
        char text[64];
        snprintf(text, sizeof text, "QUERN_MAX_ISA=%s forbids", check_tier_names[most]);
        capped(check_tier_names[most], allowed, highest > most ? text : why);
    }
    capped("Scalar", QUERN_SCALAR, highest > QUERN_SCALAR ? "QUERN_MAX_ISA=scalar forbids" : why);
    capped("AVX", highest, "QUERN_MAX_ISA is not one of scalar, avx2, avx2_vnni, avx512, avx512_vnni, avx512_bf16, amx");

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

#define QUERN_KERNEL(name)                                                                             \
    CHECK(strcmp(quern_kernel_name(QUERN_KERNEL_##name), #name) == 0, #name);                          \
    for (int32_t tier = 0; tier < QUERN_TIERS; tier++) {                                               \
        CHECK(!check_has_tier(tier) || quern_function_of(tier, QUERN_KERNEL_##name), "%s " #name,      \
              check_tier_names[tier]);                                                                 \
    }
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
