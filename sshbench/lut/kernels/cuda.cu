// LUTs on CUDA devices. NVRTC compiles this file at first use, with trilinear.h as the only header. In the tests, a C++
// compiler compiles it together with a shim that replaces the built-ins of CUDA.
//
// Each pixel gathers the eight corners of its cell. This gather takes most of the time, so the design serves the gather.
// tools/gather_turns.py measures the cost of the layouts below on a photograph.
//  - A corner takes one access: a texel of 16 bytes (r, g, b, 0), or a code of 6 bytes if the texels do not fit.
//  - The table is copied to shared memory if it fits and if there are enough pixels. In shared memory, the gather of a
//    warp takes as many turns as its busiest bank has words. Through L1, the gather takes up to as many turns as there
//    are different cache lines, which is about twice as many.
//  - Neighbouring lanes process neighbouring pixels, because these fall into the same cells. With four pixels a lane,
//    read in pieces of 16 bytes, a warp would touch 1.5 times as many cache lines. A row of lanes also reads whole
//    sectors of memory.
//  - The images lie along grid.y, each with its own table index, so that a batch with different LUTs is one launch.
#include "trilinear.h"

#define DEVICE static __device__ __forceinline__
#define DEVICE_MEMBER __device__ __forceinline__

namespace sshbench {

enum Layout { NCHW, NHWC };
enum Method { TRILINEAR, TETRAHEDRAL };

// The place from which the table is read: global memory through L1, texels of 16 bytes in shared memory, or codes of
// 6 bytes in shared memory.
enum Store { GLOBAL, SHARED, CODES };

constexpr int THREADS = 256, SHARED_THREADS = 768;   // the threads of a block, without and with a table in shared memory
constexpr int PIXELS = 2;  // the number of pixels that a thread reads before it processes the first of them

struct Half {
    unsigned short bits;
};
struct Bfloat16 {
    unsigned short bits;
};

template <class P>
struct Format {
    using Value = float;  // the type of the arithmetic
};
template <>
struct Format<double> {
    using Value = double;
};

template <class A, class B>
constexpr bool same = false;
template <class A>
constexpr bool same<A, A> = true;

// The arguments of a kernel. T is float, or double for images of doubles. The host fills this struct; see `Job` in
// cuda.py, which must have the same fields.
template <class T>
struct Job {
    const void* images;
    const T* table;        // [tables, B, G, R, 4], or null
    const void* codes;     // [tables, code_bytes], see pack()
    const T* ranges;       // [tables, 2], see pack()
    const T* shaper;       // [tables, S, 3], or null
    const int* index;      // [count] or null; clamped to the number of tables, so that no other memory is read
    const T* strength;     // [count] or null
    const void* grad_out;  // for backward()
    void* out;             // for forward()
    void* grad_images;     // this gradient and the next three are null if they are not needed
    T* grad_table;         // [tables, B, G, R, 4]
    T* grad_shaper;        // [tables, S, 3]
    T* grad_strength;      // [count]
    long long pixels;      // the number of pixels of one image
    long long code_bytes;  // the size of one table of codes
    int count, tables;
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

// Keep a pointer in a register. Otherwise the compiler would compute the address again at each use, which takes more
// instructions than the interpolation.
template <class P>
DEVICE void keep(P*& pointer) {
    asm volatile("" : "+l"(pointer));
}

// Add to a texel atomically: with one instruction from sm_90 on, and with one instruction for each channel before.
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
DEVICE void add_texel(float* to, const float v[3]) {
    for (int c = 0; c < 3; ++c) atomicAdd(to + c, v[c]);
}
template <class P>
DEVICE void keep(P*&) {}
template <class T>
DEVICE T warp_sum(T v) {
    return v;
}
DEVICE bool first_lane() { return true; }
#endif
DEVICE void add_texel(double* to, const double v[3]) {
    for (int c = 0; c < 3; ++c) atomicAdd(to + c, v[c]);
}

// Each pixel is used once. The streaming loads and stores mark it to be evicted first, so that the table stays in the
// caches.
DEVICE unsigned char read(const unsigned char* from) { return __ldcs(from); }
DEVICE float read(const float* from) { return __ldcs(from); }
DEVICE double read(const double* from) { return __ldcs(from); }
DEVICE Half read(const Half* from) { return {__ldcs(&from->bits)}; }
DEVICE Bfloat16 read(const Bfloat16* from) { return {__ldcs(&from->bits)}; }
DEVICE void write(unsigned char* to, unsigned char v) { __stcs(to, v); }
DEVICE void write(float* to, float v) { __stcs(to, v); }
DEVICE void write(double* to, double v) { __stcs(to, v); }
DEVICE void write(Half* to, Half v) { __stcs(&to->bits, v.bits); }
DEVICE void write(Bfloat16* to, Bfloat16 v) { __stcs(&to->bits, v.bits); }

// ---- tables ---------------------------------------------------------------------------------------------------------

// A code is the bits 23..8 of a float whose other bits are 0x4b000000. The float is a number from 2^23 to 2^25 - 512,
// in steps of 256 below 2^24 and of 512 above. One byte permutation decodes the code. Relative to the range of a table,
// the steps are 1e-5 and 2e-5.
constexpr float CODE_LOW = 8388608.0f, CODE_MIDDLE = 16777216.0f, CODE_SPAN = 25165312.0f;
// A table with a larger range of values has no codes, because half a step would exceed 0.005 of a uint8 code.
constexpr float CODE_RANGE = 1.9f;

DEVICE unsigned short code_of(float share) {  // the position of a value within the range, 0..1
    const float v = CODE_LOW + share * CODE_SPAN;
    const float code = v < CODE_MIDDLE ? (v - CODE_LOW) * (1.0f / 256) : 32768.0f + (v - CODE_MIDDLE) * (1.0f / 512);
    return static_cast<unsigned short>(fminf(code + 0.5f, 65535.0f));
}
DEVICE float from_low_half(unsigned word) { return __uint_as_float(__byte_perm(word, 0x4b000000u, 0x7104)); }
DEVICE float from_high_half(unsigned word) { return __uint_as_float(__byte_perm(word, 0x4b000000u, 0x7324)); }

struct PackJob {
    const float* table;     // [tables, points, 3]
    float* texels;          // [tables, points, 4]
    unsigned char* codes;   // [tables, code_bytes]: points words of R and G, then points half-words of B
    float* ranges;          // [tables, 2]: scale and offset of value = scale * code + offset; scale -1 means no codes
    long long points, code_bytes;
};

// Make the texels and the codes of all tables. Each block processes one table.
__global__ __launch_bounds__(SHARED_THREADS) void pack(const PackJob job) {
    extern __shared__ uint4 shared_memory[];
    float* low = reinterpret_cast<float*>(shared_memory);
    float* high = low + blockDim.x;
    const long long k = blockIdx.x;
    const float* table = job.table + 3 * job.points * k;
    float4* texels = reinterpret_cast<float4*>(job.texels) + job.points * k;
    float lowest = 3.4e38f, highest = -3.4e38f;
    for (long long i = threadIdx.x; i < job.points; i += blockDim.x) {
        const float4 v = {table[3 * i], table[3 * i + 1], table[3 * i + 2], 0.0f};
        texels[i] = v;
        lowest = fminf(lowest, fminf(v.x, fminf(v.y, v.z)));
        highest = fmaxf(highest, fmaxf(v.x, fmaxf(v.y, v.z)));
        if (!((v.x - v.x) + (v.y - v.y) + (v.z - v.z) == 0.0f)) highest = 3.4e38f;  // NaN or infinite
    }
    low[threadIdx.x] = lowest;
    high[threadIdx.x] = highest;
    for (unsigned count = blockDim.x, half; count > 1; count = half) {
        half = (count + 1) / 2;
        __syncthreads();
        if (threadIdx.x + half < count) {
            low[threadIdx.x] = fminf(low[threadIdx.x], low[threadIdx.x + half]);
            high[threadIdx.x] = fmaxf(high[threadIdx.x], high[threadIdx.x + half]);
        }
    }
    __syncthreads();
    const float offset = low[0], range = high[0] - offset;
    const bool usable = range <= CODE_RANGE && job.code_bytes > 0;
    if (threadIdx.x == 0) {
        job.ranges[2 * k] = usable ? range / CODE_SPAN : -1.0f;
        job.ranges[2 * k + 1] = offset - CODE_LOW * (range / CODE_SPAN);
    }
    if (!usable) return;
    const float shrink = range > 0.0f ? 1.0f / range : 0.0f;
    unsigned* red_green = reinterpret_cast<unsigned*>(job.codes + job.code_bytes * k);
    unsigned short* blue = reinterpret_cast<unsigned short*>(red_green + job.points);
    for (long long i = threadIdx.x; i < job.points; i += blockDim.x) {
        const float4 v = texels[i];
        const unsigned green = code_of((v.y - offset) * shrink);
        red_green[i] = code_of((v.x - offset) * shrink) | green << 16;
        blue[i] = code_of((v.z - offset) * shrink);
    }
}

DEVICE void texel_at(const float* table, int i, float* to) {
    const float4 v = __ldg(reinterpret_cast<const float4*>(table) + i);
    to[0] = v.x, to[1] = v.y, to[2] = v.z;
}
DEVICE void texel_at(const double* table, int i, double* to) {
    const double2 v = __ldg(reinterpret_cast<const double2*>(table) + 2 * i);
    to[0] = v.x, to[1] = v.y, to[2] = __ldg(table + 4 * i + 2);
}

// One class for each Store: texel(i) loads the i-th point, and level() converts an interpolated result to a value.
template <class T>
struct GlobalTable {
    const T* table;
    DEVICE_MEMBER void texel(int i, T* to) const { texel_at(table, i, to); }
    DEVICE_MEMBER T level(T v) const { return v; }
};
struct SharedTable {
    const uint4* table;
    DEVICE_MEMBER void texel(int i, float* to) const {
        const float4 v = reinterpret_cast<const float4*>(table)[i];
        to[0] = v.x, to[1] = v.y, to[2] = v.z;
    }
    DEVICE_MEMBER float level(float v) const { return v; }
};
struct CodedTable {
    const uint4* table;
    int points;
    float scale, offset;
    DEVICE_MEMBER void texel(int i, float* to) const {
        const unsigned* red_green = reinterpret_cast<const unsigned*>(table);
        const unsigned word = red_green[i];
        to[0] = from_low_half(word);
        to[1] = from_high_half(word);
        to[2] = from_low_half(reinterpret_cast<const unsigned short*>(red_green + points)[i]);
    }
    DEVICE_MEMBER float level(float v) const { return fmaf(v, scale, offset); }
};

// The LUT of one image.
template <class T>
struct Lut {
    int number;
    const T *table, *shaper;
    T strength;
    bool blend;
};
struct Steps {  // the distance to the next point along green and along blue, in points; along red the distance is 1
    int row, plane;
};
template <class T>
DEVICE Steps steps_of(const Job<T>& job) {
    return {job.axis[0].size, job.axis[0].size * job.axis[1].size};
}
template <class T>
DEVICE int points_of(const Job<T>& job) {
    return steps_of(job).plane * job.axis[2].size;
}
template <class T>
DEVICE Lut<T> lut_of(const Job<T>& job, int image) {
    int k = job.index == nullptr ? 0 : job.index[image];
    k = k < 0 ? 0 : (k < job.tables ? k : job.tables - 1);
    Lut<T> lut;
    lut.number = k;
    lut.table = job.table == nullptr ? nullptr : job.table + 4LL * k * points_of(job);
    lut.shaper = job.shaper == nullptr ? nullptr : job.shaper + 3LL * k * job.curve[0].size;
    lut.strength = job.strength == nullptr ? T(1) : job.strength[image];
    lut.blend = lut.strength != T(1);  // at strength 1, blending would turn infinities into NaN (infinity - infinity)
    return lut;
}

// ---- pixels through the LUT -----------------------------------------------------------------------------------------

template <class T>
DEVICE int first_corner(const Place<T> (&place)[3], const Steps& steps) {
    return place[2].cell * steps.plane + place[1].cell * steps.row + place[0].cell;
}
DEVICE int corner_step(int i, const Steps& steps) {
    return (i >> 2) * steps.plane + ((i >> 1) & 1) * steps.row + (i & 1);
}

constexpr Strides CELL = {4, 8, 16};  // the strides of an array of eight corners, for trilinear()

template <class Table, class T>
DEVICE void load_cell(const Table& table, int corner, const Steps& steps, T (&cell)[32]) {
#pragma unroll
    for (int i = 0; i < 8; ++i) table.texel(corner + corner_step(i, steps), cell + 4 * i);
}

template <int METHOD, class Table, class T>
DEVICE void interpolate(const Table& table, const Steps& steps, const Place<T> (&place)[3], T out[3]) {
    const T fr = place[0].fraction, fg = place[1].fraction, fb = place[2].fraction;
    const int corner = first_corner(place, steps);
    if constexpr (METHOD == TRILINEAR) {
        T cell[32];
        load_cell(table, corner, steps, cell);
        trilinear(cell, CELL, fr, fg, fb, out);
    } else {
        long long at[4];
        T weight[4], texel[4][3];
        tetrahedron(Strides{1, steps.row, steps.plane}, fr, fg, fb, at, weight);
#pragma unroll
        for (int k = 0; k < 4; ++k) table.texel(corner + static_cast<int>(at[k]), texel[k]);
#pragma unroll
        for (int c = 0; c < 3; ++c)
            out[c] = (weight[0] * texel[0][c] + weight[1] * texel[1][c]) +
                     (weight[2] * texel[2][c] + weight[3] * texel[3][c]);
    }
#pragma unroll
    for (int c = 0; c < 3; ++c) out[c] = table.level(out[c]);
}

// Apply the shaper to all pixels, and then the table to one pixel at a time: the cells of several pixels would not fit
// into the registers.
template <int METHOD, class Table, class T>
DEVICE void apply(const Job<T>& job, const Lut<T>& lut, const Table& table, T (&value)[PIXELS][3]) {
    if (lut.shaper != nullptr) {
#pragma unroll
        for (int i = 0; i < PIXELS; ++i)
#pragma unroll
            for (int c = 0; c < 3; ++c) {
                const Place<T> place = locate(value[i][c], job.curve[c]);
                const T* point = lut.shaper + 3 * place.cell + c;
                value[i][c] = lerp(__ldg(point), __ldg(point + 3), place.fraction);
            }
    }
    if (lut.table == nullptr) return;
    const Steps steps = steps_of(job);
#pragma unroll 1
    for (int i = 0; i < PIXELS; ++i) {
        Place<T> place[3];
        T result[3];
#pragma unroll
        for (int c = 0; c < 3; ++c) place[c] = locate(value[0][c], job.axis[c]);
        interpolate<METHOD>(table, steps, place, result);
        // Always take the first pixel and append the result at the end, because a loop that is not unrolled cannot
        // index an array in registers.
#pragma unroll
        for (int c = 0; c < 3; ++c) {
#pragma unroll
            for (int j = 0; j < PIXELS - 1; ++j) value[j][c] = value[j + 1][c];
            value[PIXELS - 1][c] = result[c];
        }
    }
}

template <int STORE>
constexpr int THREADS_OF = STORE == GLOBAL ? THREADS : SHARED_THREADS;
template <class T, int STORE>
constexpr int BLOCKS_OF = STORE == GLOBAL && sizeof(T) == 4 ? 2 : 1;
// Return the number of threads of a block. CUDA knows the number when it compiles; the shim of the tests does not.
template <int STORE>
DEVICE unsigned block_size() {
#if defined(__CUDA_ARCH__)
    return THREADS_OF<STORE>;
#else
    return blockDim.x;
#endif
}

// Process all pixels of an image that belong to this thread. The two pointers advance, and the other planes and rows
// are read at constant offsets from them.
template <class In, class Out, int LAYOUT, int METHOD, int STORE, class Table, class T>
DEVICE void walk(const Job<T>& job, const Lut<T>& lut, const Table& table, int image) {
    constexpr bool NORMALIZE = !same<In, Out>;
    constexpr int IN_STEP = LAYOUT == NCHW ? 1 : 3, OUT_STEP = NORMALIZE ? 1 : IN_STEP;
    const unsigned row = block_size<STORE>();
    const long long pixels = job.pixels, stride = static_cast<long long>(gridDim.x) * row * PIXELS;
    const long long in_channel = IN_STEP == 1 ? pixels : 1, out_channel = OUT_STEP == 1 ? pixels : 1;
    const long long first = static_cast<long long>(blockIdx.x) * row * PIXELS + threadIdx.x;
    const In* in = static_cast<const In*>(job.images) + 3 * pixels * image + first * IN_STEP;
    Out* out = static_cast<Out*>(job.out) + 3 * pixels * image + first * OUT_STEP;
    keep(in);
    keep(out);
    for (long long left = pixels - first; left > 0; left -= stride, in += stride * IN_STEP, out += stride * OUT_STEP) {
        T value[PIXELS][3];
#pragma unroll
        for (int i = 0; i < PIXELS; ++i)
#pragma unroll
            for (int c = 0; c < 3; ++c)
                value[i][c] = i * row < left ? decode(read(in + c * in_channel + i * row * IN_STEP)) : T(0);
        apply<METHOD>(job, lut, table, value);
#pragma unroll
        for (int i = 0; i < PIXELS; ++i) {
            if (i * row >= left) break;
            if (lut.blend) {  // read the input again, because no registers are left to keep it
#pragma unroll
                for (int c = 0; c < 3; ++c) {
                    const T input = decode(read(in + c * in_channel + i * row * IN_STEP));
                    value[i][c] = multiply_add(lut.strength, value[i][c] - input, input);
                }
            }
#pragma unroll
            for (int c = 0; c < 3; ++c) {
                T v = value[i][c];
                if constexpr (NORMALIZE) {
                    v = at_most(at_least(v, T(0)), T(1));
                    v = (v - job.mean[c]) * job.inverse_deviation[c];
                }
                Out encoded;
                encode(v, encoded);
                write(out + c * out_channel + i * row * OUT_STEP, encoded);
            }
        }
    }
}

DEVICE void fill(uint4* to, const void* from, int count) {
#pragma unroll 4
    for (int i = threadIdx.x; i < count; i += blockDim.x) to[i] = __ldg(static_cast<const uint4*>(from) + i);
}

// Apply the LUTs. If In and Out are the same type, nothing else happens. If In is unsigned char and Out a float format,
// the result is also normalised to (value - mean) / deviation and written as NCHW.
template <class In, class Out, int LAYOUT, int METHOD, int STORE>
__global__ __launch_bounds__(THREADS_OF<STORE>, BLOCKS_OF<typename Format<Out>::Value, STORE>) void forward(
    const Job<typename Format<Out>::Value> job) {
    using T = typename Format<Out>::Value;
    extern __shared__ uint4 shared_memory[];
    int filled = -1;
    for (int image = blockIdx.y; image < job.count; image += gridDim.y) {
        const Lut<T> lut = lut_of(job, image);
        const GlobalTable<T> global = {lut.table};
        if constexpr (STORE == GLOBAL) {
            walk<In, Out, LAYOUT, METHOD, STORE>(job, lut, global, image);
        } else {
            const int points = points_of(job);
            if (lut.number != filled) {
                __syncthreads();  // other threads may still read the previous table
                const char* codes = static_cast<const char*>(job.codes) + lut.number * job.code_bytes;
                if constexpr (STORE == SHARED) fill(shared_memory, lut.table, points);
                else fill(shared_memory, codes, static_cast<int>(job.code_bytes / 16));
                __syncthreads();
                filled = lut.number;
            }
            if constexpr (STORE == SHARED) {
                walk<In, Out, LAYOUT, METHOD, STORE>(job, lut, SharedTable{shared_memory}, image);
            } else {
                const T scale = job.ranges[2 * lut.number], offset = job.ranges[2 * lut.number + 1];
                const CodedTable coded = {shared_memory, points, scale, offset};
                if (scale >= T(0)) walk<In, Out, LAYOUT, METHOD, STORE>(job, lut, coded, image);
                else walk<In, Out, LAYOUT, METHOD, STORE>(job, lut, global, image);
            }
        }
    }
}

// ---- gradients ------------------------------------------------------------------------------------------------------

// Compute the gradients. Each thread computes the stages of a pixel again and then differentiates them backwards. Sums
// over pixels are atomic, so their last bits depend on the order of the threads.
template <class P, int METHOD>
__global__ __launch_bounds__(THREADS, same<P, double> ? 1 : 2) void backward(const Job<typename Format<P>::Value> job) {
    using T = typename Format<P>::Value;
    const long long pixels = job.pixels;
    const Steps steps = steps_of(job);
    for (int image = blockIdx.y; image < job.count; image += gridDim.y) {
        const Lut<T> lut = lut_of(job, image);
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
                grad[c] = lut.strength * outer[c];
            }
            if (lut.shaper != nullptr) {
#pragma unroll
                for (int c = 0; c < 3; ++c) {
                    on_curve[c] = locate(value[c], job.curve[c]);
                    const T* point = lut.shaper + 3 * on_curve[c].cell + c;
                    const T low = __ldg(point), high = __ldg(point + 3);
                    value[c] = lerp(low, high, on_curve[c].fraction);
                    rise[c] = high - low;
                }
            }
            if (lut.table != nullptr) {
#pragma unroll
                for (int c = 0; c < 3; ++c) place[c] = locate(value[c], job.axis[c]);
                const int corner = first_corner(place, steps);
                const GlobalTable<T> table = {lut.table};
                T* grad_corner = job.grad_table;
                if (grad_corner != nullptr) grad_corner += (lut.table - job.table) + 4 * corner;
                const T fr = place[0].fraction, fg = place[1].fraction, fb = place[2].fraction;
                T grad_fraction[3];
                if constexpr (METHOD == TRILINEAR) {
                    T cell[32], share[32];
                    load_cell(table, corner, steps, cell);
                    trilinear(cell, CELL, fr, fg, fb, value);
                    trilinear_backward(cell, CELL, fr, fg, fb, grad, share, grad_fraction, [](T* to, T v) { *to = v; });
                    if (grad_corner != nullptr) {
#pragma unroll
                        for (int i = 0; i < 8; ++i)
                            add_texel(grad_corner + 4 * corner_step(i, steps), share + 4 * i);
                    }
                } else {
                    const Strides strides = {1, steps.row, steps.plane};
                    long long at[4];
                    T weight[4], product[4];
                    tetrahedron(strides, fr, fg, fb, at, weight);
                    value[0] = value[1] = value[2] = T(0);
#pragma unroll
                    for (int k = 0; k < 4; ++k) {
                        T texel[3], share[3];
                        table.texel(corner + static_cast<int>(at[k]), texel);
                        product[k] = T(0);
#pragma unroll
                        for (int c = 0; c < 3; ++c) {
                            value[c] = multiply_add(weight[k], texel[c], value[c]);
                            product[k] = multiply_add(grad[c], texel[c], product[k]);
                            share[c] = weight[k] * grad[c];
                        }
                        if (grad_corner != nullptr) add_texel(grad_corner + 4 * static_cast<int>(at[k]), share);
                    }
                    tetrahedron_backward(strides, at, product, grad_fraction);
                }
#pragma unroll
                for (int c = 0; c < 3; ++c) grad[c] = place[c].inside ? grad_fraction[c] * job.axis[c].scale : T(0);
            }
            if (lut.shaper != nullptr) {
#pragma unroll
                for (int c = 0; c < 3; ++c) {
                    if (job.grad_shaper != nullptr) {
                        T* to = job.grad_shaper + (lut.shaper - job.shaper) + 3 * on_curve[c].cell + c;
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
                encode(multiply_add(T(1) - lut.strength, outer[c], grad[c]), *to);
            }
        }
        if (job.grad_strength != nullptr) {
            strength_sum = warp_sum(strength_sum);
            if (first_lane()) atomicAdd(job.grad_strength + image, strength_sum);
        }
    }
}

}  // namespace sshbench
