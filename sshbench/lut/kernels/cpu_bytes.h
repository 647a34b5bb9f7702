// The uint8 kernel in plain integer arithmetic. It defines the result: the vectorised kernels give the same bits, and
// call this kernel for the last pixels, which do not fill a vector.
#pragma once
#include "cpu.h"

namespace sshbench {

// Return round(a * b / 32768) for a in 0..32767 and b in -32768..0, as the instruction pmulhrsw does.
static inline int scale_weight(int a, int b) { return (a * b + 0x4000) >> 15; }

static inline void bytes_pixel(const PackedLut& lut, const uint8_t in[3], uint8_t out[3]) {
    int cell[3], fraction[3];
    for (int c = 0; c < 3; ++c) {
        const uint8_t* t = lut.coordinates + c * 768 + in[c];
        cell[c] = t[0];
        fraction[c] = t[256] | t[512] << 8;
    }
    const ptrdiff_t row = ptrdiff_t(lut.size) * kEntry, plane = row * lut.size;
    const int16_t* corner = lut.table + cell[2] * plane + cell[1] * row + cell[0] * kEntry;
    const int upper_blue = scale_weight(fraction[2], -lut.strength), lower_blue = -lut.strength - upper_blue;
    const int weight_blue[2] = {lower_blue, upper_blue};
    const int shift = 15 + lut.bits;
    int sum[3];
    for (int c = 0; c < 3; ++c)
        sum[c] = (128 << shift) + (32768 - lut.strength) * (2 * in[c] - 255) * (1 << (lut.bits - 1));
    for (int b = 0; b < 2; ++b) {
        const int upper_green = scale_weight(fraction[1], weight_blue[b]);
        const int weight_green[2] = {weight_blue[b] - upper_green, upper_green};
        for (int g = 0; g < 2; ++g) {
            const int upper_red = scale_weight(fraction[0], weight_green[g]), lower_red = weight_green[g] - upper_red;
            const int16_t* pair = corner + b * plane + g * row;
            for (int c = 0; c < 3; ++c) sum[c] += lower_red * pair[2 * c] + upper_red * pair[2 * c + 1];
        }
    }
    for (int c = 0; c < 3; ++c) {
        const int value = sum[c] >> shift;
        out[c] = uint8_t(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

static inline void bytes_span(const PackedLut& lut, const uint8_t* source, uint8_t* target, Layout layout, size_t pixels,
                              size_t begin, size_t end) {
    const size_t step = layout == Layout::planar ? 1 : 3, plane = layout == Layout::planar ? pixels : 1;
    for (size_t i = begin; i < end; ++i) {
        const uint8_t* s = source + i * step;
        uint8_t* t = target + i * step;
        const uint8_t in[3] = {s[0], s[plane], s[2 * plane]};
        uint8_t out[3];
        bytes_pixel(lut, in, out);
        for (int c = 0; c < 3; ++c) t[c * plane] = out[c];
    }
}

}  // namespace sshbench
