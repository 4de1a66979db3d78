// CUDA kernel of resizing. One thread a pixel; neighbours share their taps in the cache.
#include "launch_cuda.h"
#include "resize.h"

namespace {

struct Map {
  const float* field;  // (height, width)
  float* out;          // (height_out, width_out)
  int height, width, height_out, width_out;
  float least;  // what is below becomes this
};

// Channel `c` of the pixel whose taps these are.
template <int kChannels>
SW_BODY float resized(const float* field, int height, int width, const Taps& rows,
                      const Taps& columns, int c) {
  float combined[4];
  SW_UNROLL
  for (int tap = 0; tap < 4; ++tap) {
    const int x = clamped(columns.first - 1 + tap, width);
    float column[4];
    SW_UNROLL
    for (int down = 0; down < 4; ++down) {
      const Index y = clamped(rows.first - 1 + down, height);
      column[down] = field[(y * width + x) * kChannels + c];
    }
    combined[tap] = weighted(rows, column[0], column[1], column[2], column[3]);
  }
  return weighted(columns, combined[0], combined[1], combined[2], combined[3]);
}

}  // namespace

SW_KERNEL(resize, Map) {
  const Map& m = argument;
  const Index pixel = thread_number();
  if (pixel >= static_cast<Index>(m.height_out) * m.width_out) return;
  const Taps columns = taps_at(static_cast<int>(pixel % m.width_out), m.width, m.width_out);
  const Taps rows = taps_at(static_cast<int>(pixel / m.width_out), m.height, m.height_out);
  const float value = resized<1>(m.field, m.height, m.width, rows, columns, 0);
  m.out[pixel] = value > m.least ? value : m.least;
}
