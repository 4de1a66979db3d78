// One step of the sampler, DDIM of second order (runtime/sampler.py), with classifier-free guidance
// (Ho and Salimans 2022): v <- u + guidance (v - u), where u is the unconditional prediction.
//
//   x_0 = cosine x - sine v;  x <- keep x + pull (x_0 + reach (x_0 - last x_0))
#pragma once

#include "vector.h"

namespace {

struct Step {
  float cosine, sine, reach, keep, pull, guidance;
};

template <class V>
SW_BODY V guided(V conditional, V unconditional, float guidance) {
  return unconditional + broadcast<V>(guidance) * (conditional - unconditional);
}

// `last` holds the x_0 of the step before; without one `reach` is 0 and what it holds is not used.
template <class V>
SW_BODY void denoise(const Step& step, V velocity, V* latents, V* last) {
  const V x_0 = broadcast<V>(step.cosine) * *latents - broadcast<V>(step.sine) * velocity;
  const V ahead = step.reach == 0.0f ? x_0 : x_0 + broadcast<V>(step.reach) * (x_0 - *last);
  *latents = broadcast<V>(step.keep) * *latents + broadcast<V>(step.pull) * ahead;
  *last = x_0;
}

}  // namespace
