// `Pack<N>`: N lanes that one thread loads and stores 128 bits at a time (N = 4 or 8).
#pragma once

#include "vector.h"

namespace {

template <int N>
struct Pack {
  float lane[N];
};

template <int N>
SW_BODY Pack<N> operator+(Pack<N> a, const Pack<N>& b) {
  for (int i = 0; i < N; ++i) a.lane[i] += b.lane[i];
  return a;
}
template <int N>
SW_BODY Pack<N> operator-(Pack<N> a, const Pack<N>& b) {
  for (int i = 0; i < N; ++i) a.lane[i] -= b.lane[i];
  return a;
}
template <int N>
SW_BODY Pack<N> operator*(Pack<N> a, const Pack<N>& b) {
  for (int i = 0; i < N; ++i) a.lane[i] *= b.lane[i];
  return a;
}
template <int N>
SW_BODY Pack<N> fused(const Pack<N>& a, const Pack<N>& b, Pack<N> c) {
  for (int i = 0; i < N; ++i) c.lane[i] = fused(a.lane[i], b.lane[i], c.lane[i]);
  return c;
}
template <int N>
SW_BODY Pack<N> square_root(Pack<N> value) {
  for (int i = 0; i < N; ++i) value.lane[i] = square_root(value.lane[i]);
  return value;
}

// Pairs of int16 and their int32 sums, as many as a Pack has lanes.
template <int N>
struct PairPack {
  int lane[2 * N];
};
template <int N>
struct SumPack {
  int lane[N];
};
template <int N>
struct Whole<Pack<N>> {
  using Sums = SumPack<N>;
  using Pairs = PairPack<N>;
};

template <int N>
SW_BODY PairPack<N> operator&(PairPack<N> a, int bits) {
  for (int i = 0; i < 2 * N; ++i) a.lane[i] &= bits;
  return a;
}
template <int N>
SW_BODY PairPack<N> operator|(PairPack<N> a, const PairPack<N>& b) {
  for (int i = 0; i < 2 * N; ++i) a.lane[i] |= b.lane[i];
  return a;
}
template <int N>
SW_BODY PairPack<N> operator<<(PairPack<N> a, int count) {
  for (int i = 0; i < 2 * N; ++i) a.lane[i] <<= count;
  return a;
}
template <int N>
SW_BODY PairPack<N> operator>>(PairPack<N> a, int count) {
  for (int i = 0; i < 2 * N; ++i) a.lane[i] >>= count;
  return a;
}
template <int N>
SW_BODY SumPack<N> add_products(const PairPack<N>& a, const PairPack<N>& b, SumPack<N> sum) {
  for (int i = 0; i < 2 * N; ++i) sum.lane[i / 2] += a.lane[i] * b.lane[i];
  return sum;
}
template <int N>
SW_BODY Pack<N> floats_from(const SumPack<N>& sums) {
  Pack<N> value;
  for (int i = 0; i < N; ++i) value.lane[i] = static_cast<float>(sums.lane[i]);
  return value;
}
template <>
SW_BODY PairPack<8> widen<Pack<8>>(const int8_t* from) {
  const int4 words = __ldg(reinterpret_cast<const int4*>(from));
  const int word[4] = {words.x, words.y, words.z, words.w};
  PairPack<8> pairs;
  for (int i = 0; i < 16; ++i) pairs.lane[i] = static_cast<int8_t>(word[i / 4] >> (i % 4 * 8));
  return pairs;
}
template <>
SW_BODY PairPack<8> broadcast_pair<Pack<8>>(int32_t pair) {
  PairPack<8> pairs;
  for (int i = 0; i < 16; ++i) pairs.lane[i] = static_cast<int16_t>(pair >> (i % 2 * 16));
  return pairs;
}

template <int N>
SW_BODY Pack<N> load_floats(const float* from) {
  Pack<N> value;
  for (int i = 0; i < N; i += 4) {
    const float4 part = __ldg(reinterpret_cast<const float4*>(from + i));
    value.lane[i] = part.x;
    value.lane[i + 1] = part.y;
    value.lane[i + 2] = part.z;
    value.lane[i + 3] = part.w;
  }
  return value;
}

SW_BODY void unpack(uint32_t pair, float* lane) {
  lane[0] = float_from_half(Half{static_cast<uint16_t>(pair)});
  lane[1] = float_from_half(Half{static_cast<uint16_t>(pair >> 16)});
}

SW_BODY uint32_t pack(const float* lane) {
#if !defined(SW_EMULATED) && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  uint32_t pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(lane[1]), "f"(lane[0]));
  return pair;
#else
  const uint32_t low = half_from_float(lane[0]).bits, high = half_from_float(lane[1]).bits;
  return low | high << 16;
#endif
}

template <>
SW_BODY Pack<4> load<Pack<4>>(const float* from) {
  return load_floats<4>(from);
}
template <>
SW_BODY Pack<8> load<Pack<8>>(const float* from) {
  return load_floats<8>(from);
}
template <>
SW_BODY Pack<4> load<Pack<4>>(const Half* from) {
  const uint2 bits = __ldg(reinterpret_cast<const uint2*>(from));
  Pack<4> value;
  unpack(bits.x, value.lane);
  unpack(bits.y, value.lane + 2);
  return value;
}
template <>
SW_BODY Pack<8> load<Pack<8>>(const Half* from) {
  const uint4 bits = __ldg(reinterpret_cast<const uint4*>(from));
  Pack<8> value;
  unpack(bits.x, value.lane);
  unpack(bits.y, value.lane + 2);
  unpack(bits.z, value.lane + 4);
  unpack(bits.w, value.lane + 6);
  return value;
}

template <int N>
SW_BODY void store(float* to, const Pack<N>& value) {
  for (int i = 0; i < N; i += 4) {
    *reinterpret_cast<float4*>(to + i) =
        make_float4(value.lane[i], value.lane[i + 1], value.lane[i + 2], value.lane[i + 3]);
  }
}
SW_BODY void store(Half* to, const Pack<4>& value) {
  *reinterpret_cast<uint2*>(to) = make_uint2(pack(value.lane), pack(value.lane + 2));
}
SW_BODY void store(Half* to, const Pack<8>& value) {
  *reinterpret_cast<uint4*>(to) = make_uint4(pack(value.lane), pack(value.lane + 2),
                                             pack(value.lane + 4), pack(value.lane + 6));
}

template <>
SW_BODY Pack<4> broadcast<Pack<4>>(float value) {
  return {{value, value, value, value}};
}
template <>
SW_BODY Pack<8> broadcast<Pack<8>>(float value) {
  return {{value, value, value, value, value, value, value, value}};
}

}  // namespace
