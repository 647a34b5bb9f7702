// The inner loop of the uint8 kernels for x86. Each pixel has four pairs (r, r + 1), which are multiplied by their
// weights and summed.
#pragma once
#include <immintrin.h>

#include "cpu.h"

namespace sshbench {
namespace {

inline __m128i add_products(__m128i sum, __m128i pairs, __m128i weights) {
#ifdef __AVX512VNNI__
    return _mm_dpwssd_epi32(sum, pairs, weights);
#else
    return _mm_add_epi32(sum, _mm_madd_epi16(pairs, weights));
#endif
}

struct PairSums {
    const char* table;
    ptrdiff_t row, plane;  // in bytes
    __m128i start, shift, keep, bits;

    explicit PairSums(const PackedLut& lut) {
        table = reinterpret_cast<const char*>(lut.table);
        row = ptrdiff_t(lut.size) * kEntry * sizeof(int16_t);
        plane = row * lut.size;
        shift = _mm_cvtsi32_si128(15 + lut.bits);
        bits = _mm_cvtsi32_si128(lut.bits);
        // The input contributes (2 x - 255) * keep * 2^(bits - 1). `start` holds the part that does not depend on x.
        const int input = 32768 - lut.strength;
        start = _mm_set1_epi32((128 << (15 + lut.bits)) - 255 * (input << (lut.bits - 1)));
        keep = _mm_set1_epi32(uint16_t(-input));
    }

    // Process the pixels p..p+3. `offset` has the offset of each pixel's entry in bytes, and weight[bg * stride + j] is
    // the weight of the pair (b, g) = 0..3 for pixel p + j. The results are written as RGBx to rgbx + 4 p. With kBlend,
    // the input pixels stand there before and are blended in.
    template <bool kBlend>
    inline void four_pixels(const int32_t* offset, const int32_t* weight, int stride, uint8_t* rgbx, int p) const {
        __m128i sum[4];
        for (int j = 0; j < 4; ++j) {
            const char* corner = table + offset[p + j];
            const auto pairs = [&](ptrdiff_t at) { return _mm_load_si128(reinterpret_cast<const __m128i*>(corner + at)); };
            const auto weights = [&](int bg) { return _mm_set1_epi32(weight[bg * stride + j]); };
            __m128i s = start;
            if (kBlend) {
                int32_t pixel;
                __builtin_memcpy(&pixel, rgbx + 4 * (p + j), 4);
                const __m128i wide = _mm_cvtepu8_epi32(_mm_cvtsi32_si128(pixel));
                s = _mm_sub_epi32(s, _mm_sll_epi32(_mm_madd_epi16(wide, keep), bits));
            }
            s = add_products(s, pairs(0), weights(0));
            s = add_products(s, pairs(row), weights(1));
            s = add_products(s, pairs(plane), weights(2));
            s = add_products(s, pairs(plane + row), weights(3));
            sum[j] = _mm_sra_epi32(s, shift);
        }
        const __m128i low = _mm_packs_epi32(sum[0], sum[1]), high = _mm_packs_epi32(sum[2], sum[3]);
        _mm_store_si128(reinterpret_cast<__m128i*>(rgbx + 4 * p), _mm_packus_epi16(low, high));
    }
};

}  // namespace
}  // namespace sshbench
