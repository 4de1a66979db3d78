// Threads that wait asleep and take numbered chunks of work as they come free.
//
// Which thread runs a chunk is left to chance, so a chunk must depend on nothing but its number:
// then the bits are the same at any thread count.
#pragma once

#include <stdint.h>

using StillwaveTask = void (*)(const void* context, int64_t chunk);

// Runs task(context, 0 .. chunks - 1) on at most `threads` threads, this one included, and returns
// when all are done. Threads start at first need and stay. Where the pool is busy with another
// caller, or threads cannot be had, this thread does the work alone.
void stillwave_parallel(StillwaveTask task, const void* context, int64_t chunks, int threads);

// `body(chunk)` for every chunk; `body` is any callable and outlives the call.
template <class Body>
static inline void parallel(int64_t chunks, int threads, const Body& body) {
  const StillwaveTask task = [](const void* context, int64_t chunk) {
    (*static_cast<const Body*>(context))(chunk);
  };
  stillwave_parallel(task, &body, chunks, threads);
}
