// The cell index on the device: count, scan, fill, sort. Counting uses integer atomics, whose
// result has no order; each cell is then sorted by source, so the index equals the host's bit for
// bit.
#pragma once

#include "index.h"
#include "launch_cuda.h"

namespace {

constexpr int kScanTile = 1024;
constexpr int kNonFinite = 1, kUnusual = 2;  // bits of the flags

struct DeviceIndex {
  CellIndex index;
  int* tile_sums;
  int* flags;
};

__global__ void classify_sources(DeviceIndex device) {
  const CellIndex& index = device.index;
  const Index source = thread_number();
  if (source >= static_cast<Index>(index.height) * index.width) return;
  const float dx = index.motion[2 * source], dy = index.motion[2 * source + 1];
  const float weight = index.weight[source];
  if (!(is_finite(dx) & is_finite(dy) & is_finite(weight))) atomicOr(device.flags, kNonFinite);
  if (!is_ordinary(weight)) atomicOr(device.flags, kUnusual);
  const int y = static_cast<int>(source / index.width), x = static_cast<int>(source % index.width);
  const int cell = cell_of(index, y, x, dx, dy);
  index.cells[source] = cell;
  if (cell >= 0) atomicAdd(index.starts + 1 + cell, 1);
}

// Exclusive sum of the values that the threads of a block hold; `total` is the sum of all.
SW_BODY int block_scan(int value, int* total) {
  __shared__ int sums[2][kScanTile];
  int from = 0;
  sums[from][threadIdx.x] = value;
  __syncthreads();
  for (unsigned step = 1; step < kScanTile; step *= 2) {
    int sum = sums[from][threadIdx.x];
    if (threadIdx.x >= step) sum += sums[from][threadIdx.x - step];
    from = 1 - from;
    sums[from][threadIdx.x] = sum;
    __syncthreads();
  }
  *total = sums[from][kScanTile - 1];
  const int before = sums[from][threadIdx.x] - value;
  __syncthreads();
  return before;
}

// Each block scans one tile of counts in place and keeps its sum.
__global__ void scan_tiles(int* counts, int num_cells, int* tile_sums) {
  const int cell = static_cast<int>(blockIdx.x) * kScanTile + static_cast<int>(threadIdx.x);
  int total;
  const int before = block_scan(cell < num_cells ? counts[cell] : 0, &total);
  if (cell < num_cells) counts[cell] = before;
  if (threadIdx.x == 0) tile_sums[blockIdx.x] = total;
}

// One block scans the sums of all tiles in place.
__global__ void scan_sums(int* tile_sums, int num_tiles) {
  int before_all = 0;
  for (int first = 0; first < num_tiles; first += kScanTile) {
    const int tile = first + static_cast<int>(threadIdx.x);
    int total;
    const int before = block_scan(tile < num_tiles ? tile_sums[tile] : 0, &total);
    if (tile < num_tiles) tile_sums[tile] = before_all + before;
    before_all += total;
  }
}

__global__ void add_sums(int* counts, int num_cells, const int* tile_sums) {
  const int cell = static_cast<int>(blockIdx.x) * kScanTile + static_cast<int>(threadIdx.x);
  if (cell < num_cells) counts[cell] += tile_sums[blockIdx.x];
}

__global__ void fill_cells(CellIndex index) {
  const Index source = thread_number();
  if (source >= static_cast<Index>(index.height) * index.width) return;
  const int cell = index.cells[source];
  if (cell >= 0) index.order[atomicAdd(index.starts + 1 + cell, 1)] = static_cast<int>(source);
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

// One thread a cell: sorts its sources and computes what they give.
__global__ void finish_cells(CellIndex index) {
  const Index cell = thread_number();
  if (cell >= index.num_cells()) return;
  const int begin = index.starts[cell], end = index.starts[cell + 1];
  sort_sources(index.order + begin, end - begin);
  for (int entry = begin; entry < end; ++entry) {
    const Index source = index.order[entry];
    const int y = static_cast<int>(source / index.width),
              x = static_cast<int>(source % index.width);
    index.shares[entry] = share_of(y, x, index.motion[2 * source], index.motion[2 * source + 1],
                                   index.weight[source]);
  }
}

inline int build_index(const DeviceIndex& device, cudaStream_t stream) {
  const CellIndex& index = device.index;
  const Index pixels = static_cast<Index>(index.height) * index.width;
  const int num_cells = index.num_cells();
  const int num_tiles = (num_cells + kScanTile - 1) / kScanTile;
  const size_t starts_bytes = sizeof(int) * (static_cast<size_t>(num_cells) + 1);
  cudaError_t status = cudaMemsetAsync(index.starts, 0, starts_bytes, stream);
  if (status == cudaSuccess) status = cudaMemsetAsync(device.flags, 0, sizeof(int), stream);
  if (status != cudaSuccess) return static_cast<int>(status);
  int* counts = index.starts + 1;
  classify_sources<<<blocks_for(pixels), kThreads, 0, stream>>>(device);
  scan_tiles<<<num_tiles, kScanTile, 0, stream>>>(counts, num_cells, device.tile_sums);
  scan_sums<<<1, kScanTile, 0, stream>>>(device.tile_sums, num_tiles);
  add_sums<<<num_tiles, kScanTile, 0, stream>>>(counts, num_cells, device.tile_sums);
  fill_cells<<<blocks_for(pixels), kThreads, 0, stream>>>(index);
  finish_cells<<<blocks_for(num_cells), kThreads, 0, stream>>>(index);
  return launch_status();
}

}  // namespace
