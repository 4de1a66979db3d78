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

// Channels of one place: loaded at once.
template <int kChannels>
struct alignas(kChannels * sizeof(float)) Cell {
  float channel[kChannels];
};

// The pixel whose taps these are.
template <int kChannels>
SW_BODY Cell<kChannels> resized(const float* field, int height, int width, const Taps& rows,
                                const Taps& columns) {
  const auto* cells = reinterpret_cast<const Cell<kChannels>*>(field);
  Cell<kChannels> combined[4], pixel;
  SW_UNROLL
  for (int tap = 0; tap < 4; ++tap) {
    const int x = clamped(columns.first - 1 + tap, width);
    Cell<kChannels> column[4];
    SW_UNROLL
    for (int down = 0; down < 4; ++down) {
      column[down] = cells[static_cast<Index>(clamped(rows.first - 1 + down, height)) * width + x];
    }
    SW_UNROLL
    for (int c = 0; c < kChannels; ++c) {
      combined[tap].channel[c] = weighted(rows, column[0].channel[c], column[1].channel[c],
                                          column[2].channel[c], column[3].channel[c]);
    }
  }
  SW_UNROLL
  for (int c = 0; c < kChannels; ++c) {
    pixel.channel[c] = weighted(columns, combined[0].channel[c], combined[1].channel[c],
                                combined[2].channel[c], combined[3].channel[c]);
  }
  return pixel;
}

}  // namespace

SW_KERNEL(resize, Map) {
  const Map& m = argument;
  const Index pixel = thread_number();
  if (pixel >= static_cast<Index>(m.height_out) * m.width_out) return;
  const Taps columns = taps_at(static_cast<int>(pixel % m.width_out), m.width, m.width_out);
  const Taps rows = taps_at(static_cast<int>(pixel / m.width_out), m.height, m.height_out);
  const float value = resized<1>(m.field, m.height, m.width, rows, columns).channel[0];
  m.out[pixel] = value > m.least ? value : m.least;
}
