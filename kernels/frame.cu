// CUDA launcher of the frame conversion. One thread a pixel.
#include "frame.h"
#include "launch_cuda.h"

namespace {

__global__ void convert_pixels(const float* planes, uint8_t* out, Index pixels) {
  const Index pixel = thread_number();
  if (pixel >= pixels) return;
  for (int c = 0; c < 3; ++c) out[3 * pixel + c] = byte_from_unit(planes[c * pixels + pixel]);
}

}  // namespace

SW_LAUNCHER stillwave_cuda_frame(const float* planes, uint8_t* out, Index pixels,
                                 cudaStream_t stream) {
  convert_pixels<<<blocks_for(pixels), kThreads, 0, stream>>>(planes, out, pixels);
  return launch_status();
}
