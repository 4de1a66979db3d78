// Where every source pixel lands, and who lands in every cell: the exact inversion of a motion field.
//
//   motion    (H, W, 2) float32 px, weight (H, W) float32
//   landings  (H W)     position, and importance as mantissa * 2^exponent
//   cells     (H W)     cell between four output pixels that the source lands in, or -1
//   order     (H W)     sources sorted by cell, then in raster order
//   starts    (cells+1) cell c holds order[starts[c] .. starts[c + 1])
//
// Cells are the squares between pixel centres, one more than pixels both ways: (column 0, row 0) has
// the top left pixel at its lower right. Only rows that touch the output rows are indexed.
#pragma once

#include "portable.h"

namespace {

struct Landing {
  float x, y;      // px
  float mantissa;  // about 0.7 .. 1.42
  int exponent;
};

struct CellIndex {
  Landing* landings;
  int* cells;
  int* order;
  int* starts;
  int height, width;
  int first_row, last_row;  // output rows [first, last)

  SW_BODY int cell_columns() const { return width + 1; }
  SW_BODY int cell_rows() const { return last_row - first_row + 1; }
  SW_BODY int num_cells() const { return cell_columns() * cell_rows(); }
};

// exp(weight) without overflow or underflow. Destinations compare exponents before they add, which
// subtracts their own maximum: no weight is too far from another to count where it lands alone.
SW_BODY void importance(float weight, Landing* landing) {
  const float limit = 2097152.0f;  // 2^21, reference.WEIGHT_LIMIT: `exponent` stays exact
  const float score = weight < -limit ? -limit : (weight > limit ? limit : weight);
  const float exponent = nearest(score * 1.44269504f);
  // ln 2 in two parts; the first product is exact.
  float r = fused(exponent, -0.693359375f, score);
  r = fused(exponent, 2.12194440e-4f, r);
  // Taylor to r^7: 5e-9 of error at |r| = ln(2) / 2.
  float sum = fused(r, 1.0f / 5040, 1.0f / 720);
  sum = fused(sum, r, 1.0f / 120);
  sum = fused(sum, r, 1.0f / 24);
  sum = fused(sum, r, 1.0f / 6);
  sum = fused(sum, r, 0.5f);
  sum = fused(sum, r, 1.0f);
  landing->mantissa = fused(sum, r, 1.0f);
  landing->exponent = static_cast<int>(exponent);
}

// One source pixel: fills its landing and its cell; false if its motion or weight is not finite.
struct Classify {
  const float* motion;
  const float* weight;
  CellIndex index;

  SW_BODY bool operator()(int y, int x) const {
    const Index source = static_cast<Index>(y) * index.width + x;
    const float dx = motion[2 * source], dy = motion[2 * source + 1], score = weight[source];
    Landing landing;
    landing.x = static_cast<float>(x) + dx;
    landing.y = static_cast<float>(y) + dy;
    importance(score, &landing);
    index.landings[source] = landing;
    // Compared as floats first: a motion beyond the range of int must not be converted.
    const bool is_near = (landing.x >= -1.0f) & (landing.x < static_cast<float>(index.width)) &
                         (landing.y >= static_cast<float>(index.first_row - 1)) &
                         (landing.y < static_cast<float>(index.last_row));
    const int column = floor_to_int(is_near ? landing.x : 0.0f) + 1;
    const int row = floor_to_int(is_near ? landing.y : 0.0f) + 1 - index.first_row;
    index.cells[source] = is_near ? row * index.cell_columns() + column : -1;
    return (dx - dx == 0.0f) & (dy - dy == 0.0f) & (score - score == 0.0f);
  }
};

}  // namespace
