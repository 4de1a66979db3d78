// Host launchers of the frame conversions.
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

// (H, W) even -> H rows of luma and H / 2 of chroma, all W bytes.
SW_EXPORT(nv12)(const float* planes, uint8_t* out, int height, int width, int threads) {
  const Index plane = static_cast<Index>(height) * width, step = rows_in_chunk(2 * width);
  parallel(chunks_of(height / 2, step), threads, [&](Index chunk) {
    for (Index row = chunk * step; row < smaller(height / 2, (chunk + 1) * step); ++row) {
      uint8_t* above = out + 2 * row * width;
      uint8_t* beside = out + (height + row) * width;
      for (int x = 0; x < width; x += 2) {
        uint8_t y[4], chroma[2];
        nv12_from_square(planes, plane, 2 * row * width + x, width, y, chroma);
        for (int i = 0; i < 4; ++i) above[i / 2 * width + x + i % 2] = y[i];
        for (int i = 0; i < 2; ++i) beside[x + i] = chroma[i];
      }
    }
  });
  return kSuccess;
}
