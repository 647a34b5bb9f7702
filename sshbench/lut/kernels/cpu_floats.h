// The kernels for all types except uint8 -> uint8. They convert pixels of any type to float32 and process one chunk at
// a time. Each processor's file compiles its own copy.
//
// All processors give the same bits: each sum with a product is a multiply_add, which rounds once on every processor,
// and -ffp-contract=off keeps the compiler from fusing any other operations.
#pragma once
#include <cstring>

#include "cpu.h"

#if defined(__FMA__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace sshbench {
namespace {

constexpr int kChunk = 64;
typedef float f4 __attribute__((vector_size(16)));
typedef float f8 __attribute__((vector_size(32)));
struct Chunk {
    alignas(64) float channel[3][kChunk];
};

// Return a * b + c for each lane, rounded once. The function must be inlined, because calling conventions differ in how
// they pass vectors of 32 bytes.
template <class V>
__attribute__((always_inline)) inline V multiply_add_lanes(V a, float b, V c) {
    if constexpr (sizeof(V) == sizeof(f8)) {
#if defined(__FMA__)
        return V(_mm256_fmadd_ps(__m256(a), _mm256_set1_ps(b), __m256(c)));
#else
        const f4 low = multiply_add_lanes(f4(__builtin_shufflevector(a, a, 0, 1, 2, 3)), b,
                                          f4(__builtin_shufflevector(c, c, 0, 1, 2, 3)));
        const f4 high = multiply_add_lanes(f4(__builtin_shufflevector(a, a, 4, 5, 6, 7)), b,
                                           f4(__builtin_shufflevector(c, c, 4, 5, 6, 7)));
        return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
#endif
    } else {
#if defined(__FMA__)
        return V(_mm_fmadd_ps(__m128(a), _mm_set1_ps(b), __m128(c)));
#elif defined(__aarch64__)
        return V(vfmaq_n_f32(float32x4_t(c), float32x4_t(a), b));
#else
        for (int i = 0; i < 4; ++i) c[i] = multiply_add(a[i], b, c[i]);
        return c;
#endif
    }
}
template <class V>
__attribute__((always_inline)) inline V lerp_lanes(V a, V b, float t) {
    return multiply_add_lanes(V(b - a), t, a);
}

template <class To, class From>
inline To bits_of(From value) {
    static_assert(sizeof(To) == sizeof(From), "same width");
    To out;
    std::memcpy(&out, &value, sizeof out);
    return out;
}
template <class T>
inline T load(const float* p) {
    T out;
    std::memcpy(&out, p, sizeof out);
    return out;
}

// Pixel formats. IEEE 754 half and bfloat16 are converted by their bits, because not every compiler has these types.
struct U8 {
    typedef uint8_t Stored;
    static float read(uint8_t v) { return v * (1.0f / 255.0f); }
    static uint8_t write(float v) { return v > 0.0f ? uint8_t(multiply_add(v < 1.0f ? v : 1.0f, 255.0f, 0.5f)) : 0; }
};
struct U16 {
    typedef uint16_t Stored;
    static float read(uint16_t v) { return v * (1.0f / 65535.0f); }
    static uint16_t write(float v) { return v > 0.0f ? uint16_t(multiply_add(v < 1.0f ? v : 1.0f, 65535.0f, 0.5f)) : 0; }
};
struct F16 {
    typedef uint16_t Stored;
    static float read(uint16_t h) {
        const uint32_t magnitude = h & 0x7fffu;
        const float value = bits_of<float>(magnitude << 13) * 5.192296858534828e33f;  // 2^112
        const uint32_t bits = magnitude >= 0x7c00u ? bits_of<uint32_t>(value) | 0x7f800000u : bits_of<uint32_t>(value);
        return bits_of<float>(bits | uint32_t(h & 0x8000u) << 16);
    }
    static uint16_t write(float v) {
        const uint32_t bits = bits_of<uint32_t>(v), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
        const uint32_t normal = (magnitude + 0xc8000fffu + (magnitude >> 13 & 1u)) >> 13;
        const uint32_t subnormal = bits_of<uint32_t>(bits_of<float>(magnitude) + 0.5f) - 0x3f000000u;
        const uint32_t finite = magnitude < 0x38800000u ? subnormal : normal;
        const uint32_t special = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
        return uint16_t((magnitude >= 0x477ff000u ? special : finite) | sign);
    }
};
struct Bf16 {
    typedef uint16_t Stored;
    static float read(uint16_t h) { return bits_of<float>(uint32_t(h) << 16); }
    static uint16_t write(float v) {
        const uint32_t bits = bits_of<uint32_t>(v);
        const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
        return uint16_t((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
    }
};
struct F32 {
    typedef float Stored;
    static float read(float v) { return v; }
    static float write(float v) { return v; }
};

template <class Format, bool kPlanar>
void read_chunk(const FloatImage& image, size_t at, int count, Chunk& x) {
    const typename Format::Stored* s = static_cast<const typename Format::Stored*>(image.source);
    for (int c = 0; c < 3; ++c) {
        const typename Format::Stored* from = kPlanar ? s + c * image.pixels + at : s + 3 * at + c;
        for (int i = 0; i < count; ++i) x.channel[c][i] = Format::read(from[kPlanar ? i : 3 * i]);
        for (int i = count; i < kChunk; ++i) x.channel[c][i] = 0.0f;
    }
}
template <class Format, bool kPlanar>
void write_chunk(const FloatImage& image, size_t at, int count, const Chunk& y) {
    typename Format::Stored* t = static_cast<typename Format::Stored*>(image.target);
    for (int c = 0; c < 3; ++c) {
        typename Format::Stored* to = kPlanar ? t + c * image.pixels + at : t + 3 * at + c;
        for (int i = 0; i < count; ++i) to[kPlanar ? i : 3 * i] = Format::write(y.channel[c][i]);
    }
}
typedef void (*ReadChunk)(const FloatImage&, size_t, int, Chunk&);
typedef void (*WriteChunk)(const FloatImage&, size_t, int, const Chunk&);
template <bool kPlanar>
ReadChunk reader(Type type) {
    switch (type) {
        case Type::u8: return read_chunk<U8, kPlanar>;
        case Type::u16: return read_chunk<U16, kPlanar>;
        case Type::f16: return read_chunk<F16, kPlanar>;
        case Type::bf16: return read_chunk<Bf16, kPlanar>;
        default: return read_chunk<F32, kPlanar>;
    }
}
template <bool kPlanar>
WriteChunk writer(Type type) {
    switch (type) {
        case Type::u8: return write_chunk<U8, kPlanar>;
        case Type::u16: return write_chunk<U16, kPlanar>;
        case Type::f16: return write_chunk<F16, kPlanar>;
        case Type::bf16: return write_chunk<Bf16, kPlanar>;
        default: return write_chunk<F32, kPlanar>;
    }
}

void shape(const FloatLut& lut, const Chunk& x, Chunk& y) {
    for (int c = 0; c < 3; ++c) {
        const Axis<float> axis = lut.shaper_axis[c];
        const float* curve = lut.shaper + size_t(c) * axis.size;
        for (int i = 0; i < kChunk; ++i) {
            const Place<float> p = locate(x.channel[c][i], axis);
            y.channel[c][i] = lerp(curve[p.cell], curve[p.cell + 1], p.fraction);
        }
    }
}

struct Cells {
    alignas(64) int32_t offset[kChunk];
    alignas(64) float fraction[3][kChunk];
};

inline void locate_cells(const FloatLut& lut, const Chunk& x, Cells& cells) {
    const Axis<float> red = lut.axis[0], green = lut.axis[1], blue = lut.axis[2];
    const int size = red.size;
    for (int i = 0; i < kChunk; ++i) {
        const Place<float> r = locate(x.channel[0][i], red), g = locate(x.channel[1][i], green), b = locate(x.channel[2][i], blue);
        cells.offset[i] = ((b.cell * size + g.cell) * size + r.cell) * 4;
        cells.fraction[0][i] = r.fraction;
        cells.fraction[1][i] = g.fraction;
        cells.fraction[2][i] = b.fraction;
    }
}

// Transpose four RGBx pixels into four values of each channel, and store these from index `i` on.
inline void store_channels(const f4 v[4], Chunk& y, int i) {
    const f4 rg[2] = {__builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5)};
    const f4 bx[2] = {__builtin_shufflevector(v[0], v[1], 2, 6, 3, 7), __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7)};
    const f4 channel[3] = {__builtin_shufflevector(rg[0], rg[1], 0, 1, 4, 5), __builtin_shufflevector(rg[0], rg[1], 2, 3, 6, 7),
                           __builtin_shufflevector(bx[0], bx[1], 0, 1, 4, 5)};
    for (int c = 0; c < 3; ++c) std::memcpy(y.channel[c] + i, &channel[c], sizeof(f4));
}

void interpolate_trilinear(const FloatLut& lut, const Chunk& x, Chunk& y) {
    Cells cells;
    locate_cells(lut, x, cells);
    const ptrdiff_t row = ptrdiff_t(lut.axis[0].size) * 4, plane = row * lut.axis[0].size;
    for (int i = 0; i < kChunk; i += 4) {
        f4 value[4];
        for (int j = i; j < i + 4; ++j) {
            const float* corner = lut.table + cells.offset[j];
            // Each load reads two neighbouring points along red.
            const float fr = cells.fraction[0][j], fg = cells.fraction[1][j], fb = cells.fraction[2][j];
            const f8 g0 = load<f8>(corner), g1 = load<f8>(corner + row);
            const f8 low = lerp_lanes(g0, load<f8>(corner + plane), fb), high = lerp_lanes(g1, load<f8>(corner + plane + row), fb);
            const f8 pair = lerp_lanes(low, high, fg);
            const f4 r0 = __builtin_shufflevector(pair, pair, 0, 1, 2, 3), r1 = __builtin_shufflevector(pair, pair, 4, 5, 6, 7);
            value[j - i] = lerp_lanes(r0, r1, fr);
        }
        store_channels(value, y, i);
    }
}

void interpolate_tetrahedral(const FloatLut& lut, const Chunk& x, Chunk& y) {
    Cells cells;
    locate_cells(lut, x, cells);
    const long long row = lut.axis[0].size * 4LL;
    const Strides strides = {4, row, row * lut.axis[0].size};
    alignas(64) float weight[4][kChunk];
    alignas(64) int32_t step[4][kChunk];
    for (int i = 0; i < kChunk; ++i) {
        long long at[4];
        float w[4];
        tetrahedron(strides, cells.fraction[0][i], cells.fraction[1][i], cells.fraction[2][i], at, w);
        for (int k = 0; k < 4; ++k) {
            step[k][i] = cells.offset[i] + int32_t(at[k]);
            weight[k][i] = w[k];
        }
    }
    for (int i = 0; i < kChunk; i += 4) {
        f4 value[4];
        for (int j = i; j < i + 4; ++j) {
            const auto corner = [&](int k) { return load<f4>(lut.table + step[k][j]); };
            f4 sum = multiply_add_lanes(corner(0), weight[0][j], f4(corner(1) * weight[1][j]));
            sum = multiply_add_lanes(corner(2), weight[2][j], sum);
            value[j - i] = multiply_add_lanes(corner(3), weight[3][j], sum);
        }
        store_channels(value, y, i);
    }
}

// Prefetch the next chunk. The processor does not recognise by itself that the planes are read in order, because the
// scattered reads of the table lie between. The function must be inlined: GCC removes calls of a function that does
// nothing except prefetch.
template <int kWrite>
__attribute__((always_inline)) inline void prefetch(const void* image, Type type, Layout layout, size_t pixels, size_t at) {
    const size_t value = bytes_per_value(type);
    const char* start = static_cast<const char*>(image);
    const bool planar = layout == Layout::planar;
    for (int run = 0; run < (planar ? 3 : 1); ++run) {
        const char* from = start + value * (planar ? run * pixels + at : 3 * at);
        for (size_t i = 0; i < value * kChunk * (planar ? 1 : 3); i += 64) __builtin_prefetch(from + i, kWrite, 3);
    }
}

void floats(const FloatLut& lut, const FloatImage& image, size_t begin, size_t end) {
    const ReadChunk read = image.source_layout == Layout::planar ? reader<true>(image.source_type) : reader<false>(image.source_type);
    const WriteChunk write = image.target_layout == Layout::planar ? writer<true>(image.target_type) : writer<false>(image.target_type);
    const auto interpolate = lut.tetrahedral ? interpolate_tetrahedral : interpolate_trilinear;
    Chunk x, shaped, y;
    for (size_t at = begin; at < end; at += kChunk) {
        const int count = int(end - at < size_t(kChunk) ? end - at : size_t(kChunk));
        if (at + 2 * kChunk <= end) {
            prefetch<0>(image.source, image.source_type, image.source_layout, image.pixels, at + kChunk);
            prefetch<1>(image.target, image.target_type, image.target_layout, image.pixels, at + kChunk);
        }
        read(image, at, count, x);
        if (lut.shaper != nullptr) shape(lut, x, lut.table != nullptr ? shaped : y);
        if (lut.table != nullptr) interpolate(lut, lut.shaper != nullptr ? shaped : x, y);
        if (lut.strength != 1.0f)
            for (int c = 0; c < 3; ++c)
                for (int i = 0; i < kChunk; ++i) y.channel[c][i] = lerp(x.channel[c][i], y.channel[c][i], lut.strength);
        if (image.affine != nullptr)
            for (int c = 0; c < 3; ++c)
                for (int i = 0; i < kChunk; ++i) {
                    const float v = y.channel[c][i], clamped = v < 0.0f ? 0.0f : (v > 1.0f ? 1.0f : v);
                    y.channel[c][i] = multiply_add(clamped, image.affine[c], image.affine[3 + c]);
                }
        write(image, at, count, y);
    }
}

}  // namespace
}  // namespace sshbench
