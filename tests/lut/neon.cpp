// Runs on 64-bit Arm. Checks that the NEON kernel gives the same bytes as the plain kernel, and that its floats equal
// the double arithmetic.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "cpu.h"

using namespace sshbench;

static unsigned state = 1;
static unsigned draw() {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static bool bytes_agree(int n, int strength, Layout layout, int bits) {
    std::vector<int16_t> table(size_t(n * n * n + n * n + n + 1) * kEntry, 0);
    for (int i = 0; i < n * n * n; ++i)
        for (int c = 0; c < 6; ++c) table[i * kEntry + c] = int16_t(int(draw() % 65281) - 32640);
    std::vector<uint8_t> places(3 * 768);
    for (int c = 0; c < 3; ++c)
        for (int v = 0; v < 256; ++v) {
            const long steps = std::lround(v / 255.0 * (n - 1) * 32768);
            places[c * 768 + v] = uint8_t(steps >> 15);
            places[c * 768 + 256 + v] = uint8_t(steps & 255);
            places[c * 768 + 512 + v] = uint8_t((steps & 32767) >> 8);
        }
    const PackedLut lut{table.data(), places.data(), n, bits, strength};
    const size_t pixels = 1003;
    std::vector<uint8_t> image(3 * pixels), plain(3 * pixels), neon(3 * pixels);
    for (uint8_t& v : image) v = uint8_t(draw());
    kPlain.bytes(lut, image.data(), plain.data(), layout, pixels, 0, pixels);
    kNeon.bytes(lut, image.data(), neon.data(), layout, pixels, 0, pixels);
    return plain == neon;
}

static double worst_float() {
    const int n = 9;
    std::vector<float> table(n * n * n * 4);
    for (float& v : table) v = (draw() % 10001) / 10000.0f;
    const std::vector<double> exact_table(table.begin(), table.end());
    FloatLut lut{};
    lut.table = table.data();
    lut.strength = 1.0f;
    for (Axis<float>& axis : lut.axis) axis = {0.0f, 1.0f, n - 1.0f, 0.0f, n};
    const Axis<double> axis{0.0, 1.0, n - 1.0, 0.0, n};
    const Strides strides{4, 4 * n, 4 * n * n};
    const size_t pixels = 1000;
    std::vector<float> x(3 * pixels), y(3 * pixels);
    for (float& v : x) v = (draw() % 12001) / 10000.0f - 0.1f;
    kNeon.floats(lut, {x.data(), y.data(), Type::f32, Type::f32, Layout::planar, Layout::planar, pixels, nullptr}, 0, pixels);
    double worst = 0;
    for (size_t i = 0; i < pixels; ++i) {
        Place<double> p[3];
        for (int c = 0; c < 3; ++c) p[c] = locate(double(x[c * pixels + i]), axis);
        const long long corner = p[2].cell * strides.plane + p[1].cell * strides.row + p[0].cell * strides.texel;
        double exact[3];
        trilinear(exact_table.data() + corner, strides, p[0].fraction, p[1].fraction, p[2].fraction, exact);
        for (int c = 0; c < 3; ++c) worst = std::fmax(worst, std::fabs(exact[c] - y[c * pixels + i]));
    }
    return worst;
}

int main() {
    int wrong = 0;
    for (int n : {2, 17, 33})
        for (int strength : {32768, 12000, 1})
            for (Layout layout : {Layout::planar, Layout::interleaved})
                for (int bits : {8, 7}) wrong += !bytes_agree(n, strength, layout, bits);
    const double worst = worst_float();
    std::printf("%d cases with other bytes; floats off by at most %g\n", wrong, worst);
    return wrong != 0 || !(worst <= 1e-6);
}
