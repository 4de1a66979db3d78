// The cell index on the host: classify, count, fill; each step in parallel, in workspace memory.
#pragma once

#include "index.h"
#include "launch_host.h"

namespace {

// Cell rows that the sources of a row of the picture land in, [first, last].
struct RowRange {
  int first, last;
};

// An index and what building it needs.
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

// Lays the index out in the workspace.
inline Work place(void* workspace, CellIndex index) {
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
inline bool all_finite(const float* values, int count) {
  uint32_t largest = 0;
  for (int i = 0; i < count; ++i) {
    const uint32_t bits = bits_from_float(values[i]) & 0x7fffffffu;
    largest = bits > largest ? bits : largest;
  }
  return largest < 0x7f800000u;
}

inline bool all_ordinary(const float* weights, int count) {
  int all = 1;
  for (int i = 0; i < count; ++i) all &= is_ordinary(weights[i]);
  return all != 0;
}

inline RowRange range_of(const CellIndex& index, const int* cells) {
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
inline void classify_row(const Work& work, int y) {
  const CellIndex index = work.index;  // a copy, so that stores to `cells` cannot change it
  const Index row = static_cast<Index>(y) * index.width;
  const float* motion = index.motion + 2 * row;
  int* cells = index.cells + row;
  for (int x = 0; x < index.width; ++x) {
    cells[x] = cell_of(index, y, x, motion[2 * x], motion[2 * x + 1]);
  }
  work.ranges[y] = range_of(index, cells);
}

// Calls use(y) for the source rows that reach the rows of cells [first, last), from the top.
template <class Use>
void for_rows(const Work& work, int first, int last, const Use& use) {
  const CellIndex& index = work.index;
  const int first_row = first / index.cell_columns(), last_row = (last - 1) / index.cell_columns();
  for (int y = 0; y < index.height; ++y) {
    if (work.ranges[y].first > last_row || work.ranges[y].last < first_row) continue;
    use(y);
  }
}

constexpr int kTile = 128;  // sources whose shares are computed before they are sorted
constexpr int kMaxBands = 128;

inline void count_row(const CellIndex& index, int y, int first, int last, int* counts) {
  const int* cells = index.cells + static_cast<Index>(y) * index.width;
  for (int x = 0; x < index.width; ++x) {
    if (cells[x] >= first && cells[x] < last) ++counts[cells[x]];
  }
}

inline void fill_row(const CellIndex& shared, int y, int first, int last, int* cursor) {
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
inline void sort_by_cell(const Work& work, int threads) {
  const CellIndex& index = work.index;
  const Index bands = smaller(threads > 1 ? smaller(2 * threads, kMaxBands) : 1, index.cell_rows());
  int totals[kMaxBands];
  const auto bound = [&](Index band) {
    return static_cast<int>(index.cell_rows() * band / bands) * index.cell_columns();
  };
  int* cursor = index.starts + 1;
  parallel(bands, threads, [&](Index band) {
    const int first = bound(band), last = bound(band + 1);
    for (int cell = first; cell < last; ++cell) cursor[cell] = 0;
    for_rows(work, first, last, [&](int y) { count_row(index, y, first, last, cursor); });
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
    for_rows(work, first, last, [&](int y) { fill_row(index, y, first, last, cursor); });
  });
}

// What was wrong or out of the ordinary with the motion and the weights.
struct Findings {
  int is_refused = 0;  // something is not finite; the index was not built
  int is_unusual = 0;  // some weight is not ordinary
};

inline Findings build_index(const Work& work, int threads) {
  const CellIndex& index = work.index;
  const int width = index.width;
  const Index step = rows_in_chunk(width);
  Findings findings;
  parallel(chunks_of(index.height, step), threads, [&](Index chunk) {
    for (Index y = chunk * step; y < smaller(index.height, (chunk + 1) * step); ++y) {
      const float *motion = index.motion + 2 * y * width, *weight = index.weight + y * width;
      const bool is_good = all_finite(motion, 2 * width) && all_finite(weight, width);
      if (!is_good) __atomic_store_n(&findings.is_refused, 1, __ATOMIC_RELAXED);
      if (!all_ordinary(weight, width)) __atomic_store_n(&findings.is_unusual, 1, __ATOMIC_RELAXED);
      classify_row(work, static_cast<int>(y));
    }
  });
  if (!findings.is_refused) sort_by_cell(work, threads);
  return findings;
}

}  // namespace
