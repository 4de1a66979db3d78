// Network output to picture: planes (3, H, W) float32 in 0..1, clamped, rounded half to even; nan
// is 0. As RGB bytes, or as NV12: luma, then pairs of chroma for 2 x 2 pixels; BT.709, 16 to 235
// and 16 to 240, as runtime/movie.py encodes.
#pragma once

#include "portable.h"

namespace {

// `value` in 0..255, rounded.
SW_BODY uint8_t byte_from(float value) {
  const float shift = 8388608.0f;  // 2^23: the sum's lowest bits are the rounded integer
  return static_cast<uint8_t>(bits_from_float(value + shift));
}

SW_BODY uint8_t byte_from_unit(float value) {
  return byte_from(limited(value, 0.0f, 1.0f) * 255.0f);
}

struct Colour {
  float red, green, blue;
};

SW_BODY Colour colour_at(const float* planes, Index plane, Index pixel) {
  return Colour{limited(planes[pixel], 0.0f, 1.0f), limited(planes[plane + pixel], 0.0f, 1.0f),
                limited(planes[2 * plane + pixel], 0.0f, 1.0f)};
}

SW_BODY float luma(const Colour& c) {
  return fused(0.0722f, c.blue, fused(0.7152f, c.green, 0.2126f * c.red));
}

// The 2 x 2 pixels whose first is at `pixel`: four bytes of luma, and their mean's blueness and
// redness.
SW_BODY void nv12_from_square(const float* planes, Index plane, Index pixel, int width,
                              uint8_t (&y)[4], uint8_t (&chroma)[2]) {
  Colour mean{0.0f, 0.0f, 0.0f};
  SW_UNROLL
  for (int i = 0; i < 4; ++i) {
    const Colour c = colour_at(planes, plane, pixel + i % 2 + static_cast<Index>(i / 2) * width);
    y[i] = byte_from(fused(219.0f, luma(c), 16.0f));
    mean = Colour{fused(0.25f, c.red, mean.red), fused(0.25f, c.green, mean.green),
                  fused(0.25f, c.blue, mean.blue)};
  }
  const float mean_luma = luma(mean);
  chroma[0] = byte_from(fused(224.0f / 1.8556f, mean.blue - mean_luma, 128.0f));
  chroma[1] = byte_from(fused(224.0f / 1.5748f, mean.red - mean_luma, 128.0f));
}

}  // namespace
