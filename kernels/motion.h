// Motion synthesis: F_t = Re S_0 + 2 Re sum_k S_k exp(2 pi i k t / T), a product with a small
// matrix.
//
//   spectrum  blocked float16 (ceil(P / 16), 4K, 16), or planar float32 (4K, P); px
//   basis     (n, 2K) float32: cosine and sine terms of each time, factor 2 and anchor included
//   out       blocked source: (n, P, 2) float32; planar source: (2, P) float32; px
//
// Blocked, the 16 pixels of all 4K components are one run of memory: 5x over planar, whose 64
// streams are a multiple of 4 KiB apart. All n times are made while the block is in the L1 cache.
#pragma once

#include "vector.h"

namespace {

constexpr int kBlock = 16;

// x and y displacement of the pixels in V at `kFrames` times. `rows` points at the first of 4K
// rows, `stride` apart.
template <class V, int kFrames, class Storage>
SW_BODY void displace(const Storage* rows, Index stride, const float* basis, int frequencies,
                      V (&x)[kFrames], V (&y)[kFrames]) {
  SW_UNROLL
  for (int f = 0; f < kFrames; ++f) x[f] = y[f] = broadcast<V>(0.0f);
  for (int k = 0; k < frequencies; ++k, rows += 4 * stride) {
    const V real_x = load<V>(rows), imaginary_x = load<V>(rows + stride);
    const V real_y = load<V>(rows + 2 * stride), imaginary_y = load<V>(rows + 3 * stride);
    SW_UNROLL
    for (int f = 0; f < kFrames; ++f) {
      const float* term = basis + 2 * (static_cast<Index>(f) * frequencies + k);
      const V cosine = broadcast<V>(term[0]), sine = broadcast<V>(term[1]);
      x[f] = fused(sine, imaginary_x, fused(cosine, real_x, x[f]));
      y[f] = fused(sine, imaginary_y, fused(cosine, real_y, y[f]));
    }
  }
}

// Adds the lengths of the displacements at `kFrames` times to `total`, in the order of time.
template <class V, int kFrames>
SW_BODY V add_magnitudes(const Half* rows, const float* basis, int frequencies, V total) {
  V x[kFrames], y[kFrames];
  displace<V, kFrames>(rows, kBlock, basis, frequencies, x, y);
  SW_UNROLL
  for (int f = 0; f < kFrames; ++f) total = total + square_root(fused(x[f], x[f], y[f] * y[f]));
  return total;
}

}  // namespace
