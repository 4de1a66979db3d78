// CUDA launchers of motion synthesis. One thread half a block: 8 pixels, 128-bit loads.
#include "launch_cuda.h"
#include "motion.h"

namespace {

constexpr int kPixels = 8;
using Pixels = Pack<kPixels>;

SW_BODY const Half* rows_of(const Half* spectrum, Index item, int frequencies) {
  const Index block = item / (kBlock / kPixels);
  return spectrum + (block * 4 * frequencies) * kBlock + item % (kBlock / kPixels) * kPixels;
}

template <int kFrames>
__global__ void synthesize(const Half* spectrum, const float* basis, float* out, Index pixels,
                           int frequencies) {
  const Index item = thread_number();
  const Index first = item * kPixels;
  if (first >= pixels) return;
  Pixels x[kFrames], y[kFrames];
  displace<Pixels, kFrames>(rows_of(spectrum, item, frequencies), kBlock, basis, frequencies, x, y);
  for (int f = 0; f < kFrames; ++f) {
    float2* to = reinterpret_cast<float2*>(out + 2 * (f * pixels + first));
    for (int i = 0; i < kPixels; ++i) {
      if (first + i < pixels) to[i] = make_float2(x[f].lane[i], y[f].lane[i]);
    }
  }
}

__global__ void average_magnitude(const Half* spectrum, const float* basis, float* out,
                                  Index pixels, int frequencies, int frames) {
  const Index item = thread_number();
  const Index first = item * kPixels;
  if (first >= pixels) return;
  const Half* rows = rows_of(spectrum, item, frequencies);
  Pixels total = broadcast<Pixels>(0.0f);
  for (int f = 0; f < frames; ++f) {
    total = add_magnitudes<Pixels, 1>(rows, basis + 2 * static_cast<Index>(f) * frequencies,
                                      frequencies, total);
  }
  const float share = 1.0f / static_cast<float>(frames);
  for (int i = 0; i < kPixels; ++i) {
    if (first + i < pixels) out[first + i] = total.lane[i] * share;
  }
}

unsigned blocks_of(Index pixels) { return blocks_for((pixels + kPixels - 1) / kPixels); }

template <int kFrames>
void launch(const Half* spectrum, const float* basis, float* out, Index pixels, int frequencies,
            cudaStream_t stream) {
  synthesize<kFrames>
      <<<blocks_of(pixels), kThreads, 0, stream>>>(spectrum, basis, out, pixels, frequencies);
}

}  // namespace

SW_LAUNCHER stillwave_cuda_motion(const Half* spectrum, const float* basis, float* out,
                                  Index pixels, int frequencies, int frames, cudaStream_t stream) {
  const Index terms = 2 * static_cast<Index>(frequencies), frame = 2 * pixels;
  int f = 0;
  for (; f + 4 <= frames; f += 4) {
    launch<4>(spectrum, basis + f * terms, out + f * frame, pixels, frequencies, stream);
  }
  for (; f < frames; ++f) {
    launch<1>(spectrum, basis + f * terms, out + f * frame, pixels, frequencies, stream);
  }
  return launch_status();
}

SW_LAUNCHER stillwave_cuda_mean_magnitude(const Half* spectrum, const float* basis, float* out,
                                          Index pixels, int frequencies, int frames,
                                          cudaStream_t stream) {
  average_magnitude<<<blocks_of(pixels), kThreads, 0, stream>>>(spectrum, basis, out, pixels,
                                                                frequencies, frames);
  return launch_status();
}
