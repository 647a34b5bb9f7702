// Kernels for AVX-512 with VBMI and VNNI (Ice Lake, Zen 4 and later).
#include "cpu.h"

#if defined(__AVX512VBMI__) && defined(__AVX512VNNI__)
#include <immintrin.h>

#include "cpu_bytes.h"
#include "cpu_floats.h"
#include "cpu_pairs.h"

namespace sshbench {
namespace {

constexpr int kBlock = 64;

// A table of 256 bytes, in which 64 bytes are looked up at a time.
struct ByteTable {
    __m512i part[4];
    explicit ByteTable(const uint8_t* t) {
        for (int i = 0; i < 4; ++i) part[i] = _mm512_loadu_si512(t + 64 * i);
    }
    __m512i operator()(__m512i x, __mmask64 upper) const {
        return _mm512_mask_mov_epi8(_mm512_permutex2var_epi8(part[0], x, part[1]), upper,
                                    _mm512_permutex2var_epi8(part[2], x, part[3]));
    }
};

struct Indices {
    alignas(64) uint8_t first[3][64], second[3][64];  // interleaved bytes -> one channel
    alignas(64) uint8_t compact[64];                  // RGBx -> RGB
    alignas(64) uint8_t expand[64];                   // RGB -> RGBx
    alignas(64) uint8_t plane[3][64];                 // two registers of RGBx -> 32 bytes of one channel
    Indices() {
        for (int c = 0; c < 3; ++c)
            for (int i = 0; i < 64; ++i) {
                const int at = 3 * i + c;
                first[c][i] = uint8_t(at & 127);
                second[c][i] = uint8_t(at & 63);
                plane[c][i] = uint8_t((4 * i + c) & 127);
            }
        for (int i = 0; i < 64; ++i) compact[i] = uint8_t(i < 48 ? i / 3 * 4 + i % 3 : 0);
        for (int i = 0; i < 64; ++i) expand[i] = uint8_t(i % 4 == 3 ? 0 : i / 4 * 3 + i % 4);
    }
};
const Indices& indices() {
    static const Indices table;
    return table;
}

struct Block {
    alignas(64) int32_t offset[kBlock];         // from the start of the table to the cell of the pixel, in bytes
    alignas(64) int32_t weight[4][4][16];       // (b, g) pairs of (r, r + 1) weights, in the order below
    alignas(64) uint8_t rgbx[kBlock * 4];       // the result; before, the input if it is blended in
};

// Unpacking bytes to words and words to pairs works within 128 bits. The weights of pixel p therefore end up at
// weight[..][p / 4 % 4][p / 16 * 4 + p % 4].

template <bool kBlend>
void bytes_avx512(const PackedLut& lut, const uint8_t* source, uint8_t* target, Layout layout, size_t pixels, size_t begin,
                  size_t end) {
    const Indices& ix = indices();
    const uint8_t* coordinates = lut.coordinates;
    const PairSums sums(lut);
    const __m512i size16 = _mm512_set1_epi16(short(lut.size)), size32 = _mm512_set1_epi32(lut.size);
    const __m512i total = _mm512_set1_epi16(short(-lut.strength));
    const bool planar = layout == Layout::planar;
    Block block;

    size_t i = begin;
    for (; i + kBlock <= end; i += kBlock) {
        __m512i x[3];
        if (planar) {
            for (int c = 0; c < 3; ++c) x[c] = _mm512_loadu_si512(source + c * pixels + i);
        } else {
            const uint8_t* s = source + 3 * i;
            const __m512i a = _mm512_loadu_si512(s), b = _mm512_loadu_si512(s + 64), d = _mm512_loadu_si512(s + 128);
            const __mmask64 from_third[3] = {~0ull << 43, ~0ull << 43, ~0ull << 42};
            for (int c = 0; c < 3; ++c) {
                const __m512i ab = _mm512_permutex2var_epi8(a, _mm512_load_si512(ix.first[c]), b);
                x[c] = _mm512_mask_permutexvar_epi8(ab, from_third[c], _mm512_load_si512(ix.second[c]), d);
            }
        }
        __m512i cell[3], low[3], high[3];
        for (int c = 0; c < 3; ++c) {
            const uint8_t* t = coordinates + c * 768;
            const __mmask64 upper = _mm512_movepi8_mask(x[c]);
            cell[c] = ByteTable(t)(x[c], upper);
            low[c] = ByteTable(t + 256)(x[c], upper);
            high[c] = ByteTable(t + 512)(x[c], upper);
        }
        for (int h = 0; h < 2; ++h) {
            const __m512i blue = _mm512_cvtepu8_epi16(h ? _mm512_extracti64x4_epi64(cell[2], 1) : _mm512_castsi512_si256(cell[2]));
            const __m512i green = _mm512_cvtepu8_epi16(h ? _mm512_extracti64x4_epi64(cell[1], 1) : _mm512_castsi512_si256(cell[1]));
            const __m512i rows = _mm512_add_epi16(_mm512_mullo_epi16(blue, size16), green);
            for (int q = 0; q < 2; ++q) {
                const __m512i wide = _mm512_cvtepu16_epi32(q ? _mm512_extracti64x4_epi64(rows, 1) : _mm512_castsi512_si256(rows));
                const int at = 32 * h + 16 * q;
                const __m128i part = 2 * h + q == 0   ? _mm512_castsi512_si128(cell[0])
                                     : 2 * h + q == 1 ? _mm512_extracti32x4_epi32(cell[0], 1)
                                     : 2 * h + q == 2 ? _mm512_extracti32x4_epi32(cell[0], 2)
                                                      : _mm512_extracti32x4_epi32(cell[0], 3);
                const __m512i entry = _mm512_add_epi32(_mm512_mullo_epi32(wide, size32), _mm512_cvtepu8_epi32(part));
                _mm512_store_si512(block.offset + at, _mm512_slli_epi32(entry, 4));
            }
            __m512i f[3];
            for (int c = 0; c < 3; ++c) f[c] = h ? _mm512_unpackhi_epi8(low[c], high[c]) : _mm512_unpacklo_epi8(low[c], high[c]);
            const __m512i b1 = _mm512_mulhrs_epi16(f[2], total), b0 = _mm512_sub_epi16(total, b1);
            const __m512i b1g1 = _mm512_mulhrs_epi16(f[1], b1), b1g0 = _mm512_sub_epi16(b1, b1g1);
            const __m512i b0g1 = _mm512_mulhrs_epi16(f[1], b0), b0g0 = _mm512_sub_epi16(b0, b0g1);
            const __m512i bg[4] = {b0g0, b0g1, b1g0, b1g1};
            for (int k = 0; k < 4; ++k) {
                const __m512i r1 = _mm512_mulhrs_epi16(f[0], bg[k]), r0 = _mm512_sub_epi16(bg[k], r1);
                _mm512_store_si512(block.weight[k][2 * h], _mm512_unpacklo_epi16(r0, r1));
                _mm512_store_si512(block.weight[k][2 * h + 1], _mm512_unpackhi_epi16(r0, r1));
            }
        }
        if (kBlend) {
            if (planar) {
                const __m512i zero = _mm512_setzero_si512();
                const __m512i rg[2] = {_mm512_unpacklo_epi8(x[0], x[1]), _mm512_unpackhi_epi8(x[0], x[1])};
                const __m512i bz[2] = {_mm512_unpacklo_epi8(x[2], zero), _mm512_unpackhi_epi8(x[2], zero)};
                for (int k = 0; k < 4; ++k) {
                    const __m512i v = k % 2 ? _mm512_unpackhi_epi16(rg[k / 2], bz[k / 2]) : _mm512_unpacklo_epi16(rg[k / 2], bz[k / 2]);
                    for (int lane = 0; lane < 4; ++lane) {
                        const __m128i part = lane == 0   ? _mm512_castsi512_si128(v)
                                             : lane == 1 ? _mm512_extracti32x4_epi32(v, 1)
                                             : lane == 2 ? _mm512_extracti32x4_epi32(v, 2)
                                                         : _mm512_extracti32x4_epi32(v, 3);
                        _mm_store_si128(reinterpret_cast<__m128i*>(block.rgbx + 64 * lane + 16 * k), part);
                    }
                }
            } else {
                for (int k = 0; k < 4; ++k) {
                    const __m512i v = _mm512_maskz_loadu_epi8((1ull << 48) - 1, source + 3 * i + 48 * k);
                    _mm512_store_si512(block.rgbx + 64 * k, _mm512_permutexvar_epi8(_mm512_load_si512(ix.expand), v));
                }
            }
        }
        for (int lane = 0; lane < 4; ++lane)
            for (int k = 0; k < 4; ++k) sums.four_pixels<kBlend>(block.offset, &block.weight[0][k][4 * lane], 64, block.rgbx, 16 * lane + 4 * k);
        __m512i out[4];
        for (int k = 0; k < 4; ++k) out[k] = _mm512_load_si512(block.rgbx + 64 * k);
        if (planar) {
            for (int c = 0; c < 3; ++c) {
                const __m512i at = _mm512_load_si512(ix.plane[c]);
                const __m256i half[2] = {_mm512_castsi512_si256(_mm512_permutex2var_epi8(out[0], at, out[1])),
                                         _mm512_castsi512_si256(_mm512_permutex2var_epi8(out[2], at, out[3]))};
                uint8_t* t = target + c * pixels + i;
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(t), half[0]);
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(t + 32), half[1]);
            }
        } else {
            const __m512i compact = _mm512_load_si512(ix.compact);
            for (int k = 0; k < 4; ++k)
                _mm512_mask_storeu_epi8(target + 3 * i + 48 * k, (1ull << 48) - 1, _mm512_permutexvar_epi8(compact, out[k]));
        }
    }
    bytes_span(lut, source, target, layout, pixels, i, end);
}

void bytes(const PackedLut& lut, const uint8_t* source, uint8_t* target, Layout layout, size_t pixels, size_t begin, size_t end) {
    (lut.strength == 32768 ? bytes_avx512<false> : bytes_avx512<true>)(lut, source, target, layout, pixels, begin, end);
}

bool available() {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
}

}  // namespace
const Kernels kAvx512 = {"avx512", available, bytes, floats};
}  // namespace sshbench
#else
namespace sshbench {
const Kernels kAvx512 = {"avx512", nullptr, nullptr, nullptr};
}
#endif
