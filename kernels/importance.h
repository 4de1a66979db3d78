// Importance (exponent of the splat) and activity from the weight; see runtime/motion.py.
#pragma once

#include "resize.h"

namespace {

SW_BODY float importance_scale(float exponent, float largest) {
  const double at_least = largest > 1e-6 ? static_cast<double>(largest) : 1e-6;
  return static_cast<float>(static_cast<double>(exponent) / at_least);
}

// Largest value within `reach` cells both ways; beyond the edge is the edge.
SW_BODY float largest_nearby(const float* weight, int height, int width, int y, int x, int reach) {
  float largest = weight[static_cast<Index>(y) * width + x];
  for (int down = -reach; down <= reach; ++down) {
    const float* row = weight + static_cast<Index>(clamped(y + down, height)) * width;
    for (int across = -reach; across <= reach; ++across) {
      const float value = row[clamped(x + across, width)];
      largest = value > largest ? value : largest;
    }
  }
  return largest;
}

}  // namespace
