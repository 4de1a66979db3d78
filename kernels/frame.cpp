// Host launcher of the frame conversion.
#include "frame.h"

#include "host.h"

SW_EXPORT(frame)(const float* planes, uint8_t* out, Index pixels, int threads) {
  const Index step = 8 * kChunkPixels;
  parallel(chunks_of(pixels, step), threads, [&](Index chunk) {
    const float* __restrict red = planes;
    const float* __restrict green = planes + pixels;
    const float* __restrict blue = planes + 2 * pixels;
    uint8_t* __restrict bytes = out;
    for (Index p = chunk * step; p < smaller(pixels, (chunk + 1) * step); ++p) {
      bytes[3 * p] = byte_from_unit(red[p]);
      bytes[3 * p + 1] = byte_from_unit(green[p]);
      bytes[3 * p + 2] = byte_from_unit(blue[p]);
    }
  });
  return kSuccess;
}
