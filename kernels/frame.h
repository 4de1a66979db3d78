// Network output to picture: planes (3, P) float32 in 0..1 -> out (P, 3) uint8, clamped, rounded
// half to even; nan is 0.
#pragma once

#include "portable.h"

namespace {

SW_BODY uint8_t byte_from_unit(float value) {
  const float shift = 8388608.0f;  // 2^23: the sum's lowest bits are the rounded integer
  return static_cast<uint8_t>(bits_from_float(limited(value, 0.0f, 1.0f) * 255.0f + shift));
}

}  // namespace
