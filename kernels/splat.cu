// CUDA launcher of the splat. `flags` of the workspace (its first int) tell afterwards, bit 0,
// whether motion or weight were not finite; nothing is out of bounds then, but the result is
// incomplete.
#include "index_cuda.h"
#include "splat.h"

namespace {

template <class T>
T* take(char*& cursor, Index count) {
  T* taken = reinterpret_cast<T*>(cursor);
  cursor += (count * static_cast<Index>(sizeof(T)) + 255) / 256 * 256;
  return taken;
}

DeviceIndex place(char*& cursor, CellIndex index) {
  const Index pixels = static_cast<Index>(index.height) * index.width;
  const Index cells = static_cast<Index>(index.height + 1) * index.cell_columns();
  int* flags = take<int>(cursor, 1);
  index.shares = take<Share>(cursor, pixels);
  index.order = take<int>(cursor, pixels);
  index.cells = take<int>(cursor, pixels);
  index.starts = take<int>(cursor, cells + 1);
  return DeviceIndex{index, take<int>(cursor, cells / kScanTile + 1), flags};
}

// One thread a pixel and vector of channels.
template <class V, class In, class Out>
__global__ void gather_pixels(DeviceIndex device, const In* features, Out* out, int channels) {
  const CellIndex& index = device.index;
  const int vectors = channels / lanes<V>;
  const Index item = thread_number();
  const Index pixel = item / vectors;
  if (pixel >= static_cast<Index>(index.last_row - index.first_row) * index.width) return;
  const int channel = static_cast<int>(item % vectors) * lanes<V>;
  const int y = static_cast<int>(pixel / index.width), x = static_cast<int>(pixel % index.width);
  V mean[1];
  if (*device.flags & kUnusual) {
    gather<false>(index, features + channel, channels, y, x, mean);
  } else {
    gather<true>(index, features + channel, channels, y, x, mean);
  }
  store(out + pixel * channels + channel, mean[0]);
}

template <class V, class In, class Out>
void gather_all(const DeviceIndex& device, const In* features, Out* out, int channels,
                cudaStream_t stream) {
  const CellIndex& index = device.index;
  const Index pixels = static_cast<Index>(index.last_row - index.first_row) * index.width;
  const unsigned blocks = blocks_for(pixels * (channels / lanes<V>));
  gather_pixels<V><<<blocks, kThreads, 0, stream>>>(device, features, out, channels);
}

// 128-bit loads where the channels allow it.
template <class Out>
void gather_halves(const DeviceIndex& device, const Half* features, Out* out, int channels,
                   cudaStream_t stream) {
  if (channels % 8 == 0) return gather_all<Pack<8>>(device, features, out, channels, stream);
  gather_all<float>(device, features, out, channels, stream);
}

template <class Out>
void gather_floats(const DeviceIndex& device, const float* features, Out* out, int channels,
                   cudaStream_t stream) {
  if (channels % 4 == 0) return gather_all<Pack<4>>(device, features, out, channels, stream);
  gather_all<float>(device, features, out, channels, stream);
}

}  // namespace

// Workspace of a splat from (height, width); it must start at a multiple of 256 bytes.
extern "C" __attribute__((visibility("default"))) Index
stillwave_cuda_splat_workspace_bytes(int height, int width) {
  char* cursor = nullptr;
  place(cursor,
        CellIndex{nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, height, width, 0, height});
  return reinterpret_cast<Index>(cursor);
}

SW_LAUNCHER stillwave_cuda_splat(const void* features, int is_half, const float* motion,
                                 const float* weight, void* out, int is_out_half, void* workspace,
                                 int height, int width, int channels, int first_row, int last_row,
                                 cudaStream_t stream) {
  char* cursor = static_cast<char*>(workspace);
  const DeviceIndex device = place(cursor, CellIndex{motion, weight, nullptr, nullptr, nullptr,
                                                     nullptr, height, width, first_row, last_row});
  const int status = build_index(device, stream);
  if (status != static_cast<int>(cudaSuccess)) return status;
  const auto* halves = static_cast<const Half*>(features);
  const auto* floats = static_cast<const float*>(features);
  auto* out_halves = static_cast<Half*>(out);
  auto* out_floats = static_cast<float*>(out);
  if (is_half && is_out_half) gather_halves(device, halves, out_halves, channels, stream);
  if (is_half && !is_out_half) gather_halves(device, halves, out_floats, channels, stream);
  if (!is_half && is_out_half) gather_floats(device, floats, out_halves, channels, stream);
  if (!is_half && !is_out_half) gather_floats(device, floats, out_floats, channels, stream);
  return launch_status();
}
