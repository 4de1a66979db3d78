// CUDA kernel of a sampling step. Four values a thread.
#include "ddim.h"
#include "launch_cuda.h"

namespace {

struct Sampling {
  const float* velocity;
  const float* unconditional;  // or none
  float* latents;
  float* last;
  float* timestep;  // becomes next_timestep, for the network's next run
  Index count;
  Step step;
  float next_timestep;
};

// `load` reads past stores of the same kernel, which latents and last are subject to.
SW_BODY void load_written(const float* from, Pack<4>* value) {
  const float4 all = *reinterpret_cast<const float4*>(from);
  *value = Pack<4>{{all.x, all.y, all.z, all.w}};
}
SW_BODY void load_written(const float* from, float* value) { *value = *from; }

template <class V>
SW_BODY void denoise_at(const Sampling& s, Index i) {
  V velocity = load<V>(s.velocity + i);
  if (s.unconditional) {
    velocity = guided(velocity, load<V>(s.unconditional + i), s.step.guidance);
  }
  V latents, last;
  load_written(s.latents + i, &latents);
  load_written(s.last + i, &last);
  denoise(s.step, velocity, &latents, &last);
  store(s.latents + i, latents);
  store(s.last + i, last);
}

}  // namespace

SW_KERNEL(ddim, Sampling) {
  const Index thread = thread_number(), first = 4 * thread;
  if (thread == 0) *argument.timestep = argument.next_timestep;
  if (first + 4 <= argument.count) return denoise_at<Pack<4>>(argument, first);
  for (Index i = first; i < argument.count; ++i) denoise_at<float>(argument, i);
}
