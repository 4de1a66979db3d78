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

Work place(void* workspace, int height, int width, int first_row, int last_row) {
  const Index pixels = static_cast<Index>(height) * width;
  char* cursor = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(workspace) + 63) / 64 * 64);
  Work work;
  CellIndex& index = work.index;
  index.height = height;
  index.width = width;
  index.first_row = first_row;
  index.last_row = last_row;
  index.landings = take<Landing>(cursor, pixels);
  index.cells = take<int>(cursor, pixels);
  index.order = take<int>(cursor, pixels);
  work.ranges = take<RowRange>(cursor, height);
  index.starts = take<int>(cursor, index.num_cells() + 1);
  return work;
}

bool classify_row(const Classify& classify, int y, RowRange* range) {
  const CellIndex& index = classify.index;
  bool is_finite = true;
  for (int x = 0; x < index.width; ++x) is_finite &= classify(y, x);
  const int* cells = index.cells + static_cast<Index>(y) * index.width;
  int first = index.num_cells(), last = -1;
  for (int x = 0; x < index.width; ++x) {
    const int cell = cells[x];
    first = (cell >= 0) & (cell < first) ? cell : first;
    last = cell > last ? cell : last;
  }
  *range = RowRange{first / index.cell_columns(), last < 0 ? -1 : last / index.cell_columns()};
  return is_finite;
}

// Calls use(cell, source) for the sources that land in cells [first, last), in raster order.
template <class Use>
void for_sources(const Work& work, int first, int last, const Use& use) {
  const CellIndex& index = work.index;
  const int first_row = first / index.cell_columns(), last_row = (last - 1) / index.cell_columns();
  for (int y = 0; y < index.height; ++y) {
    if (work.ranges[y].first > last_row || work.ranges[y].last < first_row) continue;
    const int begin = y * index.width;
    for (int source = begin; source < begin + index.width; ++source) {
      const int cell = index.cells[source];
      if (cell >= first && cell < last) use(cell, source);
    }
  }
}

// A counting sort in bands of cells. Each thread owns a band and reads the rows that reach it.
void sort_by_cell(const Work& work, int threads) {
  const CellIndex& index = work.index;
  const int num_cells = index.num_cells();
  const Index bands = smaller(threads > 1 ? 2 * threads : 1, index.cell_rows());
  int totals[128];
  const auto bound = [&](Index band) {
    return static_cast<int>(index.cell_rows() * band / bands) * index.cell_columns();
  };
  int* cursor = index.starts + 1;
  parallel(bands, threads, [&](Index band) {
    for (int cell = bound(band); cell < bound(band + 1); ++cell) cursor[cell] = 0;
    int total = 0;
    for_sources(work, bound(band), bound(band + 1), [&](int cell, int) {
      ++cursor[cell];
      ++total;
    });
    totals[band] = total;
  });
  index.starts[0] = 0;
  parallel(bands, threads, [&](Index band) {
    int next = 0;
    for (Index before = 0; before < band; ++before) next += totals[before];
    for (int cell = bound(band); cell < bound(band + 1); ++cell) {
      const int count = cursor[cell];
      cursor[cell] = next;
      next += count;
    }
    // Afterwards cursor[cell] is the end of the cell, which is the start of the next.
    for_sources(work, bound(band), bound(band + 1),
                [&](int cell, int source) { index.order[cursor[cell]++] = source; });
  });
  (void)num_cells;
}

// Chunks of V, as many at once as fit in registers, from channel `first` on; returns where it ended.
template <class V, int kVectors, bool kStream, class In, class Out>
SW_BODY int gather_chunks(const CellIndex& index, const In* features, Out* out, int channels, int y,
                          int x, int first) {
  V mean[kVectors];
  for (; first + kVectors * lanes<V> <= channels; first += kVectors * lanes<V>) {
    gather<V, kVectors>(index, features + first, channels, y, x, mean);
    for (int v = 0; v < kVectors; ++v) {
      Out* to = out + first + v * lanes<V>;
      kStream ? stream(to, mean[v]) : store(to, mean[v]);
    }
  }
  return first;
}

template <bool kStream, class In, class Out>
void gather_row(const CellIndex& index, const In* features, Out* out, int channels, int y) {
  for (int x = 0; x < index.width; ++x, out += channels) {
    int done = 0;
    if (lanes<Lanes> < 16) {
      done = gather_chunks<Lanes, 8, kStream>(index, features, out, channels, y, x, done);
    }
    done = gather_chunks<Lanes, 4, kStream>(index, features, out, channels, y, x, done);
    done = gather_chunks<Lanes, 2, kStream>(index, features, out, channels, y, x, done);
    done = gather_chunks<Lanes, 1, kStream>(index, features, out, channels, y, x, done);
    done = gather_chunks<float, 4, false>(index, features, out, channels, y, x, done);
    gather_chunks<float, 1, false>(index, features, out, channels, y, x, done);
  }
}

template <class In, class Out>
void gather_rows(const CellIndex& index, const In* features, Out* out, int channels, int threads) {
  const Index row_size = static_cast<Index>(index.width) * channels;
  const int rows = index.last_row - index.first_row;
  const Index step = index.width < kChunkPixels ? kChunkPixels / index.width : 1;
  const bool is_aligned = reinterpret_cast<uintptr_t>(out) % sizeof(Lanes) == 0 &&
                          channels % lanes<Lanes> == 0;
  parallel(chunks_of(rows, step), threads, [&](Index chunk) {
    for (Index y = chunk * step; y < smaller(rows, (chunk + 1) * step); ++y) {
      if (is_aligned) {
        gather_row<true>(index, features, out + y * row_size, channels, static_cast<int>(y));
      } else {
        gather_row<false>(index, features, out + y * row_size, channels, static_cast<int>(y));
      }
    }
  });
}

}  // namespace

SW_EXPORT(splat)
(const void* features, int is_half, const float* motion, const float* weight, void* out,
 int is_out_half, void* workspace, int height, int width, int channels, int first_row, int last_row,
 int threads) {
  const Work work = place(workspace, height, width, first_row, last_row);
  const Classify classify{motion, weight, work.index};
  const Index step = width < kChunkPixels ? kChunkPixels / width : 1;
  int is_non_finite = 0;
  parallel(chunks_of(height, step), threads, [&](Index chunk) {
    for (Index y = chunk * step; y < smaller(height, (chunk + 1) * step); ++y) {
      if (!classify_row(classify, static_cast<int>(y), work.ranges + y)) {
        __atomic_store_n(&is_non_finite, 1, __ATOMIC_RELAXED);
      }
    }
  });
  if (is_non_finite) return kNonFinite;
  sort_by_cell(work, threads);
  const auto* halves = static_cast<const Half*>(features);
  const auto* floats = static_cast<const float*>(features);
  auto* out_halves = static_cast<Half*>(out);
  auto* out_floats = static_cast<float*>(out);
  if (is_half && is_out_half) gather_rows(work.index, halves, out_halves, channels, threads);
  if (is_half && !is_out_half) gather_rows(work.index, halves, out_floats, channels, threads);
  if (!is_half && is_out_half) gather_rows(work.index, floats, out_halves, channels, threads);
  if (!is_half && !is_out_half) gather_rows(work.index, floats, out_floats, channels, threads);
  return kSuccess;
}
