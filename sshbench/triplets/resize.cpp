// Cuts a box out of an RGB image and resizes it by Pillow's bicubic filter in integer arithmetic.
//
// The arithmetic equals that of Pillow's `Image.resize(size, BICUBIC, box=box)`: the same windows around a box in
// single precision, the same 22-bit weights, and each pass rounded to 8 bits. Here, the pass along the rows is always
// the first; Pillow chooses the order from version 13 on. Without this module, Pillow computes the same pixels
// (resize_box.py).
// Source: Pillow, src/libImaging/Resample.c.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace nb = nanobind;

#if defined(__GNUC__)
#define INLINE inline __attribute__((always_inline))
#else
#define INLINE inline
#endif

namespace {

constexpr int BITS = 22;
constexpr int LANES = 16;  // the number of image rows that the pass along the rows processes together

struct Window {
    int first, count;
};

// The weights of the input elements for each output. All outputs together cover a range of the input.
struct Weights {
    int stride = 0;
    std::vector<Window> windows;
    std::vector<int32_t> values;
};

double bicubic(double x) {
    constexpr double a = -0.5;
    x = std::fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

Weights weigh(int length, float from, float to, int size) {
    double scale = static_cast<double>(to - from) / size, wider = std::max(scale, 1.0), support = 2.0 * wider;
    Weights w;
    w.stride = static_cast<int>(std::ceil(support)) * 2 + 1;
    w.windows.resize(size);
    w.values.assign(static_cast<size_t>(size) * w.stride, 0);
    std::vector<double> k(w.stride);
    for (int i = 0; i < size; i++) {
        double centre = from + (i + 0.5) * scale, sum = 0.0, each = 1.0 / wider;
        int first = std::max(static_cast<int>(centre - support + 0.5), 0);
        int count = std::min(static_cast<int>(centre + support + 0.5), length) - first;
        for (int j = 0; j < count; j++) sum += k[j] = bicubic((j + first - centre + 0.5) * each);
        for (int j = 0; j < count; j++) {
            double v = (sum != 0.0 ? k[j] / sum : k[j]) * (1 << BITS);
            w.values[static_cast<size_t>(i) * w.stride + j] = static_cast<int32_t>(v < 0 ? v - 0.5 : v + 0.5);
        }
        w.windows[i] = {first, count};
    }
    return w;
}

// Set out[i] to the rounded sum of weights[j] * in[j * stride + i] over j, for i in [0, width). The pass along the rows
// calls this function with a constant `width`, so that the compiler can unroll the loops.
INLINE void blend(const uint8_t* in, size_t stride, const int32_t* weights, int count, uint8_t* out, int width) {
    constexpr int BLOCK = 48;
    for (int start = 0; start < width; start += BLOCK) {
        int n = std::min(BLOCK, width - start);
        int32_t sums[BLOCK];
        if (n == BLOCK) {
            for (int i = 0; i < BLOCK; i++) sums[i] = 1 << (BITS - 1);
            for (int j = 0; j < count; j++) {
                const uint8_t* row = in + j * stride + start;
                int32_t w = weights[j];
                for (int i = 0; i < BLOCK; i++) sums[i] += w * row[i];
            }
            for (int i = 0; i < BLOCK; i++) out[start + i] = static_cast<uint8_t>(std::clamp(sums[i] >> BITS, 0, 255));
        } else {
            for (int i = 0; i < n; i++) {
                int32_t sum = 1 << (BITS - 1);
                for (int j = 0; j < count; j++) sum += weights[j] * in[j * stride + start + i];
                out[start + i] = static_cast<uint8_t>(std::clamp(sum >> BITS, 0, 255));
            }
        }
    }
}

#if defined(__SSE2__)
// Transpose 16 x 16 bytes: out[c * to + r] = in[r * from + c].
INLINE void transpose(const uint8_t* in, size_t from, uint8_t* out, size_t to) {
    __m128i a[16], b[16];
    for (int i = 0; i < 16; i++) a[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i * from));
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 8; i++) {
            b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 8]);
            b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 8]);
        }
        for (int i = 0; i < 16; i++) a[i] = b[i];
    }
    for (int i = 0; i < 16; i++) _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i * to), a[i]);
}
#else
INLINE void transpose(const uint8_t* in, size_t from, uint8_t* out, size_t to) {
    for (int r = 0; r < 16; r++)
        for (int c = 0; c < 16; c++) out[c * to + r] = in[r * from + c];
}
#endif

struct Task {
    const uint8_t* image;
    size_t pitch;  // the number of bytes from one row of the image to the next
    int height, width, size;
    const Weights* along_rows;
    const Weights* along_columns;
    uint8_t* out;
};

INLINE void run(const Task& t) {
    const auto& columns = t.along_rows->windows;
    const auto& rows = t.along_columns->windows;
    int left = columns.front().first, right = columns.back().first + columns.back().count;
    int top = rows.front().first, bottom = rows.back().first + rows.back().count;
    size_t bytes_in = static_cast<size_t>(right - left) * 3, bytes_out = static_cast<size_t>(t.size) * 3;
    size_t padded_in = (bytes_in + 15) / 16 * 16, padded_out = (bytes_out + 15) / 16 * 16;
    std::vector<uint8_t> tile(padded_in * LANES), narrow(padded_out * LANES), edge(padded_in * LANES);
    std::vector<uint8_t> between(padded_out * ((bottom - top + LANES - 1) / LANES * LANES));
    for (int y = top; y < bottom; y += LANES) {
        const uint8_t* source = t.image + y * t.pitch + left * 3;
        size_t pitch = t.pitch;
        // A block at the end of a row or of the image would read past the image, so its bytes are copied first.
        if (y + LANES >= bottom || static_cast<size_t>(t.width - left) * 3 < padded_in) {
            for (int i = 0; i < std::min(LANES, bottom - y); i++)
                std::memcpy(&edge[i * padded_in], source + i * t.pitch, bytes_in);
            source = edge.data();
            pitch = padded_in;
        }
        for (size_t x = 0; x < bytes_in; x += 16) transpose(source + x, pitch, &tile[x * LANES], LANES);
        for (int x = 0; x < t.size; x++)
            blend(&tile[static_cast<size_t>(columns[x].first - left) * 3 * LANES], 3 * LANES,
                  &t.along_rows->values[static_cast<size_t>(x) * t.along_rows->stride], columns[x].count,
                  &narrow[static_cast<size_t>(x) * 3 * LANES], 3 * LANES);
        for (size_t x = 0; x < bytes_out; x += 16)
            transpose(&narrow[x * LANES], LANES, &between[(y - top) * padded_out + x], padded_out);
    }
    for (int y = 0; y < t.size; y++)
        blend(&between[(rows[y].first - top) * padded_out], padded_out,
              &t.along_columns->values[static_cast<size_t>(y) * t.along_columns->stride], rows[y].count,
              t.out + y * bytes_out, static_cast<int>(bytes_out));
}

using Run = void (*)(const Task&);

void run_plain(const Task& t) { run(t); }

// The kernels that this processor can run, the fastest first.
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#if defined(__clang__)
#define WIDE "avx512f,avx512bw,avx512vl"
#else
#define WIDE "avx512f,avx512bw,avx512vl,prefer-vector-width=512"
#endif
__attribute__((target(WIDE))) void run_avx512(const Task& t) { run(t); }
__attribute__((target("avx2"))) void run_avx2(const Task& t) { run(t); }

std::vector<Run> find_kernels() {
    std::vector<Run> found;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) found.push_back(run_avx512);
    if (__builtin_cpu_supports("avx2")) found.push_back(run_avx2);
    found.push_back(run_plain);
    return found;
}
#else
std::vector<Run> find_kernels() { return {run_plain}; }
#endif

const std::vector<Run> kernels = find_kernels();

// The caller (resize_box.py) checks sizes and types: contiguous pixels, a box inside the image, and the size of `out`.
void resize(uintptr_t image, int height, int width, size_t pitch, float left, float top, float right, float bottom,
            int size, uintptr_t out, size_t kernel) {
    Run chosen = kernels.at(kernel);
    nb::gil_scoped_release release;
    Weights along_rows = weigh(width, left, right, size), along_columns = weigh(height, top, bottom, size);
    chosen({reinterpret_cast<const uint8_t*>(image), pitch, height, width, size, &along_rows, &along_columns,
          reinterpret_cast<uint8_t*>(out)});
}

}  // namespace

NB_MODULE(_resize, m) {
    m.def("kernels", [] { return kernels.size(); });
    m.def("resize", &resize);
}
