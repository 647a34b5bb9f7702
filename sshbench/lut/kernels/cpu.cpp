// The Python module `_cpu`. It packs tables, chooses the kernels of the processor, and distributes images over threads.
// Python passes addresses. The only caller, sshbench/lut/kernels/cpu.py, checks shapes, types and contiguity before.
#include "cpu.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace nb = nanobind;

namespace sshbench {
namespace {

std::vector<const Kernels*> usable_kernels() {
    std::vector<const Kernels*> usable;
    for (const Kernels* k : {&kAvx512, &kAvx2, &kNeon, &kPlain})
        if (k->available != nullptr && k->available()) usable.push_back(k);
    return usable;
}
const std::vector<const Kernels*> kUsable = usable_kernels();
const Kernels* chosen = kUsable.front();

template <class T>
T* at(uintptr_t address) {
    return reinterpret_cast<T*>(address);
}

// Call work(i) for i in 0..count-1 on several threads. The threads end with the call: a pool of threads would not
// survive the fork of a data loader's workers, and starting a thread costs less than processing the smallest piece. If
// the system cannot start more threads, the threads that run do all the work. The first exception that `work` throws is
// rethrown after all threads have ended.
template <class Work>
void in_threads(size_t count, size_t threads, const Work& work) {
    std::atomic<size_t> next{0};
    std::atomic<bool> failed{false};
    std::exception_ptr error;
    const auto run = [&]() noexcept {
        try {
            for (size_t i; !failed && (i = next.fetch_add(1)) < count;) work(i);
        } catch (...) {
            if (!failed.exchange(true)) error = std::current_exception();
        }
    };
    std::vector<std::thread> others;
    try {
        others.reserve(std::min(threads, count));
        for (size_t i = 1; i < std::min(threads, count); ++i) others.emplace_back(run);
    } catch (const std::system_error&) {  // the limit of processes is reached, or no memory is left for a stack
    } catch (const std::bad_alloc&) {
    }
    run();
    for (std::thread& t : others) t.join();
    if (error) std::rethrow_exception(error);
}

constexpr size_t kWorthAThread = 1 << 16;  // the number of pixels from which another thread saves time

// Call work(image, begin, end) for pieces that cover all pixels of all images.
template <class Work>
void for_pieces(size_t images, size_t pixels, size_t threads, const Work& work) {
    constexpr size_t kPiece = kWorthAThread / 2;
    const size_t each = (pixels + kPiece - 1) / kPiece;
    in_threads(images * each, std::min(threads, images * pixels / kWorthAThread), [&](size_t i) {
        const size_t begin = i % each * kPiece;
        work(i / each, begin, std::min(begin + kPiece, pixels));
    });
}

// With toolchains that support it, a function is compiled for several processors, and the loader chooses a copy.
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define SSHBENCH_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define SSHBENCH_CLONES
#endif

// The largest difference between neighbouring grid points, in codes of 0..255, for which 16 bits are exact enough. The
// rounding error of the weights times this difference stays near 0.003 of a code.
constexpr int kLargestJump = 96;

// Pack the table of one LUT into int16 pairs (see PackedLut). Return the number of fraction bits: 8 if all values lie in
// 0..1, and 7 if they lie in -0.5..1.5. Return 0 if 16 bits are not exact enough; `packed` must not be used then.
SSHBENCH_CLONES int pack_bytes(const float* values, int size, int16_t* packed, int16_t* scratch) {
    const int points = size * size * size, row = 3 * size, plane = row * size;
    float low = 0.0f, high = 1.0f;
    for (int i = 0; i < 3 * points; ++i) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    const int bits = low >= 0.0f && high <= 1.0f ? 8 : low >= -0.5f && high <= 1.5f ? 7 : 0;
    if (bits == 0) return 0;
    const float scale = -255.0f * float(1 << bits), offset = 127.5f * float(1 << bits);
    for (int i = 0; i < 3 * points; ++i) {
        const float exact = values[i] * scale + offset;
        scratch[i] = int16_t(int(exact + (exact < 0.0f ? -0.5f : 0.5f)));
    }
    uint16_t jump = 0;
    const auto jumps = [&](const int16_t* v, int count, int distance) {
        uint16_t largest = 0;
        for (int i = 0; i < count; ++i) {
            const int16_t a = v[i], b = v[i + distance];
            const uint16_t difference = uint16_t((a > b ? a : b) - (a > b ? b : a));
            largest = difference > largest ? difference : largest;
        }
        jump = largest > jump ? largest : jump;
    };
    for (int i = 0; i < 3 * points; i += row) jumps(scratch + i, row - 3, 3);
    for (int i = 0; i < 3 * points; i += plane) jumps(scratch + i, plane - row, row);
    jumps(scratch, 3 * points - plane, plane);
    if (jump > kLargestJump << bits) return 0;
    // The last pair of a row takes its second half from the next row. That half has the weight 0, so any number will do.
    std::fill(scratch + 3 * points, scratch + 3 * points + 8, int16_t(0));
    typedef int16_t s8 __attribute__((vector_size(16)));
    for (int i = 0; i < points; ++i) {
        s8 v;
        std::memcpy(&v, scratch + 3 * i, sizeof v);
        v = __builtin_shufflevector(v, v, 0, 3, 1, 4, 2, 5, 6, 7);
        std::memcpy(packed + kEntry * i, &v, sizeof v);
    }
    std::fill(packed + kEntry * points, packed + kEntry * (points + size * size + size + 1), int16_t(0));
    return bits;
}

std::vector<int> pack_bytes_all(uintptr_t values, size_t count, int size, uintptr_t packed, size_t threads) {
    nb::gil_scoped_release release;
    const size_t points = size_t(size) * size * size, entries = points + size_t(size) * size + size + 1;
    std::vector<int> bits(count);
    in_threads(count, threads, [&](size_t k) {
        std::vector<int16_t> scratch(3 * points + 8);
        bits[k] = pack_bytes(at<const float>(values) + k * 3 * points, size, at<int16_t>(packed) + k * kEntry * entries,
                             scratch.data());
    });
    return bits;
}

void apply_bytes(uintptr_t source, uintptr_t target, size_t images, size_t pixels, int layout, uintptr_t packed, int size,
                 const std::vector<int>& bits, uintptr_t coordinates, bool coordinates_each, uintptr_t index,
                 uintptr_t strength, size_t threads) {
    nb::gil_scoped_release release;
    const size_t entries = size_t(size) * size * size + size_t(size) * size + size + 1;
    for_pieces(images, pixels, threads, [&](size_t image, size_t begin, size_t end) {
        const size_t k = index ? size_t(at<const int32_t>(index)[image]) : 0;
        PackedLut lut;
        lut.table = at<const int16_t>(packed) + k * kEntry * entries;
        lut.coordinates = at<const uint8_t>(coordinates) + (coordinates_each ? k * 3 * 768 : 0);
        lut.size = size;
        lut.bits = bits[k];
        const float share = strength ? at<const float>(strength)[image] : 1.0f;
        lut.strength = share > 0.0f ? int(std::lround(std::min(share, 1.0f) * 32768.0f)) : 0;
        chosen->bytes(lut, at<const uint8_t>(source) + image * 3 * pixels, at<uint8_t>(target) + image * 3 * pixels,
                      Layout(layout), pixels, begin, end);
    });
}

template <class T>
Axis<T> axis(double lower, double upper, int size) {
    const long double scale = (size - 1) / (static_cast<long double>(upper) - lower);
    const T high = T(scale);
    return {T(lower), T(upper), high, T(scale - high), size};
}

// The LUTs of a call to apply_floats, apply_doubles or backward: the addresses of all LUTs, and which LUT each image has.
struct Luts {
    uintptr_t table = 0;  // [K][B][G][R][4] float32 for apply_floats; [K][B][G][R][3] of the image's type for the others
    int size = 0;
    uintptr_t shaper = 0;  // [K][3][S] of the image's type
    int shaper_size = 0;
    std::vector<double> domain, shaper_domain;  // the lower bounds of R, G, B, then the upper bounds of R, G, B
    uintptr_t index = 0, strength = 0;          // int32 [N], float or double [N], or null
    bool tetrahedral = false;

    size_t lut(size_t image) const { return index ? size_t(at<const int32_t>(index)[image]) : 0; }
    size_t points() const { return size_t(size) * size * size; }
    template <class T>
    void axes(Axis<T> table_axes[3], Axis<T> shaper_axes[3]) const {
        for (int c = 0; c < 3; ++c) {
            if (table) table_axes[c] = axis<T>(domain[c], domain[3 + c], size);
            if (shaper) shaper_axes[c] = axis<T>(shaper_domain[c], shaper_domain[3 + c], shaper_size);
        }
    }
};

void apply_floats(const Luts& luts, uintptr_t source, uintptr_t target, size_t images, size_t pixels, int source_type,
                  int target_type, int source_layout, int target_layout, uintptr_t affine, size_t threads) {
    nb::gil_scoped_release release;
    FloatLut shared = {};
    luts.axes(shared.axis, shared.shaper_axis);
    shared.tetrahedral = luts.tetrahedral;
    for_pieces(images, pixels, threads, [&](size_t image, size_t begin, size_t end) {
        const size_t k = luts.lut(image);
        FloatLut lut = shared;
        lut.table = luts.table ? at<const float>(luts.table) + k * 4 * luts.points() : nullptr;
        lut.shaper = luts.shaper ? at<const float>(luts.shaper) + k * 3 * luts.shaper_size : nullptr;
        lut.strength = luts.strength ? at<const float>(luts.strength)[image] : 1.0f;
        FloatImage job;
        job.source_type = Type(source_type);
        job.target_type = Type(target_type);
        job.source = at<const char>(source) + image * 3 * pixels * bytes_per_value(job.source_type);
        job.target = at<char>(target) + image * 3 * pixels * bytes_per_value(job.target_type);
        job.source_layout = Layout(source_layout);
        job.target_layout = Layout(target_layout);
        job.pixels = pixels;
        job.affine = at<const float>(affine);
        chosen->floats(lut, job, begin, end);
    });
}

// One pixel of a planar image in the precision of T, with the intermediate values that the derivatives need.
template <class T>
struct Pixel {
    Place<T> shaped_place[3], place[3];
    T x[3], shaped[3], y[3];
};
template <class T>
struct Scalar {
    const Luts& luts;
    Axis<T> axis[3], shaper_axis[3];
    Strides strides;
    const T *table, *shaper;

    Scalar(const Luts& luts, size_t k) : luts(luts) {
        luts.axes(axis, shaper_axis);
        strides = {3, 3LL * luts.size, 3LL * luts.size * luts.size};
        table = luts.table ? at<const T>(luts.table) + k * 3 * luts.points() : nullptr;
        shaper = luts.shaper ? at<const T>(luts.shaper) + k * 3 * luts.shaper_size : nullptr;
    }
    size_t corner(const Pixel<T>& p) const {
        return size_t(p.place[2].cell * strides.plane + p.place[1].cell * strides.row + p.place[0].cell * strides.texel);
    }
    void evaluate(Pixel<T>& p) const {
        for (int c = 0; c < 3; ++c) {
            p.shaped[c] = p.x[c];
            if (shaper) {
                p.shaped_place[c] = locate(p.x[c], shaper_axis[c]);
                const T* point = shaper + size_t(c) * luts.shaper_size + p.shaped_place[c].cell;
                p.shaped[c] = lerp(point[0], point[1], p.shaped_place[c].fraction);
            }
            p.y[c] = p.shaped[c];
            if (table) p.place[c] = locate(p.shaped[c], axis[c]);
        }
        if (!table) return;
        const T fr = p.place[0].fraction, fg = p.place[1].fraction, fb = p.place[2].fraction;
        if (!luts.tetrahedral) return trilinear(table + corner(p), strides, fr, fg, fb, p.y);
        long long step[4];
        T weight[4];
        tetrahedron(strides, fr, fg, fb, step, weight);
        for (int c = 0; c < 3; ++c) {
            p.y[c] = T(0);
            for (int k = 0; k < 4; ++k) p.y[c] += weight[k] * table[corner(p) + step[k] + c];
        }
    }
    // Compute the derivatives of dot(dy, p.y) for an evaluated pixel. The derivative with respect to the table is added
    // to dcorner, which may be null; the derivatives with respect to the three fractions are written to dfraction.
    void backward(const Pixel<T>& p, const T dy[3], T* dcorner, T dfraction[3]) const {
        const T fr = p.place[0].fraction, fg = p.place[1].fraction, fb = p.place[2].fraction;
        const T* from = table + corner(p);
        if (!luts.tetrahedral) {
            const auto add = [](T* address, T value) { *address += value; };
            return trilinear_backward(from, strides, fr, fg, fb, dy, dcorner, dfraction, add);
        }
        long long step[4];
        T weight[4], product[4] = {};
        tetrahedron(strides, fr, fg, fb, step, weight);
        for (int k = 0; k < 4; ++k)
            for (int c = 0; c < 3; ++c) {
                product[k] += dy[c] * from[step[k] + c];
                if (dcorner) dcorner[step[k] + c] += weight[k] * dy[c];
            }
        tetrahedron_backward(strides, step, product, dfraction);
    }
};

void apply_doubles(const Luts& luts, uintptr_t source, uintptr_t target, size_t images, size_t pixels, size_t threads) {
    nb::gil_scoped_release release;
    for_pieces(images, pixels, threads, [&](size_t image, size_t begin, size_t end) {
        const Scalar<double> lut(luts, luts.lut(image));
        const double strength = luts.strength ? at<const double>(luts.strength)[image] : 1.0;
        const double* s = at<const double>(source) + image * 3 * pixels;
        double* t = at<double>(target) + image * 3 * pixels;
        Pixel<double> p;
        for (size_t i = begin; i < end; ++i) {
            for (int c = 0; c < 3; ++c) p.x[c] = s[c * pixels + i];
            lut.evaluate(p);
            for (int c = 0; c < 3; ++c)
                t[c * pixels + i] = luts.strength ? p.x[c] + strength * (p.y[c] - p.x[c]) : p.y[c];
        }
    });
}

// Compute all gradients. Images that share a LUT add to the same gradient, so one thread processes all images of a LUT.
template <class T>
void backward(const Luts& luts, uintptr_t grad, uintptr_t source, size_t images, size_t pixels, size_t count,
              uintptr_t grad_source, uintptr_t grad_table, uintptr_t grad_shaper, uintptr_t grad_strength, size_t threads) {
    nb::gil_scoped_release release;
    in_threads(count, std::min(threads, images * pixels / kWorthAThread), [&](size_t k) {
        const Scalar<T> lut(luts, k);
        for (size_t image = 0; image < images; ++image) {
            if (luts.lut(image) != k) continue;
            const T strength = luts.strength ? at<const T>(luts.strength)[image] : T(1);
            const T *x = at<const T>(source) + image * 3 * pixels, *g = at<const T>(grad) + image * 3 * pixels;
            T* dx = grad_source ? at<T>(grad_source) + image * 3 * pixels : nullptr;
            T* dtable = grad_table ? at<T>(grad_table) + k * 3 * luts.points() : nullptr;
            T* dshaper = grad_shaper ? at<T>(grad_shaper) + k * 3 * luts.shaper_size : nullptr;
            Pixel<T> p;
            double dstrength = 0;
            for (size_t i = 0; i < pixels; ++i) {
                T dy[3], dshaped[3];
                for (int c = 0; c < 3; ++c) p.x[c] = x[c * pixels + i];
                lut.evaluate(p);
                for (int c = 0; c < 3; ++c) {
                    dstrength += g[c * pixels + i] * (p.y[c] - p.x[c]);
                    dshaped[c] = dy[c] = strength * g[c * pixels + i];
                }
                if (lut.table) {
                    T dfraction[3];
                    lut.backward(p, dy, dtable ? dtable + lut.corner(p) : nullptr, dfraction);
                    for (int c = 0; c < 3; ++c) dshaped[c] = p.place[c].inside ? dfraction[c] * lut.axis[c].scale : T(0);
                }
                for (int c = 0; c < 3; ++c) {
                    T d = dshaped[c];
                    if (lut.shaper) {
                        const Place<T>& place = p.shaped_place[c];
                        const size_t point = size_t(c) * luts.shaper_size + place.cell;
                        if (dshaper) {
                            dshaper[point] += d * (T(1) - place.fraction);
                            dshaper[point + 1] += d * place.fraction;
                        }
                        const T slope = (lut.shaper[point + 1] - lut.shaper[point]) * lut.shaper_axis[c].scale;
                        d = place.inside ? d * slope : T(0);
                    }
                    if (dx) dx[c * pixels + i] = d + (T(1) - strength) * g[c * pixels + i];
                }
            }
            if (grad_strength) at<T>(grad_strength)[image] = T(dstrength);
        }
    });
}

}  // namespace
}  // namespace sshbench

NB_MODULE(_cpu, m) {
    using namespace sshbench;
    m.def("kernels", [] {
        std::vector<std::string> names;
        for (const Kernels* k : kUsable) names.push_back(k->name);
        return names;
    }, "Return the names of the kernels that this processor can run, the fastest first.");
    m.def("chosen", [] { return std::string(chosen->name); });
    m.def("choose", [](const std::string& name) {
        for (const Kernels* k : kUsable)
            if (name == k->name) {
                chosen = k;
                return;
            }
        throw std::invalid_argument("no such kernel on this processor: " + name);
    });
    nb::class_<Luts>(m, "Luts")
        .def(nb::init<>())
        .def_rw("table", &Luts::table)
        .def_rw("size", &Luts::size)
        .def_rw("shaper", &Luts::shaper)
        .def_rw("shaper_size", &Luts::shaper_size)
        .def_rw("domain", &Luts::domain)
        .def_rw("shaper_domain", &Luts::shaper_domain)
        .def_rw("index", &Luts::index)
        .def_rw("strength", &Luts::strength)
        .def_rw("tetrahedral", &Luts::tetrahedral);
    m.def("pack_bytes", &pack_bytes_all);
    m.def("apply_bytes", &apply_bytes);
    m.def("apply_floats", &apply_floats);
    m.def("apply_doubles", &apply_doubles);
    m.def("backward_float", &backward<float>);
    m.def("backward_double", &backward<double>);
}
