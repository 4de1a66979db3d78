// Host launcher of a sampling step.
#include "ddim.h"

#include "launch_host.h"

namespace {

template <class V>
SW_BODY void denoise_at(const Step& step, const float* velocity, const float* unconditional,
                        float* latents, float* last, Index i) {
  V v = load<V>(velocity + i);
  if (unconditional) v = guided(v, load<V>(unconditional + i), step.guidance);
  V x = load<V>(latents + i), before = load<V>(last + i);
  denoise(step, v, &x, &before);
  store(latents + i, x);
  store(last + i, before);
}

}  // namespace

SW_EXPORT(ddim)
(const float* velocity, const float* unconditional, float* latents, float* last, Index count,
 const float* numbers, int threads) {
  const Step step{numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]};
  parallel(chunks_of(count, 8 * kChunkPixels), threads, [&](Index chunk) {
    const Index first = chunk * 8 * kChunkPixels, end = smaller(count, first + 8 * kChunkPixels);
    Index i = first;
    for (; i + lanes<Lanes> <= end; i += lanes<Lanes>) {
      denoise_at<Lanes>(step, velocity, unconditional, latents, last, i);
    }
    for (; i < end; ++i) denoise_at<float>(step, velocity, unconditional, latents, last, i);
  });
  return kSuccess;
}
