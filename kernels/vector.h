// A few float lanes as one value: the only place that knows an instruction set.
//
// A vector type V has load<V>, store, stream, broadcast<V>, fused and the operators + - *. Half is
// converted in load, store and stream only. `float` is the vector of one lane, for tails. Without
// this layer the compilers convert halves one by one: 7x slower.
//
// Beside V, `Whole<V>` has int32 Sums, one a lane, and int16 Pairs, two a lane, with the operators
// & | << >>. widen<V> loads int8 as Pairs; add_products adds both products of a lane to its sum.
#pragma once

#include "half.h"
#include "portable.h"

namespace {

template <class V>
constexpr int lanes = sizeof(V) / sizeof(float);

template <class V>
SW_BODY V load(const float* from);
template <class V>
SW_BODY V load(const Half* from);
template <class V>
SW_BODY V broadcast(float value);
template <class V>
struct Whole;
template <class V>
SW_BODY typename Whole<V>::Pairs widen(const int8_t* from);
template <class V>
SW_BODY typename Whole<V>::Pairs broadcast_pair(int32_t pair);

template <>
SW_BODY float load<float>(const float* from) {
  return *from;
}
template <>
SW_BODY float load<float>(const Half* from) {
  return float_from_half(*from);
}
template <>
SW_BODY float broadcast<float>(float value) {
  return value;
}
SW_BODY void store(float* to, float value) { *to = value; }
SW_BODY void store(Half* to, float value) { *to = half_from_float(value); }
SW_BODY void stream(float* to, float value) { store(to, value); }
SW_BODY void stream(Half* to, float value) { store(to, value); }

}  // namespace

#if defined(__CUDACC__)
#include "vector_cuda.h"
#else
#include "vector_host.h"
#endif
