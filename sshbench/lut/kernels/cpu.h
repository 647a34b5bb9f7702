// Declarations that the module and the files of each processor share: plain structs, and the table of functions that
// each file provides.
#pragma once
#include <cstddef>
#include <cstdint>

#include "trilinear.h"

namespace sshbench {

enum class Type : int { u8, u16, f16, bf16, f32 };
static inline size_t bytes_per_value(Type type) { return type == Type::u8 ? 1 : type == Type::f32 ? 4 : 2; }
enum class Layout : int { planar, interleaved };  // [3, H, W] and [H, W, 3]

// A LUT for uint8 -> uint8 in integer arithmetic, which gives the same bits on every processor.
//
// An entry of `table` holds a grid point and its next neighbour along red: R0 R1 G0 G1 B0 B1 0 0 as int16. Each number
// is the negative of (255 v - 127.5) * 2^bits. The weights are negative too, because 16 bits can represent -1 as -32768
// but cannot represent +1. The weights of a pixel sum to exactly -strength. One plane, one row and one entry of padding
// follow the last entry; their weights are always 0.
constexpr int kEntry = 8;
struct PackedLut {
    const int16_t* table;
    const uint8_t* coordinates;  // [3 channels][cell, low byte, high byte of the fraction in 1/32768][256]
    int size;
    int bits;
    int strength;  // in 1/32768
};

// A LUT for all other types. Pixels are converted to float32 and processed in chunks.
struct FloatLut {
    const float* table;  // [B][G][R][4], or null for a 1D LUT
    Axis<float> axis[3];
    const float* shaper;  // [3][S], or null
    Axis<float> shaper_axis[3];
    bool tetrahedral;
    float strength;
};
struct FloatImage {
    const void* source;
    void* target;
    Type source_type, target_type;
    Layout source_layout, target_layout;
    size_t pixels;        // the number of pixels of the whole image, which is the distance between two planes
    const float* affine;  // null, or scale[3] and offset[3] that normalise the output after it was clamped to 0..1
};

struct Kernels {
    const char* name;
    bool (*available)();
    // Both functions process the pixels begin..end of an image that has `pixels` pixels.
    void (*bytes)(const PackedLut&, const uint8_t* source, uint8_t* target, Layout, size_t pixels, size_t begin, size_t end);
    void (*floats)(const FloatLut&, const FloatImage&, size_t begin, size_t end);
};

extern const Kernels kPlain, kNeon, kAvx2, kAvx512;

}  // namespace sshbench
