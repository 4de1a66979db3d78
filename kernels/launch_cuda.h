// What the CUDA launchers share. A launcher takes device pointers, sizes and a stream, enqueues,
// and returns a cudaError_t as int: it allocates nothing and waits for nothing.
#pragma once

#include <cuda_runtime.h>

#include "portable.h"

#define SW_LAUNCHER extern "C" __attribute__((visibility("default"))) int

namespace {

constexpr int kThreads = 256;

inline unsigned blocks_for(Index items) {
  return static_cast<unsigned>((items + kThreads - 1) / kThreads);
}

SW_BODY Index thread_number() { return static_cast<Index>(blockIdx.x) * kThreads + threadIdx.x; }

inline int launch_status() { return static_cast<int>(cudaPeekAtLastError()); }

}  // namespace
