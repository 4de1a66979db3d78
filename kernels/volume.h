// Spectral volumes, on devices only: runtime/spectrum.py is the specification, whose numpy adds in
// the order written here, so that the bits are the same.
#pragma once

#include "portable.h"

namespace {

// Linear interpolation along one axis: the cells that make up each new one, and their weights.
struct Axis {
  const int32_t* cells;  // (count, size_out)
  const float* weights;  // (count, size_out)
  int size, size_out, count;
};

// A value of paper eq. 4 in px, where `scale` is not 0.
SW_BODY float denormalised(float value, float scale) {
  return scale == 0.0f ? value : value * magnitude(value) * scale;
}

// At one place of (rows.size_out, columns.size_out), of a plane of (rows.size, columns.size).
SW_BODY float interpolated(const float* plane, float scale, const Axis& rows, const Axis& columns,
                           int y, int x) {
  float sum = 0.0f;
  for (int i = 0; i < columns.count; ++i) {
    const int across = i * columns.size_out + x;
    const float* column = plane + columns.cells[across];
    float half = 0.0f;
    for (int j = 0; j < rows.count; ++j) {
      const int down = j * rows.size_out + y;
      const float value = column[static_cast<Index>(rows.cells[down]) * columns.size];
      half = half + denormalised(value, scale) * rows.weights[down];
    }
    sum = sum + half * columns.weights[across];
  }
  return sum;
}

// A symmetric kernel along a line of `size` values, `step` apart; beyond its ends is 0.
SW_BODY float blurred(const float* line, Index step, int at, int size, const float* weights,
                      int reach) {
  float sum = line[at * step] * weights[0];
  for (int i = 1; i <= reach; ++i) {
    const float before = at - i >= 0 ? line[(at - i) * step] : 0.0f;
    const float after = at + i < size ? line[(at + i) * step] : 0.0f;
    sum = sum + (before + after) * weights[i];
  }
  return sum;
}

// Squares of all four channels of a pixel.
SW_BODY float power_of(const float* pixel, Index plane) {
  float sum = pixel[0] * pixel[0];
  for (int c = 1; c < 4; ++c) sum = sum + pixel[c * plane] * pixel[c * plane];
  return sum;
}

// Mean power of down x across pixels; numpy adds eight of a row in pairs.
SW_BODY float mean_power(const float* pixels, Index plane, int width, int down, int across) {
  float sum = 0.0f;
  for (int y = 0; y < down; ++y, pixels += width) {
    float row = 0.0f;
    if (across == 8) {
      float four[2];
      for (int i = 0; i < 2; ++i) {
        const float* from = pixels + 4 * i;
        four[i] = (power_of(from, plane) + power_of(from + 1, plane)) +
                  (power_of(from + 2, plane) + power_of(from + 3, plane));
      }
      row = four[0] + four[1];
    } else {
      for (int x = 0; x < across; ++x) row = row + power_of(pixels + x, plane);
    }
    sum = sum + row;
  }
  return sum / static_cast<float>(down * across);
}

// Sum over k >= 1 of one channel of a pixel, whose slices are `step` apart.
SW_BODY float sum_of_slices(const float* pixel, Index step, int frequencies) {
  float sum = 0.0f;
  for (int k = 1; k < frequencies; ++k) sum = sum + pixel[k * step];
  return sum;
}

// 2 Re sum over k >= 1 of S_k exp(2 pi i k t / T): of one axis, away from its mean. circle (T, 2)
// holds cosines and sines of a whole turn.
SW_BODY float swing(const float* pixel, Index plane, const float* circle, int frequencies, int t,
                    int num_frames) {
  float sum = 0.0f;
  int turn = 0;
  for (int k = 1; k < frequencies; ++k) {
    pixel += 4 * plane;
    turn = (turn + t) % num_frames;
    sum = sum + (circle[2 * turn] * pixel[0] - circle[2 * turn + 1] * pixel[plane]);
  }
  return 2.0f * sum;
}

}  // namespace
