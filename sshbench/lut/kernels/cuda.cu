// LUTs on CUDA devices. Compiled at first use by NVRTC with no header but trilinear.h, and by a C++ compiler in the
// tests, where a shim stands in for the built-ins. Layout on the device, and why:
//  - a table is packed as one 16-byte texel (r, g, b, 0) a point, so that a pixel is eight 16-byte loads through L1;
//  - a thread takes 16 bytes of output at a time from each of three planes (or 48 interleaved bytes) and works on four
//    pixels at once, so that their loads overlap;
//  - images are on grid.y with one table index each, so that a batch with distinct LUTs is one launch.
#include "trilinear.h"

#define DEVICE static __device__ __forceinline__

namespace sshbench {

enum Layout { NCHW, NHWC };
enum Method { TRILINEAR, TETRAHEDRAL };

constexpr int THREADS = 256;

struct Half {
    unsigned short bits;
};
struct Bfloat16 {
    unsigned short bits;
};

template <class P>
struct Format {
    using Value = float;  // what is computed in
};
template <>
struct Format<double> {
    using Value = double;
};

template <class A, class B>
constexpr bool same = false;
template <class A>
constexpr bool same<A, A> = true;

// All that a kernel needs. T is float, or double for double images. The host writes this struct: see `Job` in cuda.py.
template <class T>
struct Job {
    const void* images;
    void* out;
    const T* table;         // [tables, B, G, R, 4], or null
    const T* shaper;        // [tables, S, 3], or null
    const int* index;       // [count] or null; clamped to the tables there are, so that it cannot read elsewhere
    const T* strength;      // [count] or null
    const void* grad_out;
    void* grad_images;  // these four: null where not needed
    T* grad_table;      // [tables, B, G, R, 4]
    T* grad_shaper;     // [tables, S, 3]
    T* grad_strength;   // [count]
    long long pixels;   // of one image
    int count, tables;
    int aligned;  // all rows of a tile begin at a multiple of the access width
    int unused;
    Axis<T> axis[3], curve[3];
    T mean[3], inverse_deviation[3];
};

// ---- pixels in memory -----------------------------------------------------------------------------------------------

DEVICE float decode(unsigned char v) { return static_cast<float>(v) * (1.0f / 255.0f); }
DEVICE float decode(float v) { return v; }
DEVICE double decode(double v) { return v; }
DEVICE float decode(Bfloat16 v) { return __uint_as_float(static_cast<unsigned>(v.bits) << 16); }

DEVICE void encode(float v, unsigned char& out) {
    v = fmaf(v, 255.0f, 0.5f);
    out = static_cast<unsigned char>(static_cast<int>(fminf(fmaxf(v, 0.0f), 255.5f)));
}
DEVICE void encode(float v, float& out) { out = v; }
DEVICE void encode(double v, double& out) { out = v; }
DEVICE void encode(float v, Bfloat16& out) {  // to nearest, ties to even
    const unsigned bits = __float_as_uint(v);
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    out.bits = static_cast<unsigned short>(nan ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

#if defined(__CUDA_ARCH__)
DEVICE float decode(Half v) {
    float out;
    asm("cvt.f32.f16 %0, %1;" : "=f"(out) : "h"(v.bits));
    return out;
}
DEVICE void encode(float v, Half& out) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out.bits) : "f"(v)); }

// Pixels are used once: they must not push the table out of L1.
DEVICE void load(const void* from, unsigned (&to)[4]) {
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "l"(from));
}
DEVICE void load(const void* from, unsigned (&to)[2]) {
    asm volatile("ld.global.nc.L1::no_allocate.v2.u32 {%0, %1}, [%2];" : "=r"(to[0]), "=r"(to[1]) : "l"(from));
}
DEVICE void load(const void* from, unsigned (&to)[1]) {
    asm volatile("ld.global.nc.L1::no_allocate.u32 %0, [%1];" : "=r"(to[0]) : "l"(from));
}
DEVICE void store(const unsigned (&from)[4], void* to) {
    __stcs(static_cast<uint4*>(to), make_uint4(from[0], from[1], from[2], from[3]));
}

// Has the input decoded again where it is needed: kept as words it takes fewer registers than as numbers.
template <int N>
DEVICE void forget(unsigned (&words)[N]) {
#pragma unroll
    for (int i = 0; i < N; ++i) asm volatile("" : "+r"(words[i]));
}

// One add a texel where the device has it (sm_90), else one a channel.
DEVICE void add_texel(float* to, const float v[3]) {
#if __CUDA_ARCH__ >= 900
    asm volatile("red.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(to), "f"(v[0]), "f"(v[1]), "f"(v[2]), "f"(0.0f)
                 : "memory");
#else
    for (int c = 0; c < 3; ++c) atomicAdd(to + c, v[c]);
#endif
}
template <class T>
DEVICE T warp_sum(T v) {
    for (int lanes = 16; lanes > 0; lanes /= 2) v += __shfl_down_sync(0xffffffffu, v, lanes);
    return v;
}
DEVICE bool first_lane() { return threadIdx.x % 32 == 0; }
#else
DEVICE float decode(Half v) { return half_to_float(v.bits); }
DEVICE void encode(float v, Half& out) { out.bits = float_to_half(v); }
template <int N>
DEVICE void load(const void* from, unsigned (&to)[N]) {
    load_aligned(from, to, sizeof to);
}
DEVICE void store(const unsigned (&from)[4], void* to) { store_aligned(from, to, sizeof from); }
template <int N>
DEVICE void forget(unsigned (&)[N]) {}
DEVICE void add_texel(float* to, const float v[3]) {
    for (int c = 0; c < 3; ++c) atomicAdd(to + c, v[c]);
}
template <class T>
DEVICE T warp_sum(T v) {
    return v;
}
DEVICE bool first_lane() { return true; }
#endif
DEVICE void add_texel(double* to, const double v[3]) {
    for (int c = 0; c < 3; ++c) atomicAdd(to + c, v[c]);
}

// A tile's words are ROWS rows of LENGTH. The loop over its steps takes STEP words from the front of each row and puts
// the results at the back. All by moves: a register array cannot be indexed by a loop that is not unrolled.
template <int ROWS, int LENGTH, int STEP>
DEVICE void shift(unsigned* words) {
#pragma unroll
    for (int row = 0; row < ROWS; ++row)
#pragma unroll
        for (int i = 0; i < LENGTH - STEP; ++i) words[row * LENGTH + i] = words[row * LENGTH + i + STEP];
}
template <int ROWS, int LENGTH, int STEP>
DEVICE void take(unsigned* words, unsigned* step) {
#pragma unroll
    for (int row = 0; row < ROWS; ++row)
#pragma unroll
        for (int i = 0; i < STEP; ++i) step[row * STEP + i] = words[row * LENGTH + i];
    shift<ROWS, LENGTH, STEP>(words);
}
template <int ROWS, int LENGTH, int STEP>
DEVICE void put(unsigned* words, const unsigned* step) {
#pragma unroll
    for (int row = 0; row < ROWS; ++row)
#pragma unroll
        for (int i = 0; i < STEP; ++i) words[row * LENGTH + LENGTH - STEP + i] = step[row * STEP + i];
}

// ---- one pixel through the LUT --------------------------------------------------------------------------------------

DEVICE void load_texel(const float* from, float* to) {
    const float4 v = __ldg(reinterpret_cast<const float4*>(from));
    to[0] = v.x, to[1] = v.y, to[2] = v.z;
}
DEVICE void load_texel(const double* from, double* to) {
    const double2 v = __ldg(reinterpret_cast<const double2*>(from));
    to[0] = v.x, to[1] = v.y, to[2] = __ldg(from + 2);
}

// The eight corners of a cell as trilinear() wants them.
constexpr Strides CELL = {4, 8, 16};

struct Steps {  // to the next point of a packed table along green and blue; along red it is 4
    int row, plane;
};
template <class T>
DEVICE Steps steps_of(const Job<T>& job) {
    const int row = 4 * job.axis[0].size;
    return {row, row * job.axis[1].size};
}
template <class T>
DEVICE int offset_of(const Place<T> (&place)[3], const Steps& steps) {
    return place[2].cell * steps.plane + place[1].cell * steps.row + place[0].cell * 4;
}

template <class T>
DEVICE void load_cell(const T* corner, const Steps& steps, T (&cell)[32]) {
#pragma unroll
    for (int i = 0; i < 8; ++i)
        load_texel(corner + (i >> 2) * steps.plane + ((i >> 1) & 1) * steps.row + (i & 1) * 4, cell + 4 * i);
}

template <int METHOD, class T>
DEVICE void interpolate(const T* corner, const Steps& steps, const Place<T> (&place)[3], T out[3]) {
    const T fr = place[0].fraction, fg = place[1].fraction, fb = place[2].fraction;
    if constexpr (METHOD == TRILINEAR) {
        T cell[32];
        load_cell(corner, steps, cell);
        trilinear(cell, CELL, fr, fg, fb, out);
    } else {
        long long at[4];
        T weight[4], texel[4][3];
        tetrahedron(Strides{4, steps.row, steps.plane}, fr, fg, fb, at, weight);
#pragma unroll
        for (int k = 0; k < 4; ++k) load_texel(corner + static_cast<int>(at[k]), texel[k]);
#pragma unroll
        for (int c = 0; c < 3; ++c)
            out[c] = weight[0] * texel[0][c] + weight[1] * texel[1][c] + weight[2] * texel[2][c] + weight[3] * texel[3][c];
    }
}

template <class T>
struct Tables {  // of one image
    const T *table, *shaper;
    long long table_offset, shaper_offset;
    T strength;
    bool blend;
};
template <class T>
DEVICE Tables<T> tables_of(const Job<T>& job, int image) {
    int k = job.index == nullptr ? 0 : job.index[image];
    k = k < 0 ? 0 : (k < job.tables ? k : job.tables - 1);
    const Steps steps = steps_of(job);
    Tables<T> tables;
    tables.table_offset = static_cast<long long>(k) * steps.plane * job.axis[2].size;
    tables.shaper_offset = 3LL * k * job.curve[0].size;
    tables.table = job.table == nullptr ? nullptr : job.table + tables.table_offset;
    tables.shaper = job.shaper == nullptr ? nullptr : job.shaper + tables.shaper_offset;
    tables.strength = job.strength == nullptr ? T(1) : job.strength[image];
    tables.blend = tables.strength != T(1);  // at strength 1 the input has no part: infinity - infinity is NaN
    return tables;
}

// The shaper for all pixels, then the table for two at a time: sixteen loads in flight a thread, and no more, as with
// more of them the registers run out.
template <int METHOD, int N, class T>
DEVICE void apply(const Job<T>& job, const Tables<T>& tables, T (&value)[N][3]) {
    if (tables.shaper != nullptr) {
#pragma unroll
        for (int i = 0; i < N; ++i)
#pragma unroll
            for (int c = 0; c < 3; ++c) {
                const Place<T> place = locate(value[i][c], job.curve[c]);
                const T* point = tables.shaper + 3 * place.cell + c;
                value[i][c] = lerp(__ldg(point), __ldg(point + 3), place.fraction);
            }
    }
    if (tables.table != nullptr) {
        const Steps steps = steps_of(job);
        constexpr int PAIR = N < 2 ? N : 2;
#pragma unroll 1
        for (int pair = 0; pair < N / PAIR; ++pair) {
            T result[PAIR][3];
#pragma unroll
            for (int i = 0; i < PAIR; ++i) {
                Place<T> place[3];
#pragma unroll
                for (int c = 0; c < 3; ++c) place[c] = locate(value[i][c], job.axis[c]);
                interpolate<METHOD>(tables.table + offset_of(place, steps), steps, place, result[i]);
            }
#pragma unroll
            for (int c = 0; c < 3; ++c) {
#pragma unroll
                for (int i = 0; i < N - PAIR; ++i) value[i][c] = value[i + PAIR][c];
#pragma unroll
                for (int i = 0; i < PAIR; ++i) value[N - PAIR + i][c] = result[i][c];
            }
        }
    }
}

// What is written of a channel: strength, and for a training tensor the range, mean and deviation.
template <bool NORMALIZE, class T>
DEVICE T finished(const Job<T>& job, const Tables<T>& tables, T input, T value, int c) {
    if (tables.blend) value = multiply_add(tables.strength, value - input, input);
    if constexpr (NORMALIZE) {
        value = value < T(0) ? T(0) : (value > T(1) ? T(1) : value);
        value = (value - job.mean[c]) * job.inverse_deviation[c];
    }
    return value;
}

// In == Out: the LUT alone. unsigned char to a float format: the LUT, then (value - mean) / deviation, as NCHW.
template <class In, class Out, int LAYOUT, int METHOD>
__global__ __launch_bounds__(THREADS, same<In, double> ? 1 : 2) void forward(const Job<typename Format<Out>::Value> job) {
    using T = typename Format<Out>::Value;
    constexpr bool NORMALIZE = !same<In, Out>;
    constexpr int OUT_LAYOUT = NORMALIZE ? NCHW : LAYOUT;
    constexpr int TILE = 16 / sizeof(Out), STEP = TILE < 4 ? TILE : 4;
    constexpr int IN_WORDS = TILE * sizeof(In) / 4, IN_STEP = STEP * sizeof(In) / 4;  // of one row of three
    constexpr int OUT_WORDS = 4, OUT_STEP = STEP * sizeof(Out) / 4;

    const long long pixels = job.pixels;
    for (int image = blockIdx.y; image < job.count; image += gridDim.y) {
        const Tables<T> tables = tables_of(job, image);
        const In* in = static_cast<const In*>(job.images) + 3 * pixels * image;
        Out* out = static_cast<Out*>(job.out) + 3 * pixels * image;

        const long long tiles = job.aligned ? pixels / TILE : 0;
        const long long stride = static_cast<long long>(gridDim.x) * blockDim.x;
        for (long long tile = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; tile < tiles; tile += stride) {
            unsigned words[3 * IN_WORDS], apart[NORMALIZE ? 3 * OUT_WORDS : 1];
            unsigned* results = NORMALIZE ? apart : words;  // what was taken at the front makes room at the back
#pragma unroll
            for (int row = 0; row < 3; ++row) {
                unsigned part[IN_WORDS];
                load(in + (LAYOUT == NCHW ? row * pixels + tile * TILE : (3 * tile + row) * TILE), part);
#pragma unroll
                for (int i = 0; i < IN_WORDS; ++i) words[row * IN_WORDS + i] = part[i];
            }
#pragma unroll 1
            for (int step = 0; step < TILE / STEP; ++step) {
                alignas(16) unsigned taken[3 * IN_STEP], given[3 * OUT_STEP];
                if constexpr (LAYOUT == NCHW) take<3, IN_WORDS, IN_STEP>(words, taken);
                else take<1, 3 * IN_WORDS, 3 * IN_STEP>(words, taken);
                const In* input = reinterpret_cast<const In*>(taken);
                Out* output = reinterpret_cast<Out*>(given);
                T value[STEP][3];
#pragma unroll
                for (int i = 0; i < STEP; ++i)
#pragma unroll
                    for (int c = 0; c < 3; ++c)
                        value[i][c] = decode(input[LAYOUT == NCHW ? c * STEP + i : 3 * i + c]);
                apply<METHOD>(job, tables, value);
                forget(taken);
#pragma unroll
                for (int i = 0; i < STEP; ++i)
#pragma unroll
                    for (int c = 0; c < 3; ++c)
                        encode(finished<NORMALIZE>(job, tables, static_cast<T>(decode(input[LAYOUT == NCHW ? c * STEP + i : 3 * i + c])), value[i][c], c),
                               output[OUT_LAYOUT == NCHW ? c * STEP + i : 3 * i + c]);
                if constexpr (NORMALIZE) shift<3, OUT_WORDS, OUT_STEP>(results);
                if constexpr (OUT_LAYOUT == NCHW) put<3, OUT_WORDS, OUT_STEP>(results, given);
                else put<1, 3 * OUT_WORDS, 3 * OUT_STEP>(results, given);
            }
#pragma unroll
            for (int row = 0; row < 3; ++row) {
                unsigned part[OUT_WORDS];
#pragma unroll
                for (int i = 0; i < OUT_WORDS; ++i) part[i] = results[row * OUT_WORDS + i];
                store(part, out + (OUT_LAYOUT == NCHW ? row * pixels + tile * TILE : (3 * tile + row) * TILE));
            }
        }

        // What is left, or all of an image whose rows are not aligned: neighbouring threads on neighbouring pixels.
        for (long long p = tiles * TILE + static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; p < pixels;
             p += stride) {
            T input[3], value[1][3];
#pragma unroll
            for (int c = 0; c < 3; ++c) input[c] = value[0][c] = decode(in[LAYOUT == NCHW ? c * pixels + p : 3 * p + c]);
            apply<METHOD>(job, tables, value);
#pragma unroll
            for (int c = 0; c < 3; ++c)
                encode(finished<NORMALIZE>(job, tables, input[c], value[0][c], c),
                       out[OUT_LAYOUT == NCHW ? c * pixels + p : 3 * p + c]);
        }
    }
}

// ---- gradients ------------------------------------------------------------------------------------------------------

// The stages of one pixel are computed again, then walked backwards. Sums over pixels are atomic, so their last bits
// depend on the order of threads.
template <class P, int METHOD>
__global__ __launch_bounds__(THREADS, same<P, double> ? 1 : 2) void backward(const Job<typename Format<P>::Value> job) {
    using T = typename Format<P>::Value;
    const long long pixels = job.pixels;
    const Steps steps = steps_of(job);
    for (int image = blockIdx.y; image < job.count; image += gridDim.y) {
        const Tables<T> tables = tables_of(job, image);
        const P* in = static_cast<const P*>(job.images) + 3 * pixels * image;
        const P* grad_out = static_cast<const P*>(job.grad_out) + 3 * pixels * image;
        T strength_sum = T(0);
        for (long long p = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; p < pixels;
             p += static_cast<long long>(gridDim.x) * blockDim.x) {
            T input[3], value[3], outer[3], grad[3];
            Place<T> on_curve[3], place[3];
            T rise[3] = {};
#pragma unroll
            for (int c = 0; c < 3; ++c) {
                value[c] = input[c] = decode(in[c * pixels + p]);
                outer[c] = decode(grad_out[c * pixels + p]);
                grad[c] = tables.strength * outer[c];
            }
            if (tables.shaper != nullptr) {
#pragma unroll
                for (int c = 0; c < 3; ++c) {
                    on_curve[c] = locate(value[c], job.curve[c]);
                    const T* point = tables.shaper + 3 * on_curve[c].cell + c;
                    const T low = __ldg(point), high = __ldg(point + 3);
                    value[c] = lerp(low, high, on_curve[c].fraction);
                    rise[c] = high - low;
                }
            }
            if (tables.table != nullptr) {
#pragma unroll
                for (int c = 0; c < 3; ++c) place[c] = locate(value[c], job.axis[c]);
                const int offset = offset_of(place, steps);
                const T* corner = tables.table + offset;
                T* grad_corner = job.grad_table == nullptr ? nullptr : job.grad_table + tables.table_offset + offset;
                const T fr = place[0].fraction, fg = place[1].fraction, fb = place[2].fraction;
                T grad_fraction[3];
                if constexpr (METHOD == TRILINEAR) {
                    T cell[32], share[32];
                    load_cell(corner, steps, cell);
                    trilinear(cell, CELL, fr, fg, fb, value);
                    trilinear_backward(cell, CELL, fr, fg, fb, grad, share, grad_fraction, [](T* to, T v) { *to = v; });
                    if (grad_corner != nullptr) {
#pragma unroll
                        for (int i = 0; i < 8; ++i)
                            add_texel(grad_corner + (i >> 2) * steps.plane + ((i >> 1) & 1) * steps.row + (i & 1) * 4,
                                      share + 4 * i);
                    }
                } else {
                    const Strides strides = {4, steps.row, steps.plane};
                    long long at[4];
                    T weight[4], product[4];
                    tetrahedron(strides, fr, fg, fb, at, weight);
                    value[0] = value[1] = value[2] = T(0);
#pragma unroll
                    for (int k = 0; k < 4; ++k) {
                        T texel[3], share[3];
                        load_texel(corner + static_cast<int>(at[k]), texel);
                        product[k] = T(0);
#pragma unroll
                        for (int c = 0; c < 3; ++c) {
                            value[c] = multiply_add(weight[k], texel[c], value[c]);
                            product[k] = multiply_add(grad[c], texel[c], product[k]);
                            share[c] = weight[k] * grad[c];
                        }
                        if (grad_corner != nullptr) add_texel(grad_corner + static_cast<int>(at[k]), share);
                    }
                    tetrahedron_backward(strides, at, product, grad_fraction);
                }
#pragma unroll
                for (int c = 0; c < 3; ++c) grad[c] = place[c].inside ? grad_fraction[c] * job.axis[c].scale : T(0);
            }
            if (tables.shaper != nullptr) {
#pragma unroll
                for (int c = 0; c < 3; ++c) {
                    if (job.grad_shaper != nullptr) {
                        T* to = job.grad_shaper + tables.shaper_offset + 3 * on_curve[c].cell + c;
                        atomicAdd(to, (T(1) - on_curve[c].fraction) * grad[c]);
                        atomicAdd(to + 3, on_curve[c].fraction * grad[c]);
                    }
                    grad[c] = on_curve[c].inside ? grad[c] * rise[c] * job.curve[c].scale : T(0);
                }
            }
#pragma unroll
            for (int c = 0; c < 3; ++c) {
                strength_sum = multiply_add(outer[c], value[c] - input[c], strength_sum);
                if (job.grad_images == nullptr) continue;
                P* to = static_cast<P*>(job.grad_images) + 3 * pixels * image + c * pixels + p;
                encode(multiply_add(T(1) - tables.strength, outer[c], grad[c]), *to);
            }
        }
        if (job.grad_strength != nullptr) {
            strength_sum = warp_sum(strength_sum);
            if (first_lane()) atomicAdd(job.grad_strength + image, strength_sum);
        }
    }
}

}  // namespace sshbench
