// float16 conversion of single values: CUDA's instruction, or integer arithmetic with the same
// results, for processors that have none: subnormals kept, ties to even.
#pragma once

#include "portable.h"

#if defined(__CUDACC__) && !defined(SW_EMULATED)

namespace {

SW_BODY float float_from_half(Half half) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(half.bits));
  return value;
}

SW_BODY Half half_from_float(float value) {
  Half half;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half.bits) : "f"(value));
  return half;
}

}  // namespace

#else

namespace {

SW_BODY float float_from_half(Half half) {
  const uint32_t sign = static_cast<uint32_t>(half.bits & 0x8000u) << 16;
  const uint32_t rest = static_cast<uint32_t>(half.bits & 0x7fffu) << 13;
  const float scaled = float_from_bits(rest) * 5.192296858534828e33f;  // 2^112, the bias difference
  const bool is_finite = rest < 0x0f800000u;
  return float_from_bits(sign | (is_finite ? bits_from_float(scaled) : rest | 0x7f800000u));
}

SW_BODY Half half_from_float(float value) {
  const uint32_t sign = (bits_from_float(value) >> 16) & 0x8000u;
  const uint32_t rest = bits_from_float(value) & 0x7fffffffu;
  uint32_t half;
  if (rest > 0x7f800000u) {
    half = 0x7e00u | ((rest >> 13) & 0x3ffu);
  } else if (rest >= 0x477ff000u) {  // 65520: the first value that rounds to infinity
    half = 0x7c00u;
  } else if (rest < 0x38800000u) {  // 2^-14: adding 0.5 rounds to multiples of 2^-24
    half = bits_from_float(float_from_bits(rest) + 0.5f) - 0x3f000000u;
  } else {
    half = ((rest + 0xfffu + ((rest >> 13) & 1u)) >> 13) - (112u << 10);
  }
  return Half{static_cast<uint16_t>(sign | half)};
}

}  // namespace

#endif
