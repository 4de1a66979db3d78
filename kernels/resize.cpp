// Host launcher of resizing: a strip of columns at a time, whose taps and combined rows stay in L1.
#include "resize.h"

#include "launch_host.h"

namespace {

constexpr int kStripColumns = 256;
constexpr int kStripSources = 512;  // source columns a strip may need

struct Field {
  const float* values;
  int height, width;
};

template <int kChannels>
struct Strip {
  int first, count;           // output columns
  int source, sources;        // source columns, before clamping
  int offset[kStripColumns];  // first tap of each output column, in `combined`
  float weight[kStripColumns][4][kChannels];
};

// As many output columns from `first` on as fit the strip's buffers; at least one fits always.
template <int kChannels>
void fill_strip(Strip<kChannels>* strip, int first, int width, int width_out) {
  strip->first = first;
  strip->count = 0;
  strip->source = taps_at(first, width, width_out).first - 1;
  for (int x = first; x < width_out && strip->count < kStripColumns; ++x, ++strip->count) {
    const Taps taps = taps_at(x, width, width_out);
    const int sources = taps.first + 3 - strip->source;
    if (sources > kStripSources) break;
    strip->sources = sources;
    strip->offset[strip->count] = (sources - 4) * kChannels;
    for (int tap = 0; tap < 4; ++tap) {
      for (int c = 0; c < kChannels; ++c) strip->weight[strip->count][tap][c] = taps.weight[tap];
    }
  }
}

template <int kChannels>
void combine_rows(const Field& field, const Strip<kChannels>& strip, int y, int height_out,
                  float* combined) {
  const Taps taps = taps_at(y, field.height, height_out);
  const float* rows[4];
  for (int tap = 0; tap < 4; ++tap) {
    const Index row = clamped(taps.first - 1 + tap, field.height);
    rows[tap] = field.values + row * field.width * kChannels;
  }
  const int begin = clamped(strip.source, field.width);
  const int end = clamped(strip.source + strip.sources - 1, field.width) + 1;
  float* to = combined + (begin - strip.source) * kChannels;
  for (int i = 0; i < (end - begin) * kChannels; ++i) {
    const int from = begin * kChannels + i;
    to[i] = weighted(taps, rows[0][from], rows[1][from], rows[2][from], rows[3][from]);
  }
  for (int x = strip.source; x < begin; ++x) {
    for (int c = 0; c < kChannels; ++c) combined[(x - strip.source) * kChannels + c] = to[c];
  }
  const float* edge = combined + (end - 1 - strip.source) * kChannels;
  for (int x = end; x < strip.source + strip.sources; ++x) {
    for (int c = 0; c < kChannels; ++c) combined[(x - strip.source) * kChannels + c] = edge[c];
  }
}

// `weighted` for all channels of a column at once: taps 0 and 1 lie in one vector, 2 and 3 in
// another.
template <int kChannels>
void combine_columns(const Strip<kChannels>& strip, const float* combined, const float* scale,
                     float* __restrict out) {
  constexpr int kHalf = 2 * kChannels;
  for (int x = 0; x < strip.count; ++x) {
    const float* from = combined + strip.offset[x];
    const float* weight = strip.weight[x][0];
    float sum[kHalf];
    for (int i = 0; i < kHalf; ++i) {
      sum[i] = fused(weight[kHalf + i], from[kHalf + i], weight[i] * from[i]);
    }
    for (int c = 0; c < kChannels; ++c) {
      out[x * kChannels + c] = scale[c] * (sum[c] + sum[kChannels + c]);
    }
  }
}

template <int kChannels>
void resize_rows(const Field& field, float* out, int height_out, int width_out, const float* scale,
                 int first_row, int last_row) {
  Strip<kChannels> strip;
  float combined[kStripSources * kChannels];
  for (int first = 0; first < width_out; first += strip.count) {
    fill_strip(&strip, first, field.width, width_out);
    for (int y = first_row; y < last_row; ++y) {
      combine_rows<kChannels>(field, strip, y, height_out, combined);
      float* to = out + (static_cast<Index>(y) * width_out + first) * kChannels;
      combine_columns<kChannels>(strip, combined, scale, to);
    }
  }
}

}  // namespace

SW_EXPORT(resize)
(const float* values, float* out, int height, int width, int height_out, int width_out,
 int channels, float scale_x, float scale_y, int threads) {
  const Field field{values, height, width};
  const float scale[2] = {scale_x, scale_y};
  const int step = static_cast<int>(chunks_of(4 * kChunkPixels, width_out));
  parallel(chunks_of(height_out, step), threads, [&](Index chunk) {
    const int first = static_cast<int>(chunk) * step;
    const int last = static_cast<int>(smaller(height_out, first + step));
    if (channels == 2) resize_rows<2>(field, out, height_out, width_out, scale, first, last);
    if (channels == 1) resize_rows<1>(field, out, height_out, width_out, scale, first, last);
  });
  return kSuccess;
}
