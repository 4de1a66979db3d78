// `Lanes`: the widest host vector that stays in one register (wider ones spill, 4x slower).
// `interleave` gives x0 y0 x1 y1 ... in two vectors. `stream` bypasses the caches; it needs an
// address that is a multiple of the value's size.
#pragma once

#include "vector.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace {

#if defined(__AVX512F__)

using Lanes = float __attribute__((vector_size(64)));

template <>
SW_BODY Lanes broadcast<Lanes>(float value) {
  return _mm512_set1_ps(value);
}
template <>
SW_BODY Lanes load<Lanes>(const float* from) {
  return _mm512_loadu_ps(from);
}
template <>
SW_BODY Lanes load<Lanes>(const Half* from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
SW_BODY __m256i halves_from(Lanes value) {
  return _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
SW_BODY void store(float* to, Lanes value) { _mm512_storeu_ps(to, value); }
SW_BODY void store(Half* to, Lanes value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), halves_from(value));
}
SW_BODY void stream(float* to, Lanes value) { _mm512_stream_ps(to, value); }
SW_BODY void stream(Half* to, Lanes value) {
  _mm256_stream_si256(reinterpret_cast<__m256i*>(to), halves_from(value));
}
SW_BODY Lanes fused(Lanes a, Lanes b, Lanes c) { return _mm512_fmadd_ps(a, b, c); }
SW_BODY Lanes square_root(Lanes value) { return _mm512_sqrt_ps(value); }
SW_BODY void interleave(Lanes x, Lanes y, Lanes* low, Lanes* high) {
  const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i last = _mm512_add_epi32(first, _mm512_set1_epi32(8));
  *low = _mm512_permutex2var_ps(x, first, y);
  *high = _mm512_permutex2var_ps(x, last, y);
}

#elif defined(__AVX2__)

using Lanes = float __attribute__((vector_size(32)));

template <>
SW_BODY Lanes broadcast<Lanes>(float value) {
  return _mm256_set1_ps(value);
}
template <>
SW_BODY Lanes load<Lanes>(const float* from) {
  return _mm256_loadu_ps(from);
}
template <>
SW_BODY Lanes load<Lanes>(const Half* from) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
SW_BODY __m128i halves_from(Lanes value) {
  return _mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
SW_BODY void store(float* to, Lanes value) { _mm256_storeu_ps(to, value); }
SW_BODY void store(Half* to, Lanes value) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), halves_from(value));
}
SW_BODY void stream(float* to, Lanes value) { _mm256_stream_ps(to, value); }
SW_BODY void stream(Half* to, Lanes value) {
  _mm_stream_si128(reinterpret_cast<__m128i*>(to), halves_from(value));
}
SW_BODY Lanes fused(Lanes a, Lanes b, Lanes c) { return _mm256_fmadd_ps(a, b, c); }
SW_BODY Lanes square_root(Lanes value) { return _mm256_sqrt_ps(value); }
SW_BODY void interleave(Lanes x, Lanes y, Lanes* low, Lanes* high) {
  const __m256 even = _mm256_unpacklo_ps(x, y), odd = _mm256_unpackhi_ps(x, y);
  *low = _mm256_permute2f128_ps(even, odd, 0x20);
  *high = _mm256_permute2f128_ps(even, odd, 0x31);
}

#elif defined(__aarch64__)

using Lanes = float32x4_t;

template <>
SW_BODY Lanes broadcast<Lanes>(float value) {
  return vdupq_n_f32(value);
}
template <>
SW_BODY Lanes load<Lanes>(const float* from) {
  return vld1q_f32(from);
}
template <>
SW_BODY Lanes load<Lanes>(const Half* from) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(&from->bits)));
}
SW_BODY void store(float* to, Lanes value) { vst1q_f32(to, value); }
SW_BODY void store(Half* to, Lanes value) {
  vst1_u16(&to->bits, vreinterpret_u16_f16(vcvt_f16_f32(value)));
}
SW_BODY void stream(float* to, Lanes value) { store(to, value); }
SW_BODY void stream(Half* to, Lanes value) { store(to, value); }
SW_BODY Lanes fused(Lanes a, Lanes b, Lanes c) { return vfmaq_f32(c, a, b); }
SW_BODY Lanes square_root(Lanes value) { return vsqrtq_f32(value); }
SW_BODY void interleave(Lanes x, Lanes y, Lanes* low, Lanes* high) {
  *low = vzip1q_f32(x, y);
  *high = vzip2q_f32(x, y);
}

#else

using Lanes = float __attribute__((vector_size(16)));

template <>
SW_BODY Lanes broadcast<Lanes>(float value) {
  return Lanes{value, value, value, value};
}
template <>
SW_BODY Lanes load<Lanes>(const float* from) {
  return Lanes{from[0], from[1], from[2], from[3]};
}
template <>
SW_BODY Lanes load<Lanes>(const Half* from) {
  return Lanes{float_from_half(from[0]), float_from_half(from[1]), float_from_half(from[2]),
               float_from_half(from[3])};
}
SW_BODY void store(float* to, Lanes value) { __builtin_memcpy(to, &value, sizeof value); }
SW_BODY void store(Half* to, Lanes value) {
  for (int i = 0; i < lanes<Lanes>; ++i) to[i] = half_from_float(value[i]);
}
SW_BODY void stream(float* to, Lanes value) { store(to, value); }
SW_BODY void stream(Half* to, Lanes value) { store(to, value); }
SW_BODY Lanes fused(Lanes a, Lanes b, Lanes c) { return a * b + c; }
SW_BODY Lanes square_root(Lanes value) {
  for (int i = 0; i < lanes<Lanes>; ++i) value[i] = square_root(value[i]);
  return value;
}
SW_BODY void interleave(Lanes x, Lanes y, Lanes* low, Lanes* high) {
  *low = Lanes{x[0], y[0], x[1], y[1]};
  *high = Lanes{x[2], y[2], x[3], y[3]};
}

#endif

template <>
struct Whole<Lanes> {
  using Sums = int32_t __attribute__((vector_size(sizeof(Lanes))));
  using Pairs = int16_t __attribute__((vector_size(sizeof(Lanes))));
};
using Sums = Whole<Lanes>::Sums;
using Pairs = Whole<Lanes>::Pairs;

template <>
SW_BODY Pairs broadcast_pair<Lanes>(int32_t pair) {
  Sums pairs{};
  return reinterpret_cast<Pairs>(pairs + pair);
}
SW_BODY Lanes floats_from(Sums sums) { return __builtin_convertvector(sums, Lanes); }

#if defined(__AVX512F__)
template <>
SW_BODY Pairs widen<Lanes>(const int8_t* from) {
  return reinterpret_cast<Pairs>(
      _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))));
}
SW_BODY Sums add_products(Pairs a, Pairs b, Sums sum) {
  return reinterpret_cast<Sums>(_mm512_dpwssd_epi32(
      reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
}
#elif defined(__AVX2__)
template <>
SW_BODY Pairs widen<Lanes>(const int8_t* from) {
  return reinterpret_cast<Pairs>(
      _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}
SW_BODY Sums add_products(Pairs a, Pairs b, Sums sum) {
  return sum + reinterpret_cast<Sums>(
                   _mm256_madd_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
}
#elif defined(__aarch64__)
template <>
SW_BODY Pairs widen<Lanes>(const int8_t* from) {
  return reinterpret_cast<Pairs>(vmovl_s8(vld1_s8(from)));
}
SW_BODY Sums add_products(Pairs a, Pairs b, Sums sum) {
  const int16x8_t first = reinterpret_cast<int16x8_t>(a), second = reinterpret_cast<int16x8_t>(b);
  const int32x4_t low = vmull_s16(vget_low_s16(first), vget_low_s16(second));
  return sum + reinterpret_cast<Sums>(vpaddq_s32(low, vmull_high_s16(first, second)));
}
#else
template <>
SW_BODY Pairs widen<Lanes>(const int8_t* from) {
  return Pairs{from[0], from[1], from[2], from[3], from[4], from[5], from[6], from[7]};
}
SW_BODY Sums add_products(Pairs a, Pairs b, Sums sum) {
  for (int i = 0; i < lanes<Lanes>; ++i)
    sum[i] += a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
  return sum;
}
#endif

// Makes streamed values visible to other threads before anything stored later.
inline void finish_streams() {
#if defined(__AVX2__)
  _mm_sfence();
#endif
}

}  // namespace
