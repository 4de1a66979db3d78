// What the host launchers share: the exported name for this instruction set, and status codes.
#pragma once

#include "pool.h"
#include "portable.h"

#define SW_JOIN(name, isa) stillwave_##name##_##isa
#define SW_NAME(name, isa) SW_JOIN(name, isa)
#define SW_EXPORT(name) \
  extern "C" __attribute__((visibility("default"))) int SW_NAME(name, STILLWAVE_ISA)

namespace {

enum Status { kSuccess = 0, kNonFinite = 1 };

// Pixels in a chunk of work: about 20 us, so that threads end together and rarely meet.
constexpr Index kChunkPixels = 2048;

inline Index chunks_of(Index count, Index size) { return (count + size - 1) / size; }
inline Index smaller(Index a, Index b) { return a < b ? a : b; }

}  // namespace
