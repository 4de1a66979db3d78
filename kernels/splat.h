// Softmax splatting as a gather: every output pixel averages the sources that land around it.
//
//   features  (H, W, C) float16 or float32
//   out       (rows, W, C) float16 or float32; 0 where nothing lands
//   cover     where less than 1 / cover of a pixel's area is landed on, `out` fades to 0
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
  float area;   // that sources cover, whatever their importance
  int top;      // largest exponent so far
  int hits;
  int last;     // source of the last hit

  SW_BODY void add(const In* from, int source, float part, float bilinear) {
    const V factor = broadcast<V>(part);
    for (int v = 0; v < kVectors; ++v) {
      sum[v] = fused(factor, load<V>(from + v * lanes<V>), sum[v]);
    }
    total += part;
    area += bilinear;
    last = source;
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
    const Share& share = index.shares[i];
    float part = share.part(kAbove, kLeft);
    if (!(part > 0.0f)) continue;
    const int source = index.order[i];
    if (!kOrdinary) {
      average.raise(share.exponent);
      part *= power_of_two(share.exponent - average.top);
    }
    average.add(features + static_cast<Index>(source) * channels, source, part,
                share.bilinear(kAbove, kLeft));
  }
}

// Averages the channels from `features`, which points at the first of them in source 0, at column x
// of output row y (counted from the first row of the index), and fades them where little lands.
template <bool kOrdinary, class V, int kVectors, class In>
SW_BODY void gather(const CellIndex& index, const In* features, int channels, float cover,
                    int y, int x, V (&mean)[kVectors]) {
  Average<V, kVectors, In> average;
  for (int v = 0; v < kVectors; ++v) average.sum[v] = broadcast<V>(0.0f);
  average.total = average.area = 0.0f;
  average.top = average.hits = 0;
  average.last = 0;
  const int* above = index.starts + y * index.cell_columns() + x;
  const int* below = above + index.cell_columns();
  add_cell<kOrdinary, 1, 1>(index, features, channels, above[0], above[1], average);
  add_cell<kOrdinary, 1, 0>(index, features, channels, above[1], above[2], average);
  add_cell<kOrdinary, 0, 1>(index, features, channels, below[0], below[1], average);
  add_cell<kOrdinary, 0, 0>(index, features, channels, below[1], below[2], average);
  const float covered = cover * average.area, kept = covered < 1.0f ? covered : 1.0f;
  if (average.hits == 1) {
    const In* from = features + static_cast<Index>(average.last) * channels;
    for (int v = 0; v < kVectors; ++v) {
      mean[v] = load<V>(from + v * lanes<V>) * broadcast<V>(kept);
    }
  } else {
    const V inverse = broadcast<V>(average.hits > 0 ? 1.0f / average.total * kept : 0.0f);
    for (int v = 0; v < kVectors; ++v) mean[v] = average.sum[v] * inverse;
  }
}

}  // namespace
