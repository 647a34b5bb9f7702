// Kernels for 64-bit Arm.
#include "cpu.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#include "cpu_bytes.h"
#include "cpu_floats.h"

namespace sshbench {
namespace {

constexpr int kBlock = 8;

void bytes_neon(const PackedLut& lut, const uint8_t* source, uint8_t* target, Layout layout, size_t pixels, size_t begin,
                size_t end) {
    int32_t offset[3][256];
    int16_t fraction[3][256];
    int step = kEntry;
    for (int c = 0; c < 3; ++c, step *= lut.size) {
        const uint8_t* t = lut.coordinates + c * 768;
        for (int v = 0; v < 256; ++v) {
            offset[c][v] = t[v] * step;
            fraction[c][v] = int16_t(t[256 + v] | t[512 + v] << 8);
        }
    }
    const ptrdiff_t row = ptrdiff_t(lut.size) * kEntry, plane = row * lut.size;
    const int16x8_t total = vdupq_n_s16(int16_t(-lut.strength));
    const int32x4_t shift = vdupq_n_s32(-(15 + lut.bits));
    // The input contributes (2 x - 255) * keep * 2^(bits - 1). `start` holds the part that does not depend on x.
    const int32_t keep = 32768 - lut.strength;
    const int32x4_t start = vdupq_n_s32((128 << (15 + lut.bits)) - 255 * (keep << (lut.bits - 1)));
    const size_t pixel = layout == Layout::planar ? 1 : 3, channel = layout == Layout::planar ? pixels : 1;

    size_t i = begin;
    for (; i + kBlock <= end; i += kBlock) {
        const uint8_t* s = source + i * pixel;
        uint8_t* t = target + i * pixel;
        int32_t corner[kBlock], x[kBlock][4];
        int16_t place[3][kBlock], weight[4][2][kBlock];
        for (int p = 0; p < kBlock; ++p) {
            corner[p] = x[p][3] = 0;
            for (int c = 0; c < 3; ++c) {
                const uint8_t v = s[p * pixel + c * channel];
                x[p][c] = v;
                corner[p] += offset[c][v];
                place[c][p] = fraction[c][v];
            }
        }
        // vqrdmulh rounds in the same way as scale_weight.
        const int16x8_t red = vld1q_s16(place[0]), green = vld1q_s16(place[1]), blue = vld1q_s16(place[2]);
        const int16x8_t b1 = vqrdmulhq_s16(blue, total), b0 = vsubq_s16(total, b1);
        const int16x8_t b1g1 = vqrdmulhq_s16(green, b1), b0g1 = vqrdmulhq_s16(green, b0);
        const int16x8_t bg[4] = {vsubq_s16(b0, b0g1), b0g1, vsubq_s16(b1, b1g1), b1g1};
        for (int k = 0; k < 4; ++k) {
            const int16x8_t r1 = vqrdmulhq_s16(red, bg[k]);
            vst1q_s16(weight[k][0], vsubq_s16(bg[k], r1));
            vst1q_s16(weight[k][1], r1);
        }
        for (int p = 0; p < kBlock; ++p) {
            int32x4_t sum = vmlaq_n_s32(start, vld1q_s32(x[p]), keep << lut.bits);
            for (int k = 0; k < 4; ++k) {
                const int16x4x2_t pair = vld2_s16(lut.table + corner[p] + (k / 2) * plane + (k % 2) * row);
                sum = vmlal_n_s16(sum, pair.val[0], weight[k][0][p]);
                sum = vmlal_n_s16(sum, pair.val[1], weight[k][1][p]);
            }
            const uint16x4_t words = vqmovun_s32(vshlq_s32(sum, shift));
            uint8_t out[8];
            vst1_u8(out, vqmovn_u16(vcombine_u16(words, words)));
            for (int c = 0; c < 3; ++c) t[p * pixel + c * channel] = out[c];
        }
    }
    bytes_span(lut, source, target, layout, pixels, i, end);
}

bool available() { return true; }

}  // namespace
const Kernels kNeon = {"neon", available, bytes_neon, floats};
}  // namespace sshbench
#else
namespace sshbench {
const Kernels kNeon = {"neon", nullptr, nullptr, nullptr};
}
#endif
