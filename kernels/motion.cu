// CUDA kernels of motion synthesis. One thread half a block: 8 pixels, 128-bit loads.
#include "launch_cuda.h"
#include "motion.h"

namespace {

constexpr int kPixels = 8;
constexpr int kFramesTogether = 4;  // their accumulators fit in registers
using Pixels = Pack<kPixels>;

struct Blocks {
  const int8_t* rows;
  const float* units;
  const int32_t* terms;  // (frames, K-1)
  const float* scales;   // (frames,) powers of two that the terms were divided by
  float* out;            // motion: (frames, P, 2), px; mean: (P,)
  Index pixels;
  int frequencies, frames;
};

// What a thread reads: its first byte, and the unit of its block.
struct Place {
  const int8_t* rows;
  float unit;
};

SW_BODY Place place_of(const Blocks& blocks, Index item) {
  const Index block = item / (kBlock / kPixels), half = item % (kBlock / kPixels);
  return Place{blocks.rows + block * kRow * blocks.frequencies + 2 * kPixels * half,
               blocks.units[block]};
}

SW_BODY void write_motion(const Pixels& x, const Pixels& y, float scale, Index count, float* out) {
  if (count >= kPixels && reinterpret_cast<uintptr_t>(out) % sizeof(float4) == 0) {
    SW_UNROLL
    for (int i = 0; i < kPixels; i += 2) {
      reinterpret_cast<float4*>(out)[i / 2] = make_float4(
          x.lane[i] * scale, y.lane[i] * scale, x.lane[i + 1] * scale, y.lane[i + 1] * scale);
    }
    return;
  }
  SW_UNROLL
  for (int i = 0; i < kPixels; ++i) {
    if (i < count) out[2 * i] = x.lane[i] * scale;
    if (i < count) out[2 * i + 1] = y.lane[i] * scale;
  }
}

template <int kFrames>
SW_BODY void move(const Blocks& blocks, const Place& from, Index first, int frame) {
  Pixels x[kFrames], y[kFrames];
  displace<Pixels, kFrames>(from.rows, from.unit, blocks.terms + frame * blocks.frequencies,
                            blocks.frequencies, x, y);
  SW_UNROLL
  for (int f = 0; f < kFrames; ++f) {
    float* to = blocks.out + 2 * ((frame + f) * blocks.pixels + first);
    write_motion(x[f], y[f], blocks.scales[frame + f], blocks.pixels - first, to);
  }
}

struct Packing {
  const float* spectrum;  // (4K, P)
  int8_t* rows;
  float* units;
  Index pixels;
  int frequencies;
  float one;
};

}  // namespace

// One thread a block of 16 pixels.
SW_KERNEL(block, Packing) {
  const Packing& p = argument;
  const Index block = thread_number(), left = p.pixels - block * kBlock;
  if (left <= 0) return;
  p.units[block] = pack_block(p.spectrum + 4 * p.pixels + block * kBlock, p.pixels,
                              static_cast<int>(left < kBlock ? left : kBlock), p.frequencies, p.one,
                              p.rows + block * kRow * p.frequencies);
}

// All frames of a pass: memory is read for the first of them, the cache for the others.
SW_KERNEL(motion, Blocks) {
  const Index item = thread_number(), first = item * kPixels;
  if (first >= argument.pixels) return;
  const Place from = place_of(argument, item);
  int f = 0;
  for (; f + kFramesTogether <= argument.frames; f += kFramesTogether) {
    move<kFramesTogether>(argument, from, first, f);
  }
  for (; f < argument.frames; ++f) move<1>(argument, from, first, f);
}

// Mean length of the displacements of all frames.
SW_KERNEL(weight, Blocks) {
  const Index item = thread_number(), first = item * kPixels;
  if (first >= argument.pixels) return;
  const Place from = place_of(argument, item);
  Pixels total = broadcast<Pixels>(0.0f);
  for (int f = 0; f < argument.frames; ++f) {
    total =
        add_magnitudes<Pixels, 1>(from.rows, from.unit, argument.terms + f * argument.frequencies,
                                  argument.frequencies, total);
  }
  const float share = 1.0f / static_cast<float>(argument.frames);
  SW_UNROLL
  for (int i = 0; i < kPixels; ++i) {
    if (first + i < argument.pixels) argument.out[first + i] = total.lane[i] * share;
  }
}
