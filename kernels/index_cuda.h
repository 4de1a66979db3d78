// The cell index of a whole pyramid on the device: the levels' cells and sources follow each other,
// so one count, scan, fill and sort serve all. Counting uses integer atomics, whose result has no
// order; each cell is then sorted by source, so the index equals the host's bit for bit.
#pragma once

#include "choice.h"
#include "index.h"
#include "launch_cuda.h"
#include "vector.h"

namespace {

constexpr int kMaxLevels = 4;
constexpr int kScanItems = 16;                    // cells a thread scans
constexpr int kScanTile = kThreads * kScanItems;  // cells a block scans

struct Level {
  const Half* features;     // (height, width, channels)
  const float* importance;  // (height, width)
  float* motion;            // (height, width, 2) px, made from the grid's
  void* out;                // (height, width, channels) Half or float
  int height, width, channels;
  int first_source, first_cell, first_vector;  // of this level in the pyramid
  float cover;
};

struct Pyramid {
  Level level[kMaxLevels];
  const FrameChoice* choice;
  const float* grids;         // (n, grid_height, grid_width, 2) px, the motions of a pass
  const float* activity_map;  // of level 0
  float* activity;            // of level 0: the map times liveliness
  int* cells;                 // of every source, or -1
  int* starts;                // (num_cells + 1,); the second at a multiple of 16 bytes
  int* order;                 // of every entry: the source, counted in its level
  Share* shares;
  int* tile_sums;
  int num_levels, num_sources, num_cells, num_vectors;
  int grid_height, grid_width, is_out_half;
};

// The level that the item belongs to; `first` picks what is counted.
SW_BODY int level_of(const Pyramid& p, int Level::* first, int item) {
  int l = 0;
  while (l + 1 < p.num_levels && item >= p.level[l + 1].*first) ++l;
  return l;
}

// A level's part of the index.
SW_BODY CellIndex index_of(const Pyramid& p, const Level& level) {
  return CellIndex{level.motion,
                   level.importance,
                   p.cells + level.first_source,
                   p.starts + level.first_cell,
                   p.order,
                   p.shares,
                   level.height,
                   level.width,
                   0,
                   level.height};
}

// Sum of what the threads of a block hold, before this thread; `total` is of all.
SW_BODY int block_scan(int value, int* total) {
  __shared__ int sums[2][kThreads];
  int from = 0;
  sums[from][threadIdx.x] = value;
  __syncthreads();
  for (unsigned step = 1; step < kThreads; step *= 2) {
    int sum = sums[from][threadIdx.x];
    if (threadIdx.x >= step) sum += sums[from][threadIdx.x - step];
    from = 1 - from;
    sums[from][threadIdx.x] = sum;
    __syncthreads();
  }
  *total = sums[from][kThreads - 1];
  const int before = sums[from][threadIdx.x] - value;
  __syncthreads();
  return before;
}

// The counts of this thread's cells, `kScanItems` of a tile in a row; beyond the last they are 0.
struct Counts {
  int of[kScanItems];
  int sum;
};

SW_BODY Counts counts_at(const int* counts, int first, int num_cells) {
  Counts found;
  if (first + kScanItems <= num_cells) {
    SW_UNROLL
    for (int i = 0; i < kScanItems; i += 4) {
      const int4 four = *reinterpret_cast<const int4*>(counts + first + i);
      found.of[i] = four.x;
      found.of[i + 1] = four.y;
      found.of[i + 2] = four.z;
      found.of[i + 3] = four.w;
    }
  } else {
    SW_UNROLL
    for (int i = 0; i < kScanItems; ++i)
      found.of[i] = first + i < num_cells ? counts[first + i] : 0;
  }
  found.sum = 0;
  SW_UNROLL
  for (int i = 0; i < kScanItems; ++i) found.sum += found.of[i];
  return found;
}

SW_BODY void write_counts(int* counts, int first, int num_cells, const Counts& values) {
  if (first + kScanItems <= num_cells) {
    SW_UNROLL
    for (int i = 0; i < kScanItems; i += 4) {
      *reinterpret_cast<int4*>(counts + first + i) =
          int4{values.of[i], values.of[i + 1], values.of[i + 2], values.of[i + 3]};
    }
    return;
  }
  SW_UNROLL
  for (int i = 0; i < kScanItems; ++i) {
    if (first + i < num_cells) counts[first + i] = values.of[i];
  }
}

SW_BODY void sift_down(int* heap, int root, int size) {
  for (int child; (child = 2 * root + 1) < size; root = child) {
    if (child + 1 < size && heap[child + 1] > heap[child]) ++child;
    if (heap[root] >= heap[child]) return;
    const int larger = heap[child];
    heap[child] = heap[root];
    heap[root] = larger;
  }
}

// Heap sort: a cell holds one source as a rule, but a hostile motion may send all of them to one.
SW_BODY void sort_sources(int* sources, int size) {
  for (int root = size / 2 - 1; root >= 0; --root) sift_down(sources, root, size);
  for (int last = size - 1; last > 0; --last) {
    const int largest = sources[0];
    sources[0] = sources[last];
    sources[last] = largest;
    sift_down(sources, 0, last);
  }
}

}  // namespace
