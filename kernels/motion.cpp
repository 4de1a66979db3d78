// Host launchers of motion synthesis.
#include "motion.h"

#include "launch_host.h"

namespace {

// Times made at once: two accumulators each must fit in the registers beside the spectrum.
constexpr int kFramesAtOnce = lanes<Lanes> == 16 ? 8 : 4;

struct Destination {
  float* first;      // of this block, at the first time
  Index frame_size;  // floats
  Index pixels;      // of this block
  bool is_streamed;
};

// Writes x and y of the pixels from `lane` of the block on.
SW_BODY void write_pairs(Lanes x, Lanes y, const Destination& to, int lane, float* frame) {
  Lanes low, high;
  interleave(x, y, &low, &high);
  float* out = frame + 2 * lane;
  if (to.pixels < kBlock) {
    float values[2 * lanes<Lanes>];
    store(values, low);
    store(values + lanes<Lanes>, high);
    for (int i = 0; i < 2 * lanes<Lanes> && lane + i / 2 < to.pixels; ++i) out[i] = values[i];
  } else if (to.is_streamed) {
    stream(out, low);
    stream(out + lanes<Lanes>, high);
  } else {
    store(out, low);
    store(out + lanes<Lanes>, high);
  }
}

// Displacements of a block at `kFrames` times.
template <int kFrames>
void motion_block(const Half* block, const float* basis, int frequencies, const Destination& to,
                  int frame) {
  const float* terms = basis + 2 * static_cast<Index>(frame) * frequencies;
  for (int lane = 0; lane < kBlock; lane += lanes<Lanes>) {
    Lanes x[kFrames], y[kFrames];
    displace<Lanes, kFrames>(block + lane, kBlock, terms, frequencies, x, y);
    SW_UNROLL
    for (int f = 0; f < kFrames; ++f) {
      write_pairs(x[f], y[f], to, lane, to.first + (frame + f) * to.frame_size);
    }
  }
}

template <int kFrames>
void mean_block(const Half* block, const float* basis, int frequencies, int frames, float* mean) {
  const Index row = 2 * static_cast<Index>(frequencies);
  for (int lane = 0; lane < kBlock; lane += lanes<Lanes>) {
    Lanes total = broadcast<Lanes>(0.0f);
    int f = 0;
    for (; f + kFrames <= frames; f += kFrames) {
      total = add_magnitudes<Lanes, kFrames>(block + lane, basis + f * row, frequencies, total);
    }
    for (; f < frames; ++f) {
      total = add_magnitudes<Lanes, 1>(block + lane, basis + f * row, frequencies, total);
    }
    store(mean + lane, total * broadcast<Lanes>(1.0f / static_cast<float>(frames)));
  }
}

template <class V>
void planar_pixels(const float* spectrum, const float* basis, float* out, Index pixels,
                   int frequencies, Index first, Index last) {
  for (Index p = first; p + lanes<V> <= last; p += lanes<V>) {
    V x[1], y[1];
    displace<V, 1>(spectrum + p, pixels, basis, frequencies, x, y);
    store(out + p, x[0]);
    store(out + pixels + p, y[0]);
  }
}

// Runs each(block, pixels in it) for all blocks of 16 pixels.
template <class Each>
void for_blocks(Index pixels, int threads, const Each& each) {
  const Index blocks = chunks_of(pixels, kBlock), step = kChunkPixels / kBlock;
  parallel(chunks_of(blocks, step), threads, [&](Index chunk) {
    for (Index block = chunk * step; block < smaller(blocks, (chunk + 1) * step); ++block) {
      each(block, smaller(kBlock, pixels - block * kBlock));
    }
    finish_streams();
  });
}

}  // namespace

SW_EXPORT(motion)
(const Half* spectrum, const float* basis, float* out, Index pixels, int frequencies, int frames,
 int threads) {
  const Index block_size = 4 * kBlock * static_cast<Index>(frequencies), frame_size = 2 * pixels;
  const Index out_bytes = frames * frame_size * Index{sizeof(float)};
  const bool is_streamed = can_stream(out, out_bytes) && frame_size % lanes<Lanes> == 0;
  for_blocks(pixels, threads, [&](Index block, Index count) {
    const Half* from = spectrum + block * block_size;
    const Destination to{out + block * 2 * kBlock, frame_size, count, is_streamed};
    int f = 0;
    for (; f + kFramesAtOnce <= frames; f += kFramesAtOnce) {
      motion_block<kFramesAtOnce>(from, basis, frequencies, to, f);
    }
    for (; f < frames; ++f) motion_block<1>(from, basis, frequencies, to, f);
  });
  return kSuccess;
}

SW_EXPORT(mean_magnitude)
(const Half* spectrum, const float* basis, float* out, Index pixels, int frequencies, int frames,
 int threads) {
  const Index block_size = 4 * kBlock * static_cast<Index>(frequencies);
  for_blocks(pixels, threads, [&](Index block, Index count) {
    float mean[kBlock];
    mean_block<kFramesAtOnce>(spectrum + block * block_size, basis, frequencies, frames, mean);
    for (Index i = 0; i < count; ++i) out[block * kBlock + i] = mean[i];
  });
  return kSuccess;
}

SW_EXPORT(motion_planar)
(const float* spectrum, const float* basis, float* out, Index pixels, int frequencies,
 int threads) {
  parallel(chunks_of(pixels, kChunkPixels), threads, [&](Index chunk) {
    const Index first = chunk * kChunkPixels, last = smaller(pixels, first + kChunkPixels);
    const Index whole = first + (last - first) / lanes<Lanes> * lanes<Lanes>;
    planar_pixels<Lanes>(spectrum, basis, out, pixels, frequencies, first, whole);
    planar_pixels<float>(spectrum, basis, out, pixels, frequencies, whole, last);
  });
  return kSuccess;
}
