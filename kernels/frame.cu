// CUDA kernels between pictures and the networks' planes.
#include "choice.h"
#include "frame.h"
#include "launch_cuda.h"
#include "resize.h"
#include "vector.h"

namespace {

// `planes` (3, H, W) float32; `picture` holds (height, width) pixels of them, the upper left.
struct Picture {
  float* planes;
  uint8_t* picture;
  const FrameChoice* choice;  // or none
  int plane_height, plane_width, height, width;
};

constexpr int kTogether = 4;

SW_BODY uint32_t word_from(const uint8_t* bytes) {
  return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | static_cast<uint32_t>(bytes[3]) << 24;
}

struct Halving {
  const float* values;
  Half* halves;
  Index count;  // a multiple of 8
};

struct Behind {
  const float* planes;      // (3, scale height, scale width)
  const float* importance;  // (scale height, scale width)
  Half* features;           // (height, width, channels)
  int height, width, channels, scale;
  float doubt;
};

}  // namespace

// One thread a pixel: photo (height, width, 3) to planes in 0..1, continued beyond its edge.
SW_KERNEL(planes, Picture) {
  const Picture& p = argument;
  const Index pixel = thread_number(), plane = static_cast<Index>(p.plane_height) * p.plane_width;
  if (pixel >= plane) return;
  const int y = clamped(static_cast<int>(pixel / p.plane_width), p.height);
  const int x = clamped(static_cast<int>(pixel % p.plane_width), p.width);
  const uint8_t* from = p.picture + 3 * (static_cast<Index>(y) * p.width + x);
  for (int c = 0; c < 3; ++c) {
    p.planes[c * plane + pixel] = static_cast<float>(from[c]) * (1.0f / 255.0f);
  }
}

// One thread four pixels of a row: planes to (height, width, 3). plane_width is a multiple of 4.
SW_KERNEL(rgb, Picture) {
  const Picture& p = argument;
  const int groups = (p.width + kTogether - 1) / kTogether;
  const Index item = thread_number();
  if (item >= static_cast<Index>(groups) * p.height) return;
  const int y = static_cast<int>(item / groups), x = static_cast<int>(item % groups) * kTogether;
  const Index plane = static_cast<Index>(p.plane_height) * p.plane_width;
  const float* from = p.planes + static_cast<Index>(y) * p.plane_width + x;
  uint8_t bytes[3 * kTogether];
  SW_UNROLL
  for (int c = 0; c < 3; ++c) {
    const Pack<kTogether> values = load<Pack<kTogether>>(from + c * plane);
    SW_UNROLL
    for (int i = 0; i < kTogether; ++i) bytes[3 * i + c] = byte_from_unit(values.lane[i]);
  }
  uint8_t* picture = p.choice && p.choice->picture ? p.choice->picture : p.picture;
  uint8_t* to = picture + 3 * (static_cast<Index>(y) * p.width + x);
  if (p.width % kTogether == 0) {
    SW_UNROLL
    for (int w = 0; w < 3; ++w) reinterpret_cast<uint32_t*>(to)[w] = word_from(bytes + 4 * w);
    return;
  }
  SW_UNROLL
  for (int i = 0; i < 3 * kTogether; ++i) {
    if (x + i / 3 < p.width) to[i] = bytes[i];
  }
}

// One thread a square of 2 x 2: planes to NV12, `height` rows of luma and half as many of chroma.
SW_KERNEL(nv12, Picture) {
  const Picture& p = argument;
  const int squares = p.width / 2;
  const Index item = thread_number();
  if (item >= static_cast<Index>(squares) * (p.height / 2)) return;
  const int row = static_cast<int>(item / squares), column = static_cast<int>(item % squares);
  const Index plane = static_cast<Index>(p.plane_height) * p.plane_width;
  uint8_t y[4], chroma[2];
  nv12_from_square(p.planes, plane, static_cast<Index>(2 * row) * p.plane_width + 2 * column,
                   p.plane_width, y, chroma);
  uint8_t* above = p.picture + static_cast<Index>(2 * row) * p.width + 2 * column;
  uint8_t* beside = p.picture + static_cast<Index>(p.height + row) * p.width + 2 * column;
  reinterpret_cast<uchar2*>(above)[0] = make_uchar2(y[0], y[1]);
  reinterpret_cast<uchar2*>(above + p.width)[0] = make_uchar2(y[2], y[3]);
  reinterpret_cast<uchar2*>(beside)[0] = make_uchar2(chroma[0], chroma[1]);
}

// Features as they are kept: eight values a thread.
SW_KERNEL(halve, Halving) {
  const Index first = 8 * thread_number();
  if (first >= argument.count) return;
  store(argument.halves + first, load<Pack<8>>(argument.values + first));
}

// One thread a pixel of a coarser level: means of colours and of a one, in which what moves counts for
// little; runtime/splat.py is the specification.
SW_KERNEL(behind, Behind) {
  const Behind& b = argument;
  const Index cell = thread_number();
  if (cell >= static_cast<Index>(b.height) * b.width) return;
  const int columns = b.scale * b.width;
  const Index plane = static_cast<Index>(columns) * b.scale * b.height;
  const Index first = cell / b.width * b.scale * columns + cell % b.width * b.scale;
  float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  for (int i = 0; i < b.scale * b.scale; ++i) {
    const Index at = first + i / b.scale * columns + i % b.scale;
    const float importance = b.importance[at] > 0.0f ? b.importance[at] : 0.0f;
    const float trust = 1.0f / (1.0f + b.doubt * importance);
    const float* plane_at = b.planes + at;
    SW_UNROLL
    for (int c = 0; c < 3; ++c, plane_at += plane) sums[c] += trust * *plane_at;
    sums[3] += trust;
  }
  const float share = 1.0f / static_cast<float>(b.scale * b.scale);
  for (int c = 0; c < 4; ++c) store(b.features + cell * b.channels + c, sums[c] * share);
}
