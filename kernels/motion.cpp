// Host launchers of motion synthesis.
#include "motion.h"

#include "host.h"

namespace {

// Times made at once: two accumulators each must fit in the registers beside the spectrum.
constexpr int kFramesAtOnce = lanes<Lanes> == 16 ? 8 : 4;

void interleave(const float* x, const float* y, Index count, float* out) {
  for (Index i = 0; i < count; ++i) {
    out[2 * i] = x[i];
    out[2 * i + 1] = y[i];
  }
}

// Displacements of the first `pixels` pixels of a block at `kFrames` times, `frame_size` floats apart.
template <int kFrames>
void motion_block(const Half* block, const float* basis, int frequencies, Index pixels,
                  Index frame_size, float* out) {
  float x[kFrames][kBlock], y[kFrames][kBlock];
  for (int lane = 0; lane < kBlock; lane += lanes<Lanes>) {
    Lanes vx[kFrames], vy[kFrames];
    displace<Lanes, kFrames>(block + lane, kBlock, basis, frequencies, vx, vy);
    for (int f = 0; f < kFrames; ++f) {
      store(x[f] + lane, vx[f]);
      store(y[f] + lane, vy[f]);
    }
  }
  for (int f = 0; f < kFrames; ++f) {
    if (pixels == kBlock) {
      interleave(x[f], y[f], kBlock, out + f * frame_size);
    } else {
      interleave(x[f], y[f], pixels, out + f * frame_size);
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
  });
}

}  // namespace

SW_EXPORT(motion)
(const Half* spectrum, const float* basis, float* out, Index pixels, int frequencies, int frames,
 int threads) {
  const Index block_size = 4 * kBlock * static_cast<Index>(frequencies), frame_size = 2 * pixels;
  for_blocks(pixels, threads, [&](Index block, Index count) {
    const Half* from = spectrum + block * block_size;
    float* to = out + block * 2 * kBlock;
    const auto terms = [&](int frame) { return basis + 2 * static_cast<Index>(frame) * frequencies; };
    int f = 0;
    for (; f + kFramesAtOnce <= frames; f += kFramesAtOnce) {
      motion_block<kFramesAtOnce>(from, terms(f), frequencies, count, frame_size,
                                  to + f * frame_size);
    }
    for (; f < frames; ++f) {
      motion_block<1>(from, terms(f), frequencies, count, frame_size, to + f * frame_size);
    }
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
