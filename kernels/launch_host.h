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

// Output this large is not in a cache when it is read again, so it may bypass them; streaming needs
// an aligned address.
inline bool can_stream(const void* out, Index bytes) {
  constexpr Index kStreamBytes = 4 << 20, kAlignment = 64;
  return bytes > kStreamBytes && reinterpret_cast<uintptr_t>(out) % kAlignment == 0;
}

inline Index chunks_of(Index count, Index size) { return (count + size - 1) / size; }
inline Index rows_in_chunk(Index width) { return width < kChunkPixels ? kChunkPixels / width : 1; }
inline Index smaller(Index a, Index b) { return a < b ? a : b; }

}  // namespace
