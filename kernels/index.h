// Who lands where: the exact inversion of a motion field, as sources sorted by cell.
//
//   motion  (H, W, 2) float32 px, weight (H, W) float32
//   cells   (H W)     the cell each source lands in, or -1
//   starts  (cells+1) cell c holds entries starts[c] .. starts[c + 1]
//   order   (H W)     entries: the source, by cell and then in raster order
//   shares  (H W)     entries: where in its cell the source lands, and its importance
//
// Cells are the squares between pixel centres, one more than pixels both ways: cell (0, 0) has the
// top left pixel at its lower right corner. Only the rows that touch the output rows are indexed.
#pragma once

#include "portable.h"

namespace {

// What a source gives to the corners of its cell: bilinear weights times scale * 2^exponent.
struct Share {
  float left, above;  // multiples of 2^-24: none is so small that a product with it vanishes
  float scale;
  int exponent;

  // Of the corner [below][right].
  SW_BODY float bilinear(int below, int right) const {
    return (right ? 1.0f - left : left) * (below ? 1.0f - above : above);
  }
  SW_BODY float part(int below, int right) const {
    return (right ? 1.0f - left : left) * ((below ? 1.0f - above : above) * scale);
  }
};

struct CellIndex {
  const float* motion;
  const float* weight;
  int* cells;
  int* starts;
  int* order;
  Share* shares;
  int height, width;
  int first_row, last_row;  // output rows [first, last)

  SW_BODY int cell_columns() const { return width + 1; }
  SW_BODY int cell_rows() const { return last_row - first_row + 1; }
  SW_BODY int num_cells() const { return cell_columns() * cell_rows(); }
};

// exp(weight) = scale * 2^exponent.
struct Importance {
  float scale;
  int exponent;
};

// Ordinary weights share this exponent, and then shares can be added as they are.
constexpr int kCommonExponent = 40;
SW_BODY bool is_ordinary(float weight) { return (weight > -16.0f) & (weight < 60.0f); }

// exp(weight) without overflow or underflow. Other weights keep their own exponent: destinations
// compare exponents before they add, which subtracts their own maximum, so that no weight is too
// far from another to count where it lands alone.
SW_BODY Importance importance(float weight) {
  const float limit = 2097152.0f;  // 2^21, reference.WEIGHT_LIMIT: the exponent stays exact
  const float score = limited(weight, -limit, limit);
  const float power = nearest(score * 1.44269504f);
  // ln 2 in two parts; the first product is exact.
  float r = fused(power, -0.693359375f, score);
  r = fused(power, 2.12194440e-4f, r);
  // Taylor to r^7: 5e-9 of error at |r| = ln(2) / 2.
  float sum = fused(r, 1.0f / 5040, 1.0f / 720);
  sum = fused(sum, r, 1.0f / 120);
  sum = fused(sum, r, 1.0f / 24);
  sum = fused(sum, r, 1.0f / 6);
  sum = fused(sum, r, 0.5f);
  sum = fused(sum, r, 1.0f);
  const float mantissa = fused(sum, r, 1.0f);
  const int exponent = static_cast<int>(power);
  const bool is_common = is_ordinary(weight);
  const uint32_t biased = static_cast<uint32_t>((is_common ? exponent - kCommonExponent : 0) + 127);
  return Importance{mantissa * float_from_bits(biased << 23),
                    is_common ? kCommonExponent : exponent};
}

SW_BODY bool is_finite(float value) { return value - value == 0.0f; }

// The cell that the source at (y, x) lands in, or -1.
SW_BODY int cell_of(const CellIndex& index, int y, int x, float dx, float dy) {
  const float to_x = static_cast<float>(x) + dx, to_y = static_cast<float>(y) + dy;
  const float left = -1.0f, right = static_cast<float>(index.width);
  const float top = static_cast<float>(index.first_row - 1);
  const float bottom = static_cast<float>(index.last_row);
  const bool is_near = (to_x >= left) & (to_x < right) & (to_y >= top) & (to_y < bottom);
  // Limited first: a motion beyond the range of int must not be converted.
  const int column = floor_to_int(limited(to_x, left, right)) + 1;
  const int row = floor_to_int(limited(to_y, top, bottom)) + 1 - index.first_row;
  const int cell = row * index.cell_columns() + column;
  return is_near ? cell : -1;
}

// What the source at (y, x) gives; only meaningful if it lands in a cell.
SW_BODY Share share_of(int y, int x, float dx, float dy, float weight) {
  const float to_x = static_cast<float>(x) + dx, to_y = static_cast<float>(y) + dy;
  const Importance found = importance(weight);
  return Share{1.0f - (to_x - floor_of(to_x)), 1.0f - (to_y - floor_of(to_y)), found.scale,
               found.exponent};
}

}  // namespace
