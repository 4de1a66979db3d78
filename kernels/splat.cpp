// Host launcher of the splat.
#include "splat.h"

#include "index_host.h"

namespace {

// Starts loading a source that is needed some pixels later. Sources follow each other by row, but
// not evenly enough for the processor to guess: 10 to 25% at 64 channels.
template <int kBytes, class In>
SW_BODY void fetch_ahead(const CellIndex& index, const In* features, int channels, int y, int x,
                         int last_entry) {
  constexpr int kAhead = 12, kLine = 64;
  const int entry = index.starts[(y + 1) * index.cell_columns() + x] + kAhead;
  const int source = index.order[entry < last_entry ? entry : last_entry];
  const char* from =
      reinterpret_cast<const char*>(features + static_cast<Index>(source) * channels);
  for (int line = 0; line < kBytes; line += kLine) __builtin_prefetch(from + line);
}

// A row of channels from `first` on, as many as whole groups of `kVectors` vectors hold; returns
// where they ended.
template <bool kOrdinary, class V, int kVectors, bool kStream, class In, class Out>
SW_BODY int gather_channels(const CellIndex& shared, const In* features, Out* out, int channels,
                            float cover, int y, int first) {
  const CellIndex index = shared;  // a copy, so that stores to `out` cannot change it
  const int last_entry = index.starts[index.num_cells()] - 1;
  constexpr int kBytes = kVectors * lanes<V> * sizeof(In);
  for (; first + kVectors * lanes<V> <= channels; first += kVectors * lanes<V>) {
    Out* to = out + first;
    for (int x = 0; x < index.width; ++x, to += channels) {
      if (last_entry >= 0) {
        fetch_ahead<kBytes>(index, features + first, channels, y, x, last_entry);
      }
      V mean[kVectors];
      gather<kOrdinary>(index, features + first, channels, cover, y, x, mean);
      for (int v = 0; v < kVectors; ++v) {
        kStream ? stream(to + v * lanes<V>, mean[v]) : store(to + v * lanes<V>, mean[v]);
      }
    }
  }
  return first;
}

template <bool kOrdinary, bool kStream, class In, class Out>
void gather_row(const CellIndex& index, const In* features, Out* out, int channels, float cover,
                int y) {
  int done = 0;
  done = gather_channels<kOrdinary, Lanes, 4, kStream>(index, features, out, channels, cover, y, done);
  done = gather_channels<kOrdinary, Lanes, 2, kStream>(index, features, out, channels, cover, y, done);
  done = gather_channels<kOrdinary, Lanes, 1, kStream>(index, features, out, channels, cover, y, done);
  done = gather_channels<kOrdinary, float, 4, false>(index, features, out, channels, cover, y, done);
  done = gather_channels<kOrdinary, float, 3, false>(index, features, out, channels, cover, y, done);
  gather_channels<kOrdinary, float, 1, false>(index, features, out, channels, cover, y, done);
}

template <bool kOrdinary, class In, class Out>
void gather_rows(const CellIndex& index, const In* features, Out* out, int channels, float cover,
                 int threads) {
  const Index row_size = static_cast<Index>(index.width) * channels;
  const int rows = index.last_row - index.first_row;
  const Index step = rows_in_chunk(index.width);
  const bool is_streamed =
      can_stream(out, rows * row_size * Index{sizeof(Out)}) && channels % lanes<Lanes> == 0;
  parallel(chunks_of(rows, step), threads, [&](Index chunk) {
    for (Index y = chunk * step; y < smaller(rows, (chunk + 1) * step); ++y) {
      if (is_streamed) {
        gather_row<kOrdinary, true>(index, features, out + y * row_size, channels, cover,
                                    static_cast<int>(y));
      } else {
        gather_row<kOrdinary, false>(index, features, out + y * row_size, channels, cover,
                                     static_cast<int>(y));
      }
    }
    finish_streams();
  });
}

template <class In, class Out>
void gather_all(const Work& work, const Findings& findings, const In* features, Out* out,
                int channels, float cover, int threads) {
  if (findings.is_unusual) {
    gather_rows<false>(work.index, features, out, channels, cover, threads);
  } else {
    gather_rows<true>(work.index, features, out, channels, cover, threads);
  }
}

}  // namespace

SW_EXPORT(splat)
(const void* features, int is_half, const float* motion, const float* weight, void* out,
 int is_out_half, void* workspace, int height, int width, int channels, int first_row, int last_row,
 float cover, int threads) {
  const Work work = place(workspace, CellIndex{motion, weight, nullptr, nullptr, nullptr, nullptr,
                                               height, width, first_row, last_row});
  const Findings findings = build_index(work, threads);
  if (findings.is_refused) return kNonFinite;
  const auto* halves = static_cast<const Half*>(features);
  const auto* floats = static_cast<const float*>(features);
  auto* out_halves = static_cast<Half*>(out);
  auto* out_floats = static_cast<float*>(out);
  if (is_half && is_out_half) {
    gather_all(work, findings, halves, out_halves, channels, cover, threads);
  } else if (is_half) {
    gather_all(work, findings, halves, out_floats, channels, cover, threads);
  } else if (is_out_half) {
    gather_all(work, findings, floats, out_halves, channels, cover, threads);
  } else {
    gather_all(work, findings, floats, out_floats, channels, cover, threads);
  }
  return kSuccess;
}
