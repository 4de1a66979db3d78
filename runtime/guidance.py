"""A loop's guide: where to move a predicted x_0 so that its motion closes (paper eq. 5), without autograd.

The loss is L = |F_L - F_0| + |F'_L - F'_0|, of the volume as it would be used: coherent, calibrated, and
begun where it will begin. Its gradient by the volume is in closed form; from there to the latents leads a
network of the bundle, the decoder's gradient.
"""

import numpy as np

from . import spectrum
from .budget import DECODER_BATCH, GRADIENT_BATCH
from .engine import Engine
from .interpolation import interpolated
from .loops import ends_apart
from .rhythm import Double, natural_turns
from .spectrum import Float


class LoopGuide:
    """Called by the sampler with x_0 (K-1, 4, h, w), returns what to add to it.

    decoder, gradient  engines, the caller's
    guide              (1, Cg, Hg, Wg), the photo's for the decoder
    amplitude          (K-1, h, w) expected, see `spectrum.calibrate`
    scales             (K,) px
    num_frames         T of the motion
    loop_frames        after so many of them it should close
    """

    def __init__(
        self, decoder: Engine, gradient: Engine, guide: Float, amplitude: Float, scales: Float, num_frames: int,
        loop_frames: float,
    ):  # fmt: skip
        self.decoder, self.gradient, self.guide, self.amplitude = decoder, gradient, guide, amplitude
        self.num_frames, self.loop_frames = num_frames, loop_frames
        # of a squared coefficient, px of the coarse grid
        self.scales = scales[1:, None, None, None] * np.float32(
            max(guide.shape[2:]) / spectrum.REFERENCE_SIDE / spectrum.COARSE
        )
        self.ends = ends_apart(natural_turns(len(scales), num_frames), loop_frames)
        self._coefficients = np.empty((len(scales) - 1, 4, *guide.shape[2:]), np.float32)

    def __call__(self, x_0: Float) -> Float:
        """A step down the gradient, by Polyak's rule: as long as would end at L = 0 if L were linear."""
        field = self._field(x_0)
        gains = spectrum.calibration(field, self.amplitude)
        field[1:] *= gains
        begun = spectrum.starting_frame(field, self.num_frames, self.loop_frames) / self.num_frames
        loss, slope = apart(spectrum.advance(field, begun), self.ends)
        slope = spectrum.advance(slope, -begun)  # a rotation backwards is its inverse
        gradient = self._gradient(x_0, slope[1:] * gains)
        gradient *= np.float32(-loss / max(float((gradient**2).sum()), 1e-12))
        return gradient

    def _field(self, x_0: Float) -> Float:
        """The coherent volume that x_0 decodes to, px of a grid COARSE times as coarse: (K, 4, Hg / COARSE, ...)."""
        rows, columns = (side // spectrum.COARSE for side in self.guide.shape[2:])
        field = np.zeros((len(x_0) + 1, 4, rows, columns), np.float32)
        for part in parts(len(x_0), DECODER_BATCH):
            coefficients = self._coefficients[part]
            self.decoder.bind(latents=x_0[part], guide=self.guide, coefficients=coefficients)
            self.decoder.run()
            field[1:][part] = spectrum.coherent(coefficients * np.abs(coefficients))
        field[1:] *= self.scales
        return field

    def _gradient(self, x_0: Float, slope: Float) -> Float:
        """The slope by `_field`'s rows 1..K-1 as one by x_0."""
        gradient = np.empty_like(x_0)
        slope = slope * self.scales
        for part in parts(len(x_0), GRADIENT_BATCH):
            by_slices = spread(slope[part], *self.guide.shape[2:])
            by_slices *= 2 * np.abs(self._coefficients[part])
            self.gradient.bind(latents=x_0[part], guide=self.guide, slope=by_slices, gradient=gradient[part])
            self.gradient.run()
        return gradient


def apart(volume: Float, ends: Double) -> tuple[float, Float]:
    """How far a motion is from closing, L summed over cells, and the slope of L by the volume (K, 4, h, w)."""
    K, _, h, w = volume.shape
    weights = ends.reshape(2, K, 2)
    differences = np.einsum("nkc,kxchw->nxhw", weights, volume.reshape(K, 2, 2, h, w))
    slope = np.einsum("nkc,nxhw->kxchw", weights, np.sign(differences)).reshape(volume.shape)
    return float(np.abs(differences).sum()), slope.astype(np.float32)


def spread(slope: Float, height: int, width: int) -> Float:
    """The transposed map of `spectrum.coherent`, edges apart: a slope on its grid -> one on height x width."""
    together = spectrum.blur(slope, spectrum.COHERENCE / spectrum.COARSE)
    return interpolated(together, height, width) / np.float32(spectrum.COARSE**2)


def parts(count: int, batch: int) -> list[slice]:
    return [slice(i, i + batch) for i in range(0, count, batch)]
