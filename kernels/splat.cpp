// Host launcher of the splat: classify, index, gather; each step in parallel, in workspace memory.
#include "splat.h"

#include "host.h"

namespace {

// Cell rows that the sources of a row of the picture land in, [first, last].
struct RowRange {
  int first, last;
};

struct Work {
  CellIndex index;
  RowRange* ranges;
};

template <class T>
T* take(char*& cursor, Index count) {
  T* taken = reinterpret_cast<T*>(cursor);
  cursor += count * static_cast<Index>(sizeof(T));
  return taken;
}

Work place(void* workspace, CellIndex index) {
  const Index pixels = static_cast<Index>(index.height) * index.width;
  char* cursor = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(workspace) + 63) / 64 * 64);
  index.shares = take<Share>(cursor, pixels);
  index.order = take<int>(cursor, pixels);
  index.cells = take<int>(cursor, pixels);
  RowRange* ranges = take<RowRange>(cursor, index.height);
  index.starts = take<int>(cursor, index.num_cells() + 1);
  return Work{index, ranges};
}

// Separate loops, each of a form that compilers turn into vectors.
bool all_finite(const float* values, int count) {
  uint32_t largest = 0;
  for (int i = 0; i < count; ++i) {
    const uint32_t bits = bits_from_float(values[i]) & 0x7fffffffu;
    largest = bits > largest ? bits : largest;
  }
  return largest < 0x7f800000u;
}

bool all_ordinary(const float* weights, int count) {
  int all = 1;
  for (int i = 0; i < count; ++i) all &= is_ordinary(weights[i]);
  return all != 0;
}

RowRange range_of(const CellIndex& index, const int* cells) {
  int first = index.num_cells(), last = -1;
  for (int x = 0; x < index.width; ++x) {
    const int cell = cells[x], other = cell < 0 ? index.num_cells() : cell;
    first = other < first ? other : first;
    last = cell > last ? cell : last;
  }
  const int columns = index.cell_columns();
  return RowRange{first / columns, last < 0 ? -1 : last / columns};
}

// Fills the cells and the range of a row.
void classify_row(const Work& work, int y) {
  const CellIndex index = work.index;  // a copy, so that stores to `cells` cannot change it
  const Index row = static_cast<Index>(y) * index.width;
  const float* motion = index.motion + 2 * row;
  int* cells = index.cells + row;
  for (int x = 0; x < index.width; ++x) {
    cells[x] = cell_of(index, y, x, motion[2 * x], motion[2 * x + 1]);
  }
  work.ranges[y] = range_of(index, cells);
}

// Calls use(y, x, cell) for the sources that land in cells [first, last), in raster order.
template <class Use>
void for_sources(const Work& work, int first, int last, const Use& use) {
  const CellIndex& index = work.index;
  const int first_row = first / index.cell_columns(), last_row = (last - 1) / index.cell_columns();
  for (int y = 0; y < index.height; ++y) {
    if (work.ranges[y].first > last_row || work.ranges[y].last < first_row) continue;
    use(y);
  }
}

constexpr int kTile = 128;

void count_row(const CellIndex& index, int y, int first, int last, int* counts) {
  const int* cells = index.cells + static_cast<Index>(y) * index.width;
  for (int x = 0; x < index.width; ++x) {
    if (cells[x] >= first && cells[x] < last) ++counts[cells[x]];
  }
}

void fill_row(const CellIndex& shared, int y, int first, int last, int* cursor) {
  const CellIndex index = shared;
  const Index row = static_cast<Index>(y) * index.width;
  Share shares[kTile];
  for (int begin = 0; begin < index.width; begin += kTile) {
    const int count = static_cast<int>(smaller(kTile, index.width - begin));
    const float* motion = index.motion + 2 * (row + begin);
    const float* weight = index.weight + row + begin;
    const int* cells = index.cells + row + begin;
    for (int i = 0; i < count; ++i) {
      shares[i] = share_of(y, begin + i, motion[2 * i], motion[2 * i + 1], weight[i]);
    }
    for (int i = 0; i < count; ++i) {
      if (cells[i] < first || cells[i] >= last) continue;
      const int entry = cursor[cells[i]]++;
      index.order[entry] = static_cast<int>(row) + begin + i;
      index.shares[entry] = shares[i];
    }
  }
}

// A counting sort in bands of cells. Each thread owns a band and reads the rows that reach it.
void sort_by_cell(const Work& work, int threads) {
  const CellIndex& index = work.index;
  const Index bands = smaller(threads > 1 ? 2 * threads : 1, index.cell_rows());
  int totals[128];
  const auto bound = [&](Index band) {
    return static_cast<int>(index.cell_rows() * band / bands) * index.cell_columns();
  };
  int* cursor = index.starts + 1;
  parallel(bands, threads, [&](Index band) {
    const int first = bound(band), last = bound(band + 1);
    for (int cell = first; cell < last; ++cell) cursor[cell] = 0;
    for_sources(work, first, last, [&](int y) { count_row(index, y, first, last, cursor); });
    int total = 0;
    for (int cell = first; cell < last; ++cell) total += cursor[cell];
    totals[band] = total;
  });
  index.starts[0] = 0;
  parallel(bands, threads, [&](Index band) {
    const int first = bound(band), last = bound(band + 1);
    int next = 0;
    for (Index before = 0; before < band; ++before) next += totals[before];
    for (int cell = first; cell < last; ++cell) {
      const int count = cursor[cell];
      cursor[cell] = next;
      next += count;
    }
    // Afterwards cursor[cell] is the end of the cell, which is the start of the next.
    for_sources(work, first, last, [&](int y) { fill_row(index, y, first, last, cursor); });
  });
}

// Starts loading a source that is needed some pixels later. Sources follow each other by row, but not
// evenly enough for the processor to guess: 10 to 25% at 64 channels.
template <int kBytes, class In>
SW_BODY void fetch_ahead(const CellIndex& index, const In* features, int channels, int y, int x,
                         int last_entry) {
  constexpr int kAhead = 12, kLine = 64;
  const int entry = index.starts[(y + 1) * index.cell_columns() + x] + kAhead;
  const int source = index.order[entry < last_entry ? entry : last_entry];
  const char* from = reinterpret_cast<const char*>(features + static_cast<Index>(source) * channels);
  for (int line = 0; line < kBytes; line += kLine) __builtin_prefetch(from + line);
}

// A row of channels from `first` on, as many as whole groups of `kVectors` vectors hold; returns where
// they ended.
template <bool kOrdinary, class V, int kVectors, bool kStream, class In, class Out>
SW_BODY int gather_channels(const CellIndex& shared, const In* features, Out* out, int channels,
                            int y, int first) {
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
      gather<kOrdinary>(index, features + first, channels, y, x, mean);
      for (int v = 0; v < kVectors; ++v) {
        kStream ? stream(to + v * lanes<V>, mean[v]) : store(to + v * lanes<V>, mean[v]);
      }
    }
  }
  return first;
}

template <bool kOrdinary, bool kStream, class In, class Out>
void gather_row(const CellIndex& index, const In* features, Out* out, int channels, int y) {
  int done = 0;
  done = gather_channels<kOrdinary, Lanes, 4, kStream>(index, features, out, channels, y, done);
  done = gather_channels<kOrdinary, Lanes, 2, kStream>(index, features, out, channels, y, done);
  done = gather_channels<kOrdinary, Lanes, 1, kStream>(index, features, out, channels, y, done);
  done = gather_channels<kOrdinary, float, 4, false>(index, features, out, channels, y, done);
  done = gather_channels<kOrdinary, float, 3, false>(index, features, out, channels, y, done);
  gather_channels<kOrdinary, float, 1, false>(index, features, out, channels, y, done);
}

template <bool kOrdinary, class In, class Out>
void gather_rows(const CellIndex& index, const In* features, Out* out, int channels, int threads) {
  const Index row_size = static_cast<Index>(index.width) * channels;
  const int rows = index.last_row - index.first_row;
  const Index step = index.width < kChunkPixels ? kChunkPixels / index.width : 1;
  const bool is_aligned = reinterpret_cast<uintptr_t>(out) % sizeof(Lanes) == 0 &&
                          channels % lanes<Lanes> == 0;
  parallel(chunks_of(rows, step), threads, [&](Index chunk) {
    for (Index y = chunk * step; y < smaller(rows, (chunk + 1) * step); ++y) {
      if (is_aligned) {
        gather_row<kOrdinary, true>(index, features, out + y * row_size, channels, static_cast<int>(y));
      } else {
        gather_row<kOrdinary, false>(index, features, out + y * row_size, channels, static_cast<int>(y));
      }
    }
  });
}

template <class In, class Out>
void gather_all(const CellIndex& index, bool is_ordinary, const In* features, Out* out,
                int channels, int threads) {
  if (is_ordinary) {
    gather_rows<true>(index, features, out, channels, threads);
  } else {
    gather_rows<false>(index, features, out, channels, threads);
  }
}

}  // namespace

SW_EXPORT(splat)
(const void* features, int is_half, const float* motion, const float* weight, void* out,
 int is_out_half, void* workspace, int height, int width, int channels, int first_row, int last_row,
 int threads) {
  const Work work = place(workspace, CellIndex{motion, weight, nullptr, nullptr, nullptr, nullptr,
                                               height, width, first_row, last_row});
  const Index step = width < kChunkPixels ? kChunkPixels / width : 1;
  int is_refused = 0, is_unusual = 0;
  parallel(chunks_of(height, step), threads, [&](Index chunk) {
    for (Index y = chunk * step; y < smaller(height, (chunk + 1) * step); ++y) {
      const Index row = y * width;
      const bool is_good = all_finite(motion + 2 * row, 2 * width) && all_finite(weight + row, width);
      if (!is_good) __atomic_store_n(&is_refused, 1, __ATOMIC_RELAXED);
      if (!all_ordinary(weight + row, width)) __atomic_store_n(&is_unusual, 1, __ATOMIC_RELAXED);
      classify_row(work, static_cast<int>(y));
    }
  });
  if (is_refused) return kNonFinite;
  sort_by_cell(work, threads);
  const CellIndex& index = work.index;
  const auto* halves = static_cast<const Half*>(features);
  const auto* floats = static_cast<const float*>(features);
  auto* out_halves = static_cast<Half*>(out);
  auto* out_floats = static_cast<float*>(out);
  if (is_half && is_out_half) gather_all(index, !is_unusual, halves, out_halves, channels, threads);
  if (is_half && !is_out_half) gather_all(index, !is_unusual, halves, out_floats, channels, threads);
  if (!is_half && is_out_half) gather_all(index, !is_unusual, floats, out_halves, channels, threads);
  if (!is_half && !is_out_half) gather_all(index, !is_unusual, floats, out_floats, channels, threads);
  return kSuccess;
}
