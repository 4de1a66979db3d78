// Catmull-Rom interpolation of a few interleaved channels, edges clamped, pixel centres aligned.
//
//   field  (h, w, C) float32;  out (H, W, C) float32, channel c times scale[c]
//
// Columns of four rows are combined first, then four columns; positions are exact fractions, so
// equal sizes give the identity.
#pragma once

#include "portable.h"

namespace {

// The four taps around one output position: source numbers first - 1 .. first + 2.
struct Taps {
  int first;
  float weight[4];
};

SW_BODY Taps taps_at(int position, int size, int size_out) {
  // (position + 0.5) * size / size_out - 0.5 over a common denominator.
  const Index numerator = (2 * static_cast<Index>(position) + 1) * size - size_out;
  const Index denominator = 2 * static_cast<Index>(size_out);
  Index first = numerator / denominator;
  first -= first * denominator > numerator;
  const float t =
      static_cast<float>(numerator - first * denominator) / static_cast<float>(denominator);
  Taps taps;
  taps.first = static_cast<int>(first);
  taps.weight[0] = 0.5f * t * fused(2.0f - t, t, -1.0f);
  taps.weight[1] = fused(0.5f * t * t, fused(3.0f, t, -5.0f), 1.0f);
  taps.weight[2] = 0.5f * t * fused(fused(-3.0f, t, 4.0f), t, 1.0f);
  taps.weight[3] = 0.5f * t * t * (t - 1.0f);
  return taps;
}

SW_BODY int clamped(int number, int size) {
  return number < 0 ? 0 : (number < size ? number : size - 1);
}

SW_BODY float weighted(const Taps& taps, float a, float b, float c, float d) {
  return fused(taps.weight[2], c, taps.weight[0] * a) +
         fused(taps.weight[3], d, taps.weight[1] * b);
}

}  // namespace
