// Softmax splatting as a gather: every output pixel averages the sources that land around it.
//
//   features  (H, W, C) float16 or float32
//   out       (rows, W, C) float16 or float32; 0 where nothing lands
//
// A destination reads two runs of `order`, its cells above and below, always in the same order: the
// bits depend on neither threads nor chance, nothing is cleared first, and each value is written
// once. The average is a running mean, so a source that lands alone is copied exactly.
#pragma once

#include "index.h"
#include "vector.h"

namespace {

// The mean for `kVectors` vectors of channels from `features`, which points at the first channel of
// source 0, at column x of output row y (counted from the first row of the index).
template <class V, int kVectors, class In>
SW_BODY void gather(const CellIndex& index, const In* features, int channels, int y, int x,
                    V (&mean)[kVectors]) {
  for (int i = 0; i < kVectors; ++i) mean[i] = broadcast<V>(0.0f);
  const float column = static_cast<float>(x);
  const float row = static_cast<float>(y + index.first_row);
  float total = 0.0f;
  int top = -(1 << 24);  // below every exponent
  for (int side = 0; side < 2; ++side) {
    const int* start = index.starts + (y + side) * index.cell_columns() + x;
    const int end = start[2];
    for (int i = start[0]; i < end; ++i) {
      const int source = index.order[i];
      const Landing landing = index.landings[source];
      const float near_x = 1.0f - magnitude(landing.x - column);
      const float near_y = 1.0f - magnitude(landing.y - row);
      const float share = near_x * near_y;
      if (!(share > 0.0f)) continue;
      const int new_top = landing.exponent > top ? landing.exponent : top;
      const float part = share * landing.mantissa * power_of_two(landing.exponent - new_top);
      total = fused(total, power_of_two(top - new_top), part);
      top = new_top;
      const V ratio = broadcast<V>(part / total);
      const In* from = features + static_cast<Index>(source) * channels;
      for (int v = 0; v < kVectors; ++v) {
        mean[v] = fused(ratio, load<V>(from + v * lanes<V>) - mean[v], mean[v]);
      }
    }
  }
}

}  // namespace
