// Replacements for the built-ins of a CUDA compiler, so that the tests can run cuda.cu on the CPU. Blocks run one after
// the other, and so do the threads of a block between two calls of __syncthreads(). Include this file before cuda.cu.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>
#include <vector>

#include <ucontext.h>

#define __global__ static
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};
static dim3 gridDim, blockDim, blockIdx, threadIdx;

struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(16) double2 {
    double x, y;
};

template <class T>
static T __ldg(const T* p) {
    if (reinterpret_cast<unsigned long long>(p) % alignof(T)) __builtin_trap();  // a device would refuse it
    return *p;
}
template <class T>
static T __ldcs(const T* p) {
    return *p;
}
template <class T>
static void __stcs(T* p, T value) {
    *p = value;
}
template <class T>
static void atomicAdd(T* to, T value) {
    *to += value;
}
static unsigned __float_as_uint(float v) {
    unsigned bits;
    std::memcpy(&bits, &v, sizeof bits);
    return bits;
}
static float __uint_as_float(unsigned bits) {
    float v;
    std::memcpy(&v, &bits, sizeof v);
    return v;
}

static unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
    const unsigned long long bytes = static_cast<unsigned long long>(y) << 32 | x;
    unsigned out = 0;
    for (int i = 0; i < 4; ++i) out |= (bytes >> 8 * (selector >> 4 * i & 7) & 255) << 8 * i;
    return out;
}
static float half_to_float(unsigned short bits) {
    _Float16 v;
    std::memcpy(&v, &bits, sizeof v);
    return static_cast<float>(v);
}
static unsigned short float_to_half(float value) {
    const _Float16 v = static_cast<_Float16>(value);
    unsigned short bits;
    std::memcpy(&bits, &v, sizeof bits);
    return bits;
}

namespace sshbench {
static uint4 shared_memory[(1 << 20) / sizeof(uint4)];
}

static ucontext_t scheduler;
static std::vector<ucontext_t> fibers;  // one for each thread of the block
static std::vector<char> finished;
static const std::function<void()>* running;

static void __syncthreads() {
    swapcontext(&fibers[threadIdx.x], &scheduler);
}
static void run_fiber() {
    (*running)();
    finished[threadIdx.x] = 1;
}

static void run_block(unsigned threads, const std::function<void()>& kernel) {
    constexpr size_t stack = 64 << 10;
    static std::vector<char> stacks;
    stacks.resize(threads * stack);
    fibers.resize(threads);
    finished.assign(threads, 0);
    running = &kernel;
    for (unsigned i = 0; i < threads; ++i) {
        getcontext(&fibers[i]);
        fibers[i].uc_stack.ss_sp = &stacks[i * stack];
        fibers[i].uc_stack.ss_size = stack;
        fibers[i].uc_link = &scheduler;
        makecontext(&fibers[i], run_fiber, 0);
    }
    for (bool left = true; left;) {
        left = false;
        for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) {
            if (finished[threadIdx.x]) continue;
            swapcontext(&scheduler, &fibers[threadIdx.x]);
            left = left || !finished[threadIdx.x];
        }
    }
}

static void run_grid(dim3 grid, unsigned threads, size_t shared, const std::function<void()>& kernel) {
    gridDim = grid;
    blockDim = {threads, 1, 1};
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y)
        for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x) {
            std::memset(sshbench::shared_memory, 0xff, shared);  // a block starts with NaN
            if (shared) run_block(threads, kernel);
            else
                for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) kernel();
        }
}
