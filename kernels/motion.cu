// CUDA launchers of motion synthesis. One thread half a block: 8 pixels, 128-bit loads.
#include "launch_cuda.h"
#include "motion.h"

namespace {

constexpr int kPixels = 8;
using Pixels = Pack<kPixels>;

// First byte and block of a thread's pixels.
struct Place {
  const int8_t* rows;
  Index block;
};

SW_BODY Place place_of(const int8_t* rows, Index item, int frequencies) {
  const Index block = item / (kBlock / kPixels), half = item % (kBlock / kPixels);
  return Place{rows + block * kRow * frequencies + 2 * kPixels * half, block};
}

__global__ void pack(const float* spectrum, int8_t* rows, float* units, Index pixels,
                     int frequencies, float one) {
  const Index block = thread_number(), left = pixels - block * kBlock;
  if (left <= 0) return;
  units[block] = pack_block(spectrum + 4 * pixels + block * kBlock, pixels,
                            static_cast<int>(left < kBlock ? left : kBlock), frequencies, one,
                            rows + block * kRow * frequencies);
}

template <int kFrames>
__global__ void synthesize(const int8_t* rows, const float* units, const int32_t* terms, float* out,
                           Index pixels, int frequencies) {
  const Index item = thread_number();
  const Index first = item * kPixels;
  if (first >= pixels) return;
  const Place from = place_of(rows, item, frequencies);
  Pixels x[kFrames], y[kFrames];
  displace<Pixels, kFrames>(from.rows, units[from.block], terms, frequencies, x, y);
  for (int f = 0; f < kFrames; ++f) {
    float2* to = reinterpret_cast<float2*>(out + 2 * (f * pixels + first));
    for (int i = 0; i < kPixels; ++i) {
      if (first + i < pixels) to[i] = make_float2(x[f].lane[i], y[f].lane[i]);
    }
  }
}

__global__ void average_magnitude(const int8_t* rows, const float* units, const int32_t* terms,
                                  float* out, Index pixels, int frequencies, int frames) {
  const Index item = thread_number();
  const Index first = item * kPixels;
  if (first >= pixels) return;
  const Place from = place_of(rows, item, frequencies);
  const float unit = units[from.block];
  Pixels total = broadcast<Pixels>(0.0f);
  for (int f = 0; f < frames; ++f, terms += frequencies) {
    total = add_magnitudes<Pixels, 1>(from.rows, unit, terms, frequencies, total);
  }
  const float share = 1.0f / static_cast<float>(frames);
  for (int i = 0; i < kPixels; ++i) {
    if (first + i < pixels) out[first + i] = total.lane[i] * share;
  }
}

unsigned blocks_of(Index pixels, int size) { return blocks_for((pixels + size - 1) / size); }

template <int kFrames>
void launch(const int8_t* rows, const float* units, const int32_t* terms, float* out, Index pixels,
            int frequencies, cudaStream_t stream) {
  synthesize<kFrames><<<blocks_of(pixels, kPixels), kThreads, 0, stream>>>(rows, units, terms, out,
                                                                           pixels, frequencies);
}

}  // namespace

SW_LAUNCHER stillwave_cuda_block(const float* spectrum, int8_t* rows, float* units, Index pixels,
                                 int frequencies, float one, cudaStream_t stream) {
  pack<<<blocks_of(pixels, kBlock), kThreads, 0, stream>>>(spectrum, rows, units, pixels,
                                                           frequencies, one);
  return launch_status();
}

SW_LAUNCHER stillwave_cuda_motion(const int8_t* rows, const float* units, const int32_t* terms,
                                  float* out, Index pixels, int frequencies, int frames,
                                  cudaStream_t stream) {
  int f = 0;
  for (; f + 4 <= frames; f += 4, terms += 4 * frequencies, out += 8 * pixels) {
    launch<4>(rows, units, terms, out, pixels, frequencies, stream);
  }
  for (; f < frames; ++f, terms += frequencies, out += 2 * pixels) {
    launch<1>(rows, units, terms, out, pixels, frequencies, stream);
  }
  return launch_status();
}

SW_LAUNCHER stillwave_cuda_mean_magnitude(const int8_t* rows, const float* units,
                                          const int32_t* terms, float* out, Index pixels,
                                          int frequencies, int frames, cudaStream_t stream) {
  average_magnitude<<<blocks_of(pixels, kPixels), kThreads, 0, stream>>>(
      rows, units, terms, out, pixels, frequencies, frames);
  return launch_status();
}
