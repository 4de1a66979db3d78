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
void motion_block(const int8_t* rows, float unit, const int32_t* terms, int frequencies,
                  const Destination& to, int frame) {
  terms += static_cast<Index>(frame) * frequencies;
  for (int lane = 0; lane < kBlock; lane += lanes<Lanes>) {
    Lanes x[kFrames], y[kFrames];
    displace<Lanes, kFrames>(rows + 2 * lane, unit, terms, frequencies, x, y);
    SW_UNROLL
    for (int f = 0; f < kFrames; ++f) {
      write_pairs(x[f], y[f], to, lane, to.first + (frame + f) * to.frame_size);
    }
  }
}

template <int kFrames>
void mean_block(const int8_t* rows, float unit, const int32_t* terms, int frequencies, int frames,
                float* mean) {
  const auto terms_of = [=](int f) { return terms + static_cast<Index>(f) * frequencies; };
  for (int lane = 0; lane < kBlock; lane += lanes<Lanes>) {
    Lanes total = broadcast<Lanes>(0.0f);
    int f = 0;
    for (; f + kFrames <= frames; f += kFrames) {
      total =
          add_magnitudes<Lanes, kFrames>(rows + 2 * lane, unit, terms_of(f), frequencies, total);
    }
    for (; f < frames; ++f) {
      total = add_magnitudes<Lanes, 1>(rows + 2 * lane, unit, terms_of(f), frequencies, total);
    }
    store(mean + lane, total * broadcast<Lanes>(1.0f / static_cast<float>(frames)));
  }
}

template <class V>
void planar_pixels(const float* spectrum, const float* basis, float* out, Index pixels,
                   int frequencies, Index first, Index last) {
  for (Index p = first; p + lanes<V> <= last; p += lanes<V>) {
    V x, y;
    displace_planar<V>(spectrum + p, pixels, basis, frequencies, &x, &y);
    store(out + p, x);
    store(out + pixels + p, y);
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

SW_EXPORT(block)
(const float* spectrum, int8_t* rows, float* units, Index pixels, int frequencies, float one,
 int threads) {
  const Index block_size = kRow * static_cast<Index>(frequencies);
  const float* moving = spectrum + 4 * pixels;
  for_blocks(pixels, threads, [&](Index block, Index count) {
    const float* planes = moving + block * kBlock;
    int8_t* to = rows + block * block_size;
    units[block] = count == kBlock
                       ? pack_block(planes, pixels, kBlock, frequencies, one, to)
                       : pack_block(planes, pixels, static_cast<int>(count), frequencies, one, to);
  });
  return kSuccess;
}

SW_EXPORT(motion)
(const int8_t* rows, const float* units, const int32_t* terms, float* out, Index pixels,
 int frequencies, int frames, int threads) {
  const Index block_size = kRow * static_cast<Index>(frequencies), frame_size = 2 * pixels;
  const Index out_bytes = frames * frame_size * Index{sizeof(float)};
  const bool is_streamed = can_stream(out, out_bytes) && frame_size % lanes<Lanes> == 0;
  for_blocks(pixels, threads, [&](Index block, Index count) {
    const int8_t* from = rows + block * block_size;
    const Destination to{out + block * 2 * kBlock, frame_size, count, is_streamed};
    int f = 0;
    for (; f + kFramesAtOnce <= frames; f += kFramesAtOnce) {
      motion_block<kFramesAtOnce>(from, units[block], terms, frequencies, to, f);
    }
    for (; f < frames; ++f) motion_block<1>(from, units[block], terms, frequencies, to, f);
  });
  return kSuccess;
}

SW_EXPORT(mean_magnitude)
(const int8_t* rows, const float* units, const int32_t* terms, float* out, Index pixels,
 int frequencies, int frames, int threads) {
  const Index block_size = kRow * static_cast<Index>(frequencies);
  for_blocks(pixels, threads, [&](Index block, Index count) {
    float mean[kBlock];
    mean_block<kFramesAtOnce>(rows + block * block_size, units[block], terms, frequencies, frames,
                              mean);
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
