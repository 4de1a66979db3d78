// Motion synthesis: F_t = Re S_0 + 2 Re sum_k S_k exp(2 pi i k t / T), a product with a small
// matrix. Anchored, F_t - F_0 = 2 Re sum_{k>=1} S_k (exp(2 pi i k t / T) - 1): S_0 is not needed.
//
//   rows      blocked source: (ceil(P / 16), K-1, 96) bytes, 12-bit whole numbers, see below
//   units     (ceil(P / 16),) float32, px: what 1 stands for in a block, times 1 in terms
//   terms     (n, K-1) pairs of int16: cosine and sine terms of each time, factor 2 included
//   spectrum  planar source: (4K, P) float32, px; basis (2K,) float32
//   out       blocked source: (n, P, 2) float32; planar source: (2, P) float32; px
//
// Blocked, 16 pixels of all frequencies are one run of memory: 5x over planar, whose 64 streams are
// a multiple of 4 KiB apart. A row is one frequency: the upper 8 bits of (Re, Im) of each pixel for
// x, then for y, then the lower 4 bits of both, x in the lower half of the byte. Sums are whole
// numbers below 2^31, so they are exact, in any order and on any processor.
#pragma once

#include "vector.h"

namespace {

constexpr int kBlock = 16;
constexpr int kHalfRow = 2 * kBlock;   // bytes: (Re, Im) of each pixel
constexpr int kRow = 3 * kHalfRow;     // bytes: upper x, upper y, lower
constexpr float kLargest = 2047.0f;    // of 12 bits
constexpr float kNothing = 0x1p-100f;  // px; blocks below are still, and no reciprocal overflows

// x and y displacement of the pixels in V at `kFrames` times; `rows` begins at their first byte.
template <class V, int kFrames>
SW_BODY void displace(const int8_t* rows, float unit, const int32_t* terms, int frequencies,
                      V (&x)[kFrames], V (&y)[kFrames]) {
  using Pairs = typename Whole<V>::Pairs;
  using Sums = typename Whole<V>::Sums;
  Sums sum_x[kFrames], sum_y[kFrames];
  SW_UNROLL
  for (int f = 0; f < kFrames; ++f) sum_x[f] = sum_y[f] = Sums{};
  for (int k = 0; k < frequencies; ++k, rows += kRow) {
    const Pairs lower = widen<V>(rows + 2 * kHalfRow);
    const Pairs pairs_x = (widen<V>(rows) << 4) | (lower & 15);
    const Pairs pairs_y = (widen<V>(rows + kHalfRow) << 4) | ((lower >> 4) & 15);
    SW_UNROLL
    for (int f = 0; f < kFrames; ++f) {
      const Pairs term = broadcast_pair<V>(terms[static_cast<Index>(f) * frequencies + k]);
      sum_x[f] = add_products(pairs_x, term, sum_x[f]);
      sum_y[f] = add_products(pairs_y, term, sum_y[f]);
    }
  }
  const V scale = broadcast<V>(unit);
  SW_UNROLL
  for (int f = 0; f < kFrames; ++f) {
    x[f] = scale * floats_from(sum_x[f]);
    y[f] = scale * floats_from(sum_y[f]);
  }
}

// Adds the lengths of the displacements at `kFrames` times to `total`, in the order of time.
template <class V, int kFrames>
SW_BODY V add_magnitudes(const int8_t* rows, float unit, const int32_t* terms, int frequencies,
                         V total) {
  V x[kFrames], y[kFrames];
  displace<V, kFrames>(rows, unit, terms, frequencies, x, y);
  SW_UNROLL
  for (int f = 0; f < kFrames; ++f) total = total + square_root(fused(x[f], x[f], y[f] * y[f]));
  return total;
}

// The same from planes, at one time; `planes` points at the first of 4K rows, `stride` apart.
template <class V>
SW_BODY void displace_planar(const float* planes, Index stride, const float* basis, int frequencies,
                             V* x, V* y) {
  *x = *y = broadcast<V>(0.0f);
  for (int k = 0; k < frequencies; ++k, planes += 4 * stride) {
    const V cosine = broadcast<V>(basis[2 * k]), sine = broadcast<V>(basis[2 * k + 1]);
    *x = fused(sine, load<V>(planes + stride), fused(cosine, load<V>(planes), *x));
    *y = fused(sine, load<V>(planes + 3 * stride), fused(cosine, load<V>(planes + 2 * stride), *y));
  }
}

// Largest magnitude among `count` pixels of all planes, as bits: infinity and nan are the largest.
SW_BODY uint32_t largest_bits(const float* planes, Index stride, int count, int num_planes) {
  uint32_t largest = 0;
  for (int plane = 0; plane < num_planes; ++plane, planes += stride) {
    for (int i = 0; i < count; ++i) {
      const uint32_t bits = bits_from_float(planes[i]) & 0x7fffffffu;
      largest = bits > largest ? bits : largest;
    }
  }
  return largest;
}

// Packs the first `count` pixels of `planes`, those of S_1 first, into a block; returns its unit,
// not finite if one of them is not. `one` is what stands for 1 in terms.
SW_BODY float pack_block(const float* planes, Index stride, int count, int frequencies, float one,
                         int8_t* rows) {
  const float largest = float_from_bits(largest_bits(planes, stride, count, 4 * frequencies));
  const bool is_still = !(largest >= kNothing && largest < float_from_bits(0x7f800000u));
  const float scale = is_still ? 0.0f : kLargest / largest;
  for (int k = 0; k < frequencies; ++k, planes += 4 * stride, rows += kRow) {
    int x[kHalfRow] = {}, y[kHalfRow] = {};
    for (int part = 0; part < 2 && !is_still; ++part) {
      const float* from = planes + part * stride;
      for (int i = 0; i < count; ++i) {
        x[2 * i + part] = static_cast<int>(nearest(scale * from[i]));
        y[2 * i + part] = static_cast<int>(nearest(scale * from[2 * stride + i]));
      }
    }
    for (int i = 0; i < kHalfRow; ++i) {
      rows[i] = static_cast<int8_t>(x[i] >> 4);
      rows[kHalfRow + i] = static_cast<int8_t>(y[i] >> 4);
      rows[2 * kHalfRow + i] = static_cast<int8_t>((x[i] & 15) | ((y[i] & 15) << 4));
    }
  }
  return largest < kNothing ? 0.0f : largest / (kLargest * one);
}

}  // namespace
