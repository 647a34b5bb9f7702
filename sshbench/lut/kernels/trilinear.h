// The arithmetic of LUT interpolation, written once for the CPU and CUDA kernels. This file includes no headers, so
// that NVRTC can compile it without any. Trilinear interpolation follows the Adobe Cube LUT specification 1.0, and
// tetrahedral interpolation follows Kasson et al. 1995.
#pragma once

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define SSHBENCH_FN static __host__ __device__ __forceinline__
#else
// Internal linkage, because each processor's file compiles its own copy and the linker must not merge the copies.
#define SSHBENCH_FN static inline
#endif

namespace sshbench {

// One axis of a table: `size` points spread evenly over lower..upper. The sum scale + scale_low is
// (size - 1) / (upper - lower) at twice the precision of T, because the fraction within a cell must be exact to 1e-7
// even if the cell's number takes up several bits of T.
template <class T>
struct Axis {
    T lower, upper, scale, scale_low;
    int size;
};

// The place of a value on an axis: it lies between point `cell` and the next point, at `fraction` (0..1) of the way.
template <class T>
struct Place {
    int cell;
    T fraction;
    bool inside;  // the value was not clamped, so the derivative with respect to the value is not zero
};

SSHBENCH_FN double multiply_add(double a, double b, double c) {
#if defined(__CUDA_ARCH__)
    return fma(a, b, c);
#elif defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return __builtin_fma(a, b, c);
#else
    return a * b + c;
#endif
}
SSHBENCH_FN float multiply_add(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
    return fmaf(a, b, c);
#elif defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return __builtin_fmaf(a, b, c);
#else
    const double product = static_cast<double>(a) * b;  // exact: 24 bits times 24 bits
    double sum = product + c;
    long long bits;
    __builtin_memcpy(&bits, &sum, sizeof bits);
    // A fused operation rounds once. The sum has already been rounded to double, so a conversion to float rounds a
    // second time. The second rounding matters only if the sum lies halfway between two floats or is subnormal.
    const double size = sum < 0 ? -sum : sum;
    if ((bits & 0x1fffffff) == 0x10000000 || (size < 1.1754943508222875e-38 && size > 0)) {
        const double back = sum - product, lost = (product - (sum - back)) + (c - back);
        // Round the sum to odd (Boldo and Melquiond 2008): its last bit records whether the first rounding was inexact.
        if (lost != 0 && bits % 2 == 0) bits += (lost > 0) == (sum > 0) ? 1 : -1;
        __builtin_memcpy(&sum, &bits, sizeof bits);
    }
    return static_cast<float>(sum);
#endif
}

// Return the larger and the smaller of two values. If `value` is NaN, both return NaN.
template <class T>
SSHBENCH_FN T at_least(T value, T bound) {
    return value < bound ? bound : value;
}
template <class T>
SSHBENCH_FN T at_most(T value, T bound) {
    return value > bound ? bound : value;
}
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800  // one instruction in place of two
SSHBENCH_FN float at_least(float value, float bound) {
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(value) : "f"(value), "f"(bound));
    return value;
}
SSHBENCH_FN float at_most(float value, float bound) {
    asm("min.NaN.f32 %0, %1, %2;" : "=f"(value) : "f"(value), "f"(bound));
    return value;
}
#endif

// Return the place of a value on an axis. NaN is placed in the last cell with the fraction NaN, so that NaN reaches the
// output. Infinities are clamped to the domain. The code selects between values instead of branching, because a warp of
// a GPU would execute both branches one after the other.
template <class T>
SSHBENCH_FN Place<T> locate(T value, const Axis<T>& axis) {
    const T lower = axis.lower, upper = axis.upper;
    const bool inside = !(value < lower) && !(value > upper);
    const T offset = at_most(at_least(value, lower), upper) - lower;
    const T coordinate = offset * axis.scale;
    const T last = static_cast<T>(axis.size - 2);
    const int cell = static_cast<int>(coordinate < last ? coordinate : last);
    const T fraction = multiply_add(offset, axis.scale_low, multiply_add(offset, axis.scale, T(-cell)));
    return {cell, fraction, inside};
}

template <class T>
SSHBENCH_FN T lerp(T a, T b, T t) {
    return multiply_add(t, b - a, a);
}

// Strides of a table, in elements. Channel `c` of a cell's corner (b, g, r) is at b * plane + g * row + r * texel + c.
struct Strides {
    long long texel, row, plane;
};

template <class T>
SSHBENCH_FN void trilinear(const T* corner, const Strides& s, T fr, T fg, T fb, T out[3]) {
    for (int c = 0; c < 3; ++c, ++corner) {
        const T c00 = lerp(corner[0], corner[s.texel], fr);
        const T c01 = lerp(corner[s.row], corner[s.row + s.texel], fr);
        const T c10 = lerp(corner[s.plane], corner[s.plane + s.texel], fr);
        const T c11 = lerp(corner[s.plane + s.row], corner[s.plane + s.row + s.texel], fr);
        out[c] = lerp(lerp(c00, c01, fg), lerp(c10, c11, fg), fb);
    }
}

// Compute the derivatives of dot(grad_out, trilinear). The derivative with respect to the table is added to grad_corner
// by `add`; grad_corner has the same strides and may be null. The derivatives with respect to the three fractions are
// written to grad_fraction.
template <class T, class Add>
SSHBENCH_FN void trilinear_backward(
    const T* corner, const Strides& s, T fr, T fg, T fb, const T grad_out[3], T* grad_corner, T grad_fraction[3], Add add) {
    const T weight_r[2] = {T(1) - fr, fr}, weight_g[2] = {T(1) - fg, fg}, weight_b[2] = {T(1) - fb, fb};
    grad_fraction[0] = grad_fraction[1] = grad_fraction[2] = T(0);
    for (int b = 0; b < 2; ++b)
        for (int g = 0; g < 2; ++g)
            for (int r = 0; r < 2; ++r) {
                const long long at = b * s.plane + g * s.row + r * s.texel;
                const T weight = weight_b[b] * weight_g[g] * weight_r[r];
                T product = T(0);
                for (int c = 0; c < 3; ++c) {
                    product += grad_out[c] * corner[at + c];
                    if (grad_corner != nullptr) add(grad_corner + at + c, weight * grad_out[c]);
                }
                grad_fraction[0] += (r ? product : -product) * weight_g[g] * weight_b[b];
                grad_fraction[1] += (g ? product : -product) * weight_r[r] * weight_b[b];
                grad_fraction[2] += (b ? product : -product) * weight_r[r] * weight_g[g];
            }
}

// Find the tetrahedron of a pixel. The grey diagonal cuts a cell into six tetrahedra. The four corners of a tetrahedron
// form a path from the lowest to the highest corner of the cell: at[k] is the offset of the k-th corner on the path
// from the lowest corner, and weight[k] is the weight of that corner.
template <class T>
SSHBENCH_FN void tetrahedron(const Strides& s, T fr, T fg, T fb, long long at[4], T weight[4]) {
    const bool rg = fr >= fg, gb = fg >= fb, rb = fr >= fb;
    const long long first = (rg && rb) ? s.texel : ((!rg && gb) ? s.row : s.plane);
    const long long last = (!rg && !rb) ? s.texel : ((rg && !gb) ? s.row : s.plane);
    const T largest = (rg && rb) ? fr : ((!rg && gb) ? fg : fb);
    const T smallest = (!rg && !rb) ? fr : ((rg && !gb) ? fg : fb);
    const T middle = fr + fg + fb - largest - smallest;
    at[0] = 0;
    at[1] = first;
    at[2] = s.texel + s.row + s.plane - last;
    at[3] = s.texel + s.row + s.plane;
    weight[0] = T(1) - largest;
    weight[1] = largest - middle;
    weight[2] = middle - smallest;
    weight[3] = smallest;
}

// Write the derivatives of dot(grad_out, interpolated) with respect to the three fractions. product[k] is the dot
// product of grad_out and the k-th corner on the path.
template <class T>
SSHBENCH_FN void tetrahedron_backward(const Strides& s, const long long at[4], const T product[4], T grad_fraction[3]) {
    const long long first = at[1], last = at[3] - at[2];
    const T rise[3] = {product[1] - product[0], product[2] - product[1], product[3] - product[2]};
    grad_fraction[0] = first == s.texel ? rise[0] : (last == s.texel ? rise[2] : rise[1]);
    grad_fraction[1] = first == s.row ? rise[0] : (last == s.row ? rise[2] : rise[1]);
    grad_fraction[2] = first == s.plane ? rise[0] : (last == s.plane ? rise[2] : rise[1]);
}

}  // namespace sshbench
