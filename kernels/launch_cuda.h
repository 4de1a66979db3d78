// What the CUDA kernels share. Every kernel takes one struct by value, which kernels/cuda.py
// mirrors, and runs in blocks of kThreads along one axis. None needs a host header, so that NVRTC
// can compile them where there is no toolkit.
#pragma once

#include "portable.h"

namespace {

constexpr int kThreads = 256;

}  // namespace

#ifndef SW_KERNEL  // tests/kernels/cuda_on_host.h runs kernels on the processor
#define SW_KERNEL(name, Argument)                        \
  extern "C" __global__ void __launch_bounds__(kThreads) \
      stillwave_##name(const __grid_constant__ Argument argument)
// One whose threads meet at a barrier.
#define SW_BLOCK_KERNEL(name, Argument) SW_KERNEL(name, Argument)
#endif

namespace {

SW_BODY Index thread_number() { return static_cast<Index>(blockIdx.x) * kThreads + threadIdx.x; }

}  // namespace
