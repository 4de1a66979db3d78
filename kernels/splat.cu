// CUDA kernels of the splat, of all levels of a pyramid at once, in this order: `starts` cleared,
// splat_move, splat_sum, splat_scan, splat_fill, splat_sort, splat_gather. Weights are ordinary
// (index.h): the renderer's are 0 to 3.
#include "index_cuda.h"
#include "resize.cu"
#include "splat.h"

namespace {

// One pixel and vector of 8 channels.
template <class Out>
SW_BODY void gather_vector(const Pyramid& p, const Level& level, int pixel, int channel) {
  Pack<8> mean[1];
  gather<true>(index_of(p, level), level.features + channel, level.channels, level.cover,
               pixel / level.width, pixel % level.width, mean);
  store(static_cast<Out*>(level.out) + static_cast<Index>(pixel) * level.channels + channel,
        mean[0]);
}

}  // namespace

// One thread a source: its motion, from the grid's, and the cell it lands in, counted.
SW_KERNEL(splat_move, Pyramid) {
  const Pyramid& p = argument;
  const int item = static_cast<int>(thread_number());
  if (item >= p.num_sources) return;
  const Level& level = p.level[level_of(p, &Level::first_source, item)];
  const int source = item - level.first_source;
  const int y = source / level.width, x = source % level.width;
  const float* grid =
      p.grids + static_cast<Index>(2 * p.choice->motion) * p.grid_height * p.grid_width;
  const Taps columns = taps_at(x, p.grid_width, level.width);
  const Taps rows = taps_at(y, p.grid_height, level.height);
  const float scale_x = static_cast<float>(static_cast<double>(level.width) / p.grid_width);
  const float scale_y = static_cast<float>(static_cast<double>(level.height) / p.grid_height);
  const Cell<2> motion = resized<2>(grid, p.grid_height, p.grid_width, rows, columns);
  const float dx = scale_x * motion.channel[0], dy = scale_y * motion.channel[1];
  reinterpret_cast<float2*>(level.motion)[source] = make_float2(dx, dy);
  if (item < p.level[0].height * p.level[0].width) {
    p.activity[item] = p.activity_map[item] * p.choice->liveliness;
  }
  const int cell = cell_of(index_of(p, level), y, x, dx, dy);
  p.cells[item] = cell < 0 ? cell : level.first_cell + cell;
  if (cell >= 0) atomicAdd(p.starts + 1 + level.first_cell + cell, 1);
}

// One block a tile of cells: its number of sources.
SW_BLOCK_KERNEL(splat_sum, Pyramid) {
  const Pyramid& p = argument;
  const int first = static_cast<int>(thread_number()) * kScanItems;
  int total;
  block_scan(counts_at(p.starts + 1, first, p.num_cells).sum, &total);
  if (threadIdx.x == 0) p.tile_sums[blockIdx.x] = total;
}

// One block a tile of cells: counts become where each cell starts.
SW_BLOCK_KERNEL(splat_scan, Pyramid) {
  const Pyramid& p = argument;
  int earlier = 0, before_tile, tile_total;
  for (unsigned tile = threadIdx.x; tile < blockIdx.x; tile += kThreads)
    earlier += p.tile_sums[tile];
  block_scan(earlier, &before_tile);
  const int first = static_cast<int>(thread_number()) * kScanItems;
  int* counts = p.starts + 1;
  const Counts found = counts_at(counts, first, p.num_cells);
  int start = before_tile + block_scan(found.sum, &tile_total);
  Counts starts;
  SW_UNROLL
  for (int i = 0; i < kScanItems; ++i) {
    starts.of[i] = start;
    start += found.of[i];
  }
  write_counts(counts, first, p.num_cells, starts);
}

// One thread a source: its place in its cell, in any order. Afterwards starts[c + 1] is the end of
// c.
SW_KERNEL(splat_fill, Pyramid) {
  const Pyramid& p = argument;
  const int item = static_cast<int>(thread_number());
  if (item >= p.num_sources) return;
  const int cell = p.cells[item];
  if (cell < 0) return;
  const int first_source = p.level[level_of(p, &Level::first_source, item)].first_source;
  p.order[atomicAdd(p.starts + 1 + cell, 1)] = item - first_source;
}

// One thread a cell: its sources in order, and what they give.
SW_KERNEL(splat_sort, Pyramid) {
  const Pyramid& p = argument;
  const int cell = static_cast<int>(thread_number());
  if (cell >= p.num_cells) return;
  const Level& level = p.level[level_of(p, &Level::first_cell, cell)];
  const int begin = p.starts[cell], end = p.starts[cell + 1];
  if (end - begin > 1) sort_sources(p.order + begin, end - begin);
  for (int entry = begin; entry < end; ++entry) {
    const int source = p.order[entry];
    const float2 motion = reinterpret_cast<const float2*>(level.motion)[source];
    const Share share = share_of(source / level.width, source % level.width, motion.x, motion.y,
                                 level.importance[source]);
    p.shares[entry] = share;
  }
}

// One thread a pixel and vector of channels, with 128-bit loads.
SW_KERNEL(splat_gather, Pyramid) {
  const Pyramid& p = argument;
  const int item = static_cast<int>(thread_number());
  if (item >= p.num_vectors) return;
  const Level& level = p.level[level_of(p, &Level::first_vector, item)];
  const int vectors = level.channels / 8, local = item - level.first_vector;
  const int pixel = local / vectors, channel = 8 * (local % vectors);
  if (p.is_out_half) return gather_vector<Half>(p, level, pixel, channel);
  gather_vector<float>(p, level, pixel, channel);
}
