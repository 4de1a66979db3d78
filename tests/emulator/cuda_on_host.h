// CUDA's words for host C++, so that the very kernels run on the processor, one thread after the
// other: an emulation, to check what kernels compute and where they write, not how fast.
//
// A kernel becomes stillwave_NAME(argument, blocks). Threads that meet at a barrier run as fibers,
// each up to the next barrier in turn.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

#define __CUDACC__
#define SW_EMULATED
#define __device__
#define __global__
#define __shared__ static
#define __forceinline__ inline __attribute__((always_inline))

struct Number {
  unsigned x;
};
static Number threadIdx, blockIdx;

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(2) uchar2 {
  uint8_t x, y;
};
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
  return {x, y, z, w};
}
static inline uchar2 make_uchar2(uint8_t x, uint8_t y) { return {x, y}; }

// A misaligned address is an error on a device, and must not pass here.
template <class T>
static inline T __ldg(const T* from) {
  if (reinterpret_cast<uintptr_t>(from) % alignof(T) != 0) abort();
  return *from;
}
static inline float __uint_as_float(uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}
static inline uint32_t __float_as_uint(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
}
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline float __fsqrt_rn(float value) { return sqrtf(value); }
static inline int atomicAdd(int* at, int value) {
  const int before = *at;
  *at += value;
  return before;
}
static inline uint32_t atomicMax(uint32_t* at, uint32_t value) {
  const uint32_t before = *at;
  if (value > before) *at = value;
  return before;
}

namespace emulator {

constexpr unsigned kBlockThreads = 256;
constexpr size_t kStackBytes = 64 << 10;

static ucontext_t scheduler, fibers[kBlockThreads];
static bool is_done[kBlockThreads];
static void (*body)(const void*);
static const void* body_argument;

static void run_fiber() {
  body(body_argument);
  is_done[threadIdx.x] = true;
}

static inline void wait_at_barrier() { swapcontext(&fibers[threadIdx.x], &scheduler); }

// Runs the threads of a block to their barriers, in turn, until all are done.
static void run_block_of_fibers(char* stacks) {
  for (unsigned t = 0; t < kBlockThreads; ++t) {
    getcontext(&fibers[t]);
    fibers[t].uc_stack.ss_sp = stacks + t * kStackBytes;
    fibers[t].uc_stack.ss_size = kStackBytes;
    fibers[t].uc_link = &scheduler;
    is_done[t] = false;
    makecontext(&fibers[t], run_fiber, 0);
  }
  for (bool is_any_left = true; is_any_left;) {
    is_any_left = false;
    for (unsigned t = 0; t < kBlockThreads; ++t) {
      if (is_done[t]) continue;
      threadIdx.x = t;
      swapcontext(&scheduler, &fibers[t]);
      is_any_left |= !is_done[t];
    }
  }
}

static void run(void (*kernel)(const void*), const void* argument, unsigned blocks,
                bool has_barriers) {
  body = kernel;
  body_argument = argument;
  char* stacks = has_barriers ? static_cast<char*>(malloc(kBlockThreads * kStackBytes)) : nullptr;
  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) {
    if (has_barriers) {
      run_block_of_fibers(stacks);
      continue;
    }
    // Backwards, so that nothing may rely on an order of threads that no device keeps.
    for (unsigned t = kBlockThreads; t-- > 0;) {
      threadIdx.x = t;
      kernel(argument);
    }
  }
  free(stacks);
}

}  // namespace emulator

static inline void __syncthreads() { emulator::wait_at_barrier(); }

#define SW_EMULATE(name, Argument, has_barriers)                                \
  static void name##_thread(const Argument& argument);                          \
  static void name##_on_host(const void* argument) {                            \
    name##_thread(*static_cast<const Argument*>(argument));                     \
  }                                                                             \
  extern "C" void stillwave_##name(const void* argument, unsigned blocks) {     \
    emulator::run(name##_on_host, argument, blocks, has_barriers);              \
  }                                                                             \
  extern "C" int stillwave_argument_bytes_##name() { return sizeof(Argument); } \
  static void name##_thread(const Argument& argument)
#define SW_KERNEL(name, Argument) SW_EMULATE(name, Argument, false)
#define SW_BLOCK_KERNEL(name, Argument) SW_EMULATE(name, Argument, true)
