// What host C++ and CUDA spell differently. Bodies use these names and nothing from either library,
// so that one source has the same arithmetic, and the same bits, on both sides.
#pragma once

#ifdef __CUDACC_RTC__  // has no headers of its own
using int8_t = signed char;
using uint8_t = unsigned char;
using int16_t = short;
using uint16_t = unsigned short;
using int32_t = int;
using uint32_t = unsigned;
using int64_t = long long;
using uintptr_t = unsigned long long;
#else
#include <stdint.h>
#endif

// SW_UNROLL before a loop over registers keeps compilers from placing them in memory.
#ifdef __CUDACC__
#define SW_BODY __device__ __forceinline__
#define SW_UNROLL _Pragma("unroll")
#else
#ifdef __clang__
#define SW_UNROLL _Pragma("unroll")
#else
#define SW_UNROLL _Pragma("GCC unroll 8")
#endif
#define SW_BODY inline __attribute__((always_inline))
#endif

// Everything has internal linkage: a host source is compiled once per instruction set, and a
// function merged across those objects would run on processors that lack it.
namespace {

using Index = int64_t;

// float16 as it lies in memory.
struct Half {
  uint16_t bits;
};

SW_BODY float float_from_bits(uint32_t bits) {
#ifdef __CUDACC__
  return __uint_as_float(bits);
#else
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
#endif
}

SW_BODY uint32_t bits_from_float(float value) {
#ifdef __CUDACC__
  return __float_as_uint(value);
#else
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
#endif
}

// a * b + c, rounded once wherever the processor can. Plain products and sums are never contracted
// (-ffp-contract=off, -fmad=false).
SW_BODY float fused(float a, float b, float c) {
#if defined(__CUDACC__)
  return __fmaf_rn(a, b, c);
#elif defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  // x86 before 2013: emulation costs 20 times the product; the last bit may differ instead.
  return a * b + c;
#endif
}

SW_BODY float magnitude(float value) {
  return float_from_bits(bits_from_float(value) & 0x7fffffffu);
}

SW_BODY float square_root(float value) {
#ifdef __CUDACC__
  return __fsqrt_rn(value);
#else
  return __builtin_sqrtf(value);
#endif
}

// `value` in [low, high]; nan gives low.
SW_BODY float limited(float value, float low, float high) {
  const float raised = value > low ? value : low;
  return raised < high ? raised : high;
}

// Nearest integer, ties to even, for |value| < 2^22.
SW_BODY float nearest(float value) {
  const float shift = 12582912.0f;  // 1.5 * 2^23: no fraction bits are left beside it
  return (value + shift) - shift;
}

SW_BODY int floor_to_int(float value) {
  const int truncated = static_cast<int>(value);
  return truncated - (static_cast<float>(truncated) > value);
}

SW_BODY float floor_of(float value) {
#ifdef __CUDACC__
  return floorf(value);
#else
  return __builtin_floorf(value);
#endif
}

// 2^exponent for exponent <= 0; 0 below the smallest normal number.
SW_BODY float power_of_two(int exponent) {
  const int biased = exponent + 127;
  return float_from_bits(static_cast<uint32_t>(biased > 0 ? biased : 0) << 23);
}

}  // namespace
