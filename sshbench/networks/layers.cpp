// The Python module `_layers`: layers of networks for float32 arrays [B, H, W, C], where numpy would take several passes
// or short loops. sshbench/networks/layers.py describes the layers, and computes them if this module was not compiled.
// The functions here check the shapes themselves, so that no call from Python reads or writes outside of an array.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

namespace nb = nanobind;

#if defined(__GNUC__)
#define INLINE inline __attribute__((always_inline))
#define RESTRICT __restrict__
#else
#define INLINE inline
#define RESTRICT
#endif

namespace {

// One axis of an image under a kernel. `before` is the number of zeros before the image.
struct Axis {
    ptrdiff_t extent, side, stride, count, before;
    ptrdiff_t start(ptrdiff_t i) const { return i * stride - before; }  // of place i, perhaps before the image
    ptrdiff_t first(ptrdiff_t i) const { return std::max<ptrdiff_t>(-start(i), 0); }
    ptrdiff_t end(ptrdiff_t i) const { return std::max(std::min(side, extent - start(i)), first(i)); }
};

// TensorFlow's padding SAME.
Axis same(ptrdiff_t extent, ptrdiff_t side, ptrdiff_t stride) {
    const ptrdiff_t count = (extent - 1) / stride + 1;
    return {extent, side, stride, count, std::max<ptrdiff_t>((count - 1) * stride + side - extent, 0) / 2};
}

struct Images {
    const float* x;
    ptrdiff_t count, channels;
    Axis down, across;
};

// Vectors are passed by reference, since Clang refuses to pass them by value between functions for unequal processors.
template <class V>
INLINE void load(const float* from, V& v) {
    std::memcpy(&v, from, sizeof v);
}

template <class V>
INLINE void store(const V& v, float* to) {
    std::memcpy(to, &v, sizeof v);
}

// ReLU6. NaN stays NaN.
template <class V>
INLINE void end(V& v) {
    const V none = {}, six = none + 6.0f;
    v = v < none ? none : v;
    v = v > six ? six : v;
}

// The part of a kernel that lies inside the image, and the pixels beneath it, from their first channel on.
struct Window {
    const float *x, *kernel;
    ptrdiff_t rows, columns;
    ptrdiff_t x_row, kernel_row, channels;  // the number of floats from one row to the next, and from pixel to pixel
};

// The results of a window for the N * lanes channels from `channel` on.
template <class V, int N>
INLINE void convolve(const Window& w, ptrdiff_t channel, const float* bias, float* out) {
    constexpr ptrdiff_t lanes = sizeof(V) / sizeof(float);
    V sums[N];
    for (int n = 0; n < N; ++n) {
        V value;
        load(bias + channel + n * lanes, value);
        sums[n] = value;
    }
    for (ptrdiff_t i = 0; i < w.rows; ++i) {
        const float *x = w.x + i * w.x_row + channel, *kernel = w.kernel + i * w.kernel_row + channel;
        for (ptrdiff_t j = 0; j < w.columns; ++j, x += w.channels, kernel += w.channels)
            for (int n = 0; n < N; ++n) {
                V value, factor;
                load(x + n * lanes, value);
                load(kernel + n * lanes, factor);
                sums[n] += value * factor;
            }
    }
    for (int n = 0; n < N; ++n) {
        V value = sums[n];
        end(value);
        store(value, out + channel + n * lanes);
    }
}

template <class V>
INLINE void depthwise(const Images& images, const float* kernel, const float* bias, float* out) {
    constexpr ptrdiff_t lanes = sizeof(V) / sizeof(float);
    constexpr int N = 4;
    const Axis &down = images.down, &across = images.across;
    Window w;
    w.channels = images.channels;
    w.x_row = across.extent * w.channels;
    w.kernel_row = across.side * w.channels;
    for (ptrdiff_t image = 0; image < images.count; ++image) {
        const float* x = images.x + image * down.extent * w.x_row;
        for (ptrdiff_t i = 0; i < down.count; ++i) {
            const ptrdiff_t top = down.first(i);
            w.rows = down.end(i) - top;
            for (ptrdiff_t j = 0; j < across.count; ++j, out += w.channels) {
                const ptrdiff_t left = across.first(j);
                w.columns = across.end(j) - left;
                w.x = x + (down.start(i) + top) * w.x_row + (across.start(j) + left) * w.channels;
                w.kernel = kernel + top * w.kernel_row + left * w.channels;
                ptrdiff_t c = 0;
                for (; c + N * lanes <= w.channels; c += N * lanes) convolve<V, N>(w, c, bias, out);
                for (; c + lanes <= w.channels; c += lanes) convolve<V, 1>(w, c, bias, out);
                for (; c < w.channels; ++c) convolve<float, 1>(w, c, bias, out);
            }
        }
    }
}

template <class V>
INLINE void add_and_end(float* x, const float* bias) {
    V value, more;
    load(x, value);
    load(bias, more);
    value += more;
    end(value);
    store(value, x);
}

template <class V>
INLINE void add_and_end(float* x, const float* bias, ptrdiff_t pixels, ptrdiff_t channels) {
    constexpr ptrdiff_t lanes = sizeof(V) / sizeof(float);
    for (ptrdiff_t pixel = 0; pixel < pixels; ++pixel, x += channels) {
        ptrdiff_t c = 0;
        for (; c + lanes <= channels; c += lanes) add_and_end<V>(x + c, bias + c);
        for (; c < channels; ++c) add_and_end<float>(x + c, bias + c);
    }
}

// The error function is the rational approximation of Eigen and XLA, for which |x| > 4 counts as 4.
INLINE float gelu(float x) {
    float z = x * 0.70710678f;
    z = z < -4.0f ? -4.0f : z;
    z = z > 4.0f ? 4.0f : z;
    const float s = z * z;
    float p = -2.72614225801306e-10f;
    p = p * s + 2.77068142495902e-08f;
    p = p * s - 2.10102402082508e-06f;
    p = p * s - 5.69250639462346e-05f;
    p = p * s - 7.34990630326855e-04f;
    p = p * s - 2.95459980854025e-03f;
    p = p * s - 1.60960333262415e-02f;
    float q = -1.45660718464996e-05f;
    q = q * s - 2.13374055278905e-04f;
    q = q * s - 1.68282697438203e-03f;
    q = q * s - 7.37332916720468e-03f;
    q = q * s - 1.42647390514189e-02f;
    return 0.5f * x * (1.0f + z * p / q);
}

INLINE void gelu(float* x, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; ++i) x[i] = gelu(x[i]);
}

struct Norm {
    float* x;
    ptrdiff_t images, pixels, channels, groups;
    const float *weight, *bias;
    double* sums;            // these three have room for a number for each channel
    float *scales, *shifts;
};

// The mean of each group's sums.
template <class Store>
INLINE void for_groups(const Norm& n, const Store& store) {
    const ptrdiff_t each = n.channels / n.groups;
    for (ptrdiff_t g = 0; g < n.channels; g += each) {
        double sum = 0;
        for (ptrdiff_t c = g; c < g + each; ++c) sum += n.sums[c];
        for (ptrdiff_t c = g; c < g + each; ++c) store(c, sum / (static_cast<double>(n.pixels) * each));
    }
}

INLINE void norm_and_gelu(const Norm& n) {
    double* RESTRICT sums = n.sums;
    float *RESTRICT scales = n.scales, *RESTRICT shifts = n.shifts;
    const float* RESTRICT bias = n.bias;
    for (ptrdiff_t image = 0; image < n.images; ++image) {
        float* RESTRICT first = n.x + image * n.pixels * n.channels;
        float* RESTRICT last = first + n.pixels * n.channels;
        std::fill(sums, sums + n.channels, 0.0);
        for (float* RESTRICT x = first; x < last; x += n.channels)
            for (ptrdiff_t c = 0; c < n.channels; ++c) sums[c] += x[c];
        for_groups(n, [&](ptrdiff_t c, double mean) { shifts[c] = static_cast<float>(mean); });
        std::fill(sums, sums + n.channels, 0.0);
        for (float* RESTRICT x = first; x < last; x += n.channels)
            for (ptrdiff_t c = 0; c < n.channels; ++c) {
                const float v = x[c] - shifts[c];
                sums[c] += v * v;
            }
        for_groups(n, [&](ptrdiff_t c, double variance) {
            scales[c] = static_cast<float>(1 / std::sqrt(variance + 1e-5)) * n.weight[c];
        });
        for (float* RESTRICT x = first; x < last; x += n.channels)
            for (ptrdiff_t c = 0; c < n.channels; ++c) x[c] = gelu((x[c] - shifts[c]) * scales[c] + bias[c]);
    }
}

// The layers for one kind of processor.
struct Kernels {
    void (*depthwise)(const Images&, const float* kernel, const float* bias, float* out);
    void (*add_and_end)(float* x, const float* bias, ptrdiff_t pixels, ptrdiff_t channels);
    void (*gelu)(float* x, ptrdiff_t count);
    void (*norm_and_gelu)(const Norm&);
};

// clang-format off
#define KERNELS(name, V, target)                                                                                       \
    namespace name {                                                                                                   \
    target void layer1(const Images& images, const float* kernel, const float* bias, float* out) {                    \
        depthwise<V>(images, kernel, bias, out);                                                                       \
    }                                                                                                                  \
    target void layer2(float* x, const float* bias, ptrdiff_t pixels, ptrdiff_t channels) {                           \
        add_and_end<V>(x, bias, pixels, channels);                                                                     \
    }                                                                                                                  \
    target void layer3(float* x, ptrdiff_t count) { gelu(x, count); }                                                 \
    target void layer4(const Norm& norm) { norm_and_gelu(norm); }                                                     \
    constexpr Kernels kernels = {layer1, layer2, layer3, layer4};                                                      \
    }
// clang-format on

#if defined(__GNUC__)
typedef float Four __attribute__((vector_size(16)));
#else
typedef float Four;
#endif
KERNELS(plain, Four, )
#if defined(__GNUC__) && defined(__x86_64__)
typedef float Eight __attribute__((vector_size(32)));
KERNELS(avx2, Eight, __attribute__((target("avx2,fma"))))
#endif

// The kernels that this processor can run, the fastest first.
std::vector<Kernels> find_kernels() {
    std::vector<Kernels> found;
#if defined(__GNUC__) && defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back(avx2::kernels);
#endif
    found.push_back(plain::kernels);
    return found;
}

const std::vector<Kernels> kernels = find_kernels();

template <class T, size_t Axes>
using Floats = nb::ndarray<T, nb::ndim<Axes>, nb::c_contig, nb::device::cpu>;
using Result = nb::ndarray<nb::numpy, float, nb::ndim<4>>;

void check(bool holds, const char* otherwise) {
    if (!holds) throw nb::value_error(otherwise);
}

const Kernels& chosen(size_t kernel) {
    check(kernel < kernels.size(), "this processor has no kernel of that number");
    return kernels[kernel];
}

// Return a new array whose values `fill` writes.
template <class Fill>
Result made(size_t count, size_t rows, size_t columns, size_t channels, const Fill& fill) {
    std::unique_ptr<float[]> out(new float[count * rows * columns * channels]);
    {
        nb::gil_scoped_release release;
        fill(out.get());
    }
    nb::capsule owner(out.get(), [](void* p) noexcept { delete[] static_cast<float*>(p); });
    return Result(out.release(), {count, rows, columns, channels}, owner);
}

Result depthwise_of(Floats<const float, 4> x, Floats<const float, 3> kernel, Floats<const float, 1> bias, ptrdiff_t stride,
                    size_t number) {
    const Kernels& usable = chosen(number);
    check(x.size() > 0, "there are no pixels");
    check(kernel.size() > 0 && kernel.shape(0) == kernel.shape(1), "the kernel is not [side, side, C]");
    check(kernel.shape(2) == x.shape(3) && bias.shape(0) == x.shape(3),
          "the kernel or the bias has another number of channels than the images");
    check(stride > 0, "the stride is not at least 1");
    const Images images = {x.data(), ptrdiff_t(x.shape(0)), ptrdiff_t(x.shape(3)),
                           same(x.shape(1), kernel.shape(0), stride), same(x.shape(2), kernel.shape(0), stride)};
    return made(x.shape(0), images.down.count, images.across.count, x.shape(3),
                [&](float* out) { usable.depthwise(images, kernel.data(), bias.data(), out); });
}

void add_and_end_of(Floats<float, 2> x, Floats<const float, 1> bias, size_t number) {
    const Kernels& usable = chosen(number);
    check(bias.shape(0) == x.shape(1), "the bias has another number of channels than the pixels");
    nb::gil_scoped_release release;
    usable.add_and_end(x.data(), bias.data(), x.shape(0), x.shape(1));
}

void gelu_of(Floats<float, 1> x, size_t number) {
    const Kernels& usable = chosen(number);
    nb::gil_scoped_release release;
    usable.gelu(x.data(), x.shape(0));
}

void norm_and_gelu_of(Floats<float, 3> x, size_t groups, Floats<const float, 1> weight, Floats<const float, 1> bias,
             size_t number) {
    const Kernels& usable = chosen(number);
    const size_t channels = x.shape(2);
    check(x.size() > 0, "there are no pixels");
    check(groups > 0 && groups <= channels && channels % groups == 0, "the channels do not divide into the groups");
    check(weight.shape(0) == channels && bias.shape(0) == channels,
          "the weight or the bias has another number of channels than the pixels");
    nb::gil_scoped_release release;
    std::vector<double> sums(channels);
    std::vector<float> scales(channels), shifts(channels);
    usable.norm_and_gelu({x.data(), ptrdiff_t(x.shape(0)), ptrdiff_t(x.shape(1)), ptrdiff_t(channels), ptrdiff_t(groups),
                 weight.data(), bias.data(), sums.data(), scales.data(), shifts.data()});
}

}  // namespace

NB_MODULE(_layers, m) {
    m.def("kernels", [] { return kernels.size(); });
    m.def("depthwise", &depthwise_of, nb::arg("x").noconvert(), nb::arg("kernel").noconvert(),
          nb::arg("bias").noconvert(), nb::arg("stride"), nb::arg("number") = 0);
    m.def("add_and_end", &add_and_end_of, nb::arg("x").noconvert(), nb::arg("bias").noconvert(), nb::arg("number") = 0);
    m.def("gelu", &gelu_of, nb::arg("x").noconvert(), nb::arg("number") = 0);
    m.def("norm_and_gelu", &norm_and_gelu_of, nb::arg("x").noconvert(), nb::arg("groups"), nb::arg("weight").noconvert(),
          nb::arg("bias").noconvert(), nb::arg("number") = 0);
}
