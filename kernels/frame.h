// Network output to picture: planes (3, P) float32 in 0..1 -> out (P, 3) uint8, clamped, rounded half
// to even; nan is 0.
#pragma once

#include "portable.h"

namespace {

SW_BODY uint8_t byte_from_unit(float value) {
  const float positive = value > 0.0f ? value : 0.0f;  // false for nan
  const float clamped = positive < 1.0f ? positive : 1.0f;
  const float shift = 8388608.0f;  // 2^23: the sum's lowest bits are the rounded integer
  return static_cast<uint8_t>(bits_from_float(clamped * 255.0f + shift));
}

}  // namespace
