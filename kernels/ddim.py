"""One step of the sampler."""

from __future__ import annotations

import numpy as np

from stillwave.kernels import _library, reference
from stillwave.kernels.checks import Float, readable, separate, writable


def ddim_step(
    velocity: Float,
    latents: Float,
    last: Float,
    cosine: float,
    sine: float,
    reach: float,
    keep: float,
    pull: float,
    *,
    unconditional: Float | None = None,
    guidance: float = 1.0,
    threads: int = 0,
) -> None:
    """x_0 = cosine x - sine v; x <- keep x + pull (x_0 + reach (x_0 - last x_0)), in place.

    velocity       float32, any shape; with `unconditional` u, of the same shape, it is u + guidance (v - u)
    latents        x, float32, of the same shape
    last           x_0 of the step before, becomes that of this one; not read where `reach` is 0
    """
    velocity = readable("velocity", velocity, (None,) * velocity.ndim, np.float32)
    for name, array in (("latents", latents), ("last", last)):
        writable(name, array, velocity.shape, np.float32)
        separate(name, array, velocity=velocity)
    separate("latents", latents, last=last)
    if unconditional is not None:
        unconditional = readable("unconditional", unconditional, velocity.shape, np.float32)
    step = np.array([cosine, sine, reach, keep, pull, guidance], np.float32)
    threads = _library.thread_count(threads)
    kernels = _library.kernels()
    if kernels is None:
        reference.ddim_step(velocity, latents, last, unconditional, step)
        return
    status = kernels.ddim(
        *(velocity.ctypes.data, None if unconditional is None else unconditional.ctypes.data),
        *(latents.ctypes.data, last.ctypes.data, velocity.size, step.ctypes.data, threads),
    )
    _library.check(status)
