// CUDA kernels of what a scene needs once: who is in front, and where anything ever moves.
// runtime/motion.py is the specification.
#include "importance.h"
#include "launch_cuda.h"

namespace {

struct Largest {
  const float* values;
  uint32_t* bits;  // 0 before; of the largest magnitude afterwards
  Index count;
};

struct Weights {
  const float* weight;      // (H, W), px
  const uint32_t* largest;  // bits of its largest
  float* importance;        // (H, W)
  float* activity;          // (H, W)
  int height, width, reach;
  float exponent, activity_scale;
};

}  // namespace

// Bits of magnitudes are ordered as the magnitudes are, and a maximum has no order of its own.
SW_KERNEL(largest, Largest) {
  const Index first = 4 * thread_number();
  uint32_t bits = 0;
  for (Index i = first; i < first + 4 && i < argument.count; ++i) {
    const uint32_t found = bits_from_float(magnitude(argument.values[i]));
    bits = found > bits ? found : bits;
  }
  if (bits != 0) atomicMax(argument.bits, bits);
}

SW_KERNEL(importance, Weights) {
  const Weights& w = argument;
  const Index cell = thread_number();
  if (cell >= static_cast<Index>(w.height) * w.width) return;
  const int y = static_cast<int>(cell / w.width), x = static_cast<int>(cell % w.width);
  w.importance[cell] = importance_scale(w.exponent, float_from_bits(*w.largest)) * w.weight[cell];
  w.activity[cell] = largest_nearby(w.weight, w.height, w.width, y, x, w.reach) * w.activity_scale;
}
