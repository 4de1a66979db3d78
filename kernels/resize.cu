// CUDA launcher of resizing. One thread a pixel; neighbours share their taps in the cache.
#include "launch_cuda.h"
#include "resize.h"

namespace {

template <int kChannels>
__global__ void resize_pixels(const float* field, float* out, int height, int width, int height_out,
                              int width_out, float scale_x, float scale_y) {
  const Index pixel = thread_number();
  if (pixel >= static_cast<Index>(height_out) * width_out) return;
  const Taps columns = taps_at(static_cast<int>(pixel % width_out), width, width_out);
  const Taps rows = taps_at(static_cast<int>(pixel / width_out), height, height_out);
  const float* row[4];
  for (int tap = 0; tap < 4; ++tap) {
    const Index y = clamped(rows.first - 1 + tap, height);
    row[tap] = field + y * width * kChannels;
  }
  for (int c = 0; c < kChannels; ++c) {
    float combined[4];
    for (int tap = 0; tap < 4; ++tap) {
      const int at = clamped(columns.first - 1 + tap, width) * kChannels + c;
      combined[tap] = weighted(rows, row[0][at], row[1][at], row[2][at], row[3][at]);
    }
    out[pixel * kChannels + c] =
        (c == 0 ? scale_x : scale_y) *
        weighted(columns, combined[0], combined[1], combined[2], combined[3]);
  }
}

}  // namespace

SW_LAUNCHER stillwave_cuda_resize(const float* field, float* out, int height, int width,
                                  int height_out, int width_out, int channels, float scale_x,
                                  float scale_y, cudaStream_t stream) {
  const unsigned blocks = blocks_for(static_cast<Index>(height_out) * width_out);
  const auto kernel = channels == 2 ? resize_pixels<2> : resize_pixels<1>;
  kernel<<<blocks, kThreads, 0, stream>>>(field, out, height, width, height_out, width_out, scale_x,
                                          scale_y);
  return launch_status();
}
