// Kernels for AVX2 with FMA.
#include "cpu.h"

#if defined(__AVX2__)
#include <immintrin.h>

#include "cpu_bytes.h"
#include "cpu_floats.h"
#include "cpu_pairs.h"

namespace sshbench {
namespace {

constexpr int kBlock = 32;

struct Block {
    alignas(32) int32_t offset[kBlock];       // from the start of the table to the cell of the pixel, in bytes
    alignas(32) uint16_t fraction[3][kBlock];
    alignas(32) int32_t weight[4][kBlock];    // (b, g) pairs of (r, r + 1) weights
    alignas(32) uint8_t rgbx[kBlock * 4];     // the result; before, the input if it is blended in
};

void store_pairs(int32_t* target, __m256i r0, __m256i r1) {
    // Unpacking works within 128 bits. Storing the halves separately restores the order of the pixels.
    const __m256i low = _mm256_unpacklo_epi16(r0, r1), high = _mm256_unpackhi_epi16(r0, r1);
    __m128i* t = reinterpret_cast<__m128i*>(target);
    _mm_store_si128(t, _mm256_castsi256_si128(low));
    _mm_store_si128(t + 1, _mm256_castsi256_si128(high));
    _mm_store_si128(t + 2, _mm256_extracti128_si256(low, 1));
    _mm_store_si128(t + 3, _mm256_extracti128_si256(high, 1));
}

template <bool kBlend, bool kPlanar>
void bytes_avx2(const PackedLut& lut, const uint8_t* source, uint8_t* target, size_t pixels, size_t begin, size_t end) {
    const PairSums sums(lut);
    int32_t offset[3][256];
    uint16_t fraction[3][256];
    int step = kEntry * sizeof(int16_t);
    for (int c = 0; c < 3; ++c, step *= lut.size) {
        const uint8_t* t = lut.coordinates + c * 768;
        for (int v = 0; v < 256; ++v) {
            offset[c][v] = t[v] * step;
            fraction[c][v] = uint16_t(t[256 + v] | t[512 + v] << 8);
        }
    }
    const __m256i total = _mm256_set1_epi16(short(-lut.strength));
    const __m128i compact = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    constexpr size_t step_pixel = kPlanar ? 1 : 3;
    const size_t plane = kPlanar ? pixels : 1;
    Block block;

    size_t i = begin;
    for (; i + kBlock <= end; i += kBlock) {
        const uint8_t* s = source + i * step_pixel;
        for (int p = 0; p < kBlock; ++p, s += step_pixel) {
            const uint8_t r = s[0], g = s[plane], b = s[2 * plane];
            block.offset[p] = offset[0][r] + offset[1][g] + offset[2][b];
            block.fraction[0][p] = fraction[0][r];
            block.fraction[1][p] = fraction[1][g];
            block.fraction[2][p] = fraction[2][b];
            if (kBlend) {
                const int32_t rgbx = r | g << 8 | b << 16;
                __builtin_memcpy(block.rgbx + 4 * p, &rgbx, 4);
            }
        }
        for (int h = 0; h < kBlock; h += 16) {
            const auto load = [&](int c) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(block.fraction[c] + h)); };
            const __m256i red = load(0), green = load(1), blue = load(2);
            const __m256i b1 = _mm256_mulhrs_epi16(blue, total), b0 = _mm256_sub_epi16(total, b1);
            const __m256i b1g1 = _mm256_mulhrs_epi16(green, b1), b1g0 = _mm256_sub_epi16(b1, b1g1);
            const __m256i b0g1 = _mm256_mulhrs_epi16(green, b0), b0g0 = _mm256_sub_epi16(b0, b0g1);
            const __m256i bg[4] = {b0g0, b0g1, b1g0, b1g1};
            for (int k = 0; k < 4; ++k) {
                const __m256i r1 = _mm256_mulhrs_epi16(red, bg[k]);
                store_pairs(block.weight[k] + h, _mm256_sub_epi16(bg[k], r1), r1);
            }
        }
        for (int p = 0; p < kBlock; p += 4) sums.four_pixels<kBlend>(block.offset, block.weight[0] + p, kBlock, block.rgbx, p);

        if (kPlanar) {
            uint8_t* t = target + i;
            for (int p = 0; p < kBlock; ++p)
                for (int c = 0; c < 3; ++c) t[c * plane + p] = block.rgbx[4 * p + c];
        } else {
            uint8_t* t = target + 3 * i;
            for (int p = 0; p < kBlock; p += 4, t += 12) {
                const __m128i rgb = _mm_shuffle_epi8(_mm_load_si128(reinterpret_cast<const __m128i*>(block.rgbx + 4 * p)), compact);
                if (p + 4 < kBlock) {  // this store writes 4 bytes too many, and the next store overwrites them
                    _mm_storeu_si128(reinterpret_cast<__m128i*>(t), rgb);
                } else {
                    _mm_storel_epi64(reinterpret_cast<__m128i*>(t), rgb);
                    const int32_t last = _mm_extract_epi32(rgb, 2);
                    __builtin_memcpy(t + 8, &last, 4);
                }
            }
        }
    }
    bytes_span(lut, source, target, kPlanar ? Layout::planar : Layout::interleaved, pixels, i, end);
}

void bytes(const PackedLut& lut, const uint8_t* source, uint8_t* target, Layout layout, size_t pixels, size_t begin, size_t end) {
    const bool blend = lut.strength != 32768, planar = layout == Layout::planar;
    (blend ? (planar ? bytes_avx2<true, true> : bytes_avx2<true, false>)
           : (planar ? bytes_avx2<false, true> : bytes_avx2<false, false>))(lut, source, target, pixels, begin, end);
}

bool available() {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

}  // namespace
const Kernels kAvx2 = {"avx2", available, bytes, floats};
}  // namespace sshbench
#else
namespace sshbench {
const Kernels kAvx2 = {"avx2", nullptr, nullptr, nullptr};
}
#endif
