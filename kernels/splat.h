// Softmax splatting as a gather: every output pixel averages the sources that land around it.
//
//   features  (H, W, C) float16 or float32
//   out       (rows, W, C) float16 or float32; 0 where nothing lands
//
// A destination reads two runs of entries, its cells above and below, always in the same order: the
// bits depend on neither threads nor chance, nothing is cleared first, and each value is written
// once. A source that lands alone is copied, so motion by whole pixels is exact.
#pragma once

#include "index.h"
#include "vector.h"

namespace {

// The sums of one destination, for `kVectors` vectors of channels.
template <class V, int kVectors, class In>
struct Average {
  V sum[kVectors];
  float total;  // both sums in units of 2^top
  int top;      // largest exponent so far
  int hits;
  const In* last;  // channels of the last hit

  SW_BODY void add(const In* from, float part) {
    const V factor = broadcast<V>(part);
    for (int v = 0; v < kVectors; ++v) {
      sum[v] = fused(factor, load<V>(from + v * lanes<V>), sum[v]);
    }
    total += part;
    last = from;
    ++hits;
  }

  // Brings the sums to units of a larger 2^exponent, which is exact, or of the first one.
  SW_BODY void raise(int exponent) {
    if (hits > 0 && exponent <= top) return;
    const float factor = hits > 0 ? power_of_two(top - exponent) : 0.0f;
    total *= factor;
    for (int v = 0; v < kVectors; ++v) sum[v] = sum[v] * broadcast<V>(factor);
    top = exponent;
  }
};

// Adds the sources of one cell. `kOrdinary`: every weight is.
template <bool kOrdinary, int kAbove, int kLeft, class V, int kVectors, class In>
SW_BODY void add_cell(const CellIndex& index, const In* features, int channels, int begin, int end,
                      Average<V, kVectors, In>& average) {
  for (int i = begin; i < end; ++i) {
    float part = index.shares[i].part[kAbove][kLeft];
    if (!(part > 0.0f)) continue;
    const int source = index.order[i];
    if (!kOrdinary) {
      const int exponent = importance(index.weight[source]).exponent;
      average.raise(exponent);
      part *= power_of_two(exponent - average.top);
    }
    average.add(features + static_cast<Index>(source) * channels, part);
  }
}

// Averages the channels from `features`, which points at the first of them in source 0, at column x
// of output row y (counted from the first row of the index).
template <bool kOrdinary, class V, int kVectors, class In>
SW_BODY void gather(const CellIndex& index, const In* features, int channels, int y, int x,
                    V (&mean)[kVectors]) {
  Average<V, kVectors, In> average;
  for (int v = 0; v < kVectors; ++v) average.sum[v] = broadcast<V>(0.0f);
  average.total = 0.0f;
  average.top = average.hits = 0;
  average.last = features;
  const int* above = index.starts + y * index.cell_columns() + x;
  const int* below = above + index.cell_columns();
  add_cell<kOrdinary, 1, 1>(index, features, channels, above[0], above[1], average);
  add_cell<kOrdinary, 1, 0>(index, features, channels, above[1], above[2], average);
  add_cell<kOrdinary, 0, 1>(index, features, channels, below[0], below[1], average);
  add_cell<kOrdinary, 0, 0>(index, features, channels, below[1], below[2], average);
  if (average.hits == 1) {
    for (int v = 0; v < kVectors; ++v) mean[v] = load<V>(average.last + v * lanes<V>);
  } else {
    const V inverse = broadcast<V>(average.hits > 0 ? 1.0f / average.total : 0.0f);
    for (int v = 0; v < kVectors; ++v) mean[v] = average.sum[v] * inverse;
  }
}

}  // namespace
