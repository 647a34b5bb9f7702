// Checks that multiply_add of trilinear.h rounds only once, as std::fma does, also without a fused instruction.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "trilinear.h"

static uint64_t state = 88172645463325252ull;
static uint32_t draw() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return uint32_t(state >> 16);
}
static float from_bits(uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

int main() {
    long twice = 0;  // counts the cases in which two roundings give another result; without any, the test proves nothing
    for (long i = 0; i < 30000000; ++i) {
        float a = from_bits(draw()), b = from_bits(draw()), c = from_bits(draw());
        if (i % 3 == 0) a = 1.0f + (draw() & 4095) * 0x1p-12f, b = 1.0f + (draw() & 4095) * 0x1p-12f, c = std::ldexp(a, -int(draw() % 60));
        if (i % 3 == 1) a = draw() * 0x1p-32f, b = 1.0f - a, c = draw() * 0x1p-32f * std::ldexp(1.0f, -int(draw() % 60));
        const float exact = std::fma(a, b, c), ours = sshbench::multiply_add(a, b, c);
        twice += exact != float(double(a) * b + c);
        if (std::memcmp(&exact, &ours, sizeof exact) != 0 && !(std::isnan(exact) && std::isnan(ours))) {
            std::printf("%a * %a + %a is %a, not %a\n", a, b, c, exact, ours);
            return 1;
        }
    }
    if (twice == 0) std::printf("no case where rounding twice differs\n");
    return twice == 0;
}
