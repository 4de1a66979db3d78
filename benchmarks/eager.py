"""The same path in PyTorch eager: the same weights and numbers, written as well as PyTorch allows."""

from collections.abc import Iterator, Mapping
from types import TracebackType

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from torch import Tensor

from stillwave.export.networks import Network
from stillwave.kernels.reference import coefficients
from stillwave.model.renderer import Renderer
from stillwave.runtime import Animator, spectrum
from stillwave.runtime.engine import Array, TensorSpec, factor_and_symbol, shape_at
from stillwave.runtime.motion import REACH, WEIGHT_EXPONENT
from stillwave.runtime.photo import Pixels

PASS = 8  # frames whose motion one matrix product makes, as in the runtime


class EagerEngine:
    """A network as the runtime's `Engine`, for an input of the given shape."""

    def __init__(self, network: Network, input_name: str, shape: tuple[int, ...]):
        self._network, sizes = network, {}
        for dimension, size in zip(network.inputs[input_name], shape, strict=True):
            if isinstance(dimension, str):
                factor, symbol = factor_and_symbol(dimension)
                sizes[symbol] = size // factor
        self.inputs = tuple(TensorSpec(n, "float32", shape_at(s, sizes)) for n, s in network.inputs.items())
        self.outputs = tuple(TensorSpec(n, "float32", shape_at(s, sizes)) for n, s in network.outputs.items())

    def bind(self, **arrays: Array) -> None:
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        self._given = [tensors[name] for name in self._network.inputs]
        self._wanted = [tensors[name] for name in self._network.outputs]

    def run(self) -> None:
        made = self._network.module(*self._given)
        for want, tensor in zip(self._wanted, made if isinstance(made, tuple) else (made,), strict=True):
            want.copy_(tensor)

    def close(self) -> None: ...

    def __enter__(self) -> "EagerEngine":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None: ...


class EagerAnimator(Animator):
    """The runtime up to the spectral volume, its networks in PyTorch; the bundle gives the manifest only."""

    def __init__(self, bundle: str, networks: Mapping[str, Network], renderer: Renderer):
        super().__init__(bundle)
        self._networks, self._renderer = networks, renderer

    def eager_scene(self, pixels: Pixels, steps: int) -> "EagerScene":
        return EagerScene(self._renderer, pixels, self.predict(pixels, steps=steps), self.manifest.num_frames)

    def _engine(self, name: str, input_name: str, shape: tuple[int, ...]) -> EagerEngine:
        return EagerEngine(self._networks[name], input_name, shape)


class EagerScene:
    """Frames of one photo, whose motion is a spectral volume (K, 4, h, w) px."""

    def __init__(self, renderer: Renderer, pixels: Pixels, volume: npt.NDArray[np.float32], num_frames: int):
        self.synthesis, self.num_frames = renderer.synthesis, num_frames
        self.still = planes(pixels)
        K, _, h, w = volume.shape
        self.grid = h, w
        # rows Re S_0, Im S_0, Re S_1, ...; columns x of all pixels, then y
        self.volume = torch.from_numpy(volume).reshape(K, 2, 2, h * w).transpose(1, 2).reshape(2 * K, 2 * h * w)
        passes = (range(t, min(t + PASS, num_frames)) for t in range(0, num_frames, PASS))
        weight = sum(self.motions(times).norm(dim=1).sum(0) for times in passes)[None, None] / num_frames
        size = self.still.shape[2:]
        nearby = functional.max_pool2d(functional.pad(weight, (REACH,) * 4, mode="replicate"), 2 * REACH + 1, 1)
        activity = nearby * (spectrum.REFERENCE_SIDE / max(h, w))
        self.activity = functional.interpolate(activity, size, mode="bilinear")
        importance = (WEIGHT_EXPONENT / weight.max().clamp_min(1e-6)) * weight
        self.levels = []
        for level in renderer.pyramid(self.still):
            share = functional.interpolate(importance, level.shape[2:], mode="bilinear").exp()
            carried = torch.cat([level * share, share], 1).permute(0, 2, 3, 1)
            self.levels.append((level.shape[2:], carried.reshape(-1, level.shape[1] + 1)))

    def motions(self, times: range) -> Tensor:
        """Displacement on the grid: (n, 2, h, w) px."""
        basis = coefficients(np.asarray(times), self.num_frames, len(self.volume) // 2, anchor=True)
        return (torch.from_numpy(basis) @ self.volume).reshape(len(times), 2, *self.grid)

    def frames(self, count: int) -> Iterator[Pixels]:
        for first in range(0, count, PASS):
            for motion in self.motions(range(first, min(first + PASS, count))):
                yield self.frame(motion[None])

    def frame(self, motion: Tensor) -> Pixels:
        splatted = [splat(carried, resized(motion, size)) for size, carried in self.levels]
        frame = self.synthesis(*splatted, self.still, resized(motion, self.still.shape[2:]), self.activity)
        return (frame[0].permute(1, 2, 0).clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def splat(carried: Tensor, motion: Tensor) -> Tensor:
    """Softmax splatting with `index_add_` in rows, the fastest form in PyTorch on a CPU (kernels.py).

    carried  (H W, C + 1)   features times importance, then importance
    motion   (1, 2, H, W)   px
    returns  (1, C, H, W)   0 where nothing lands
    """
    H, W = motion.shape[2:]
    x = torch.arange(W) + motion[0, 0]
    y = torch.arange(H)[:, None] + motion[0, 1]
    left, top = x.floor(), y.floor()
    total = torch.zeros_like(carried)
    for to_y in (top, top + 1):
        for to_x in (left, left + 1):
            share = (1 - (x - to_x).abs()) * (1 - (y - to_y).abs())
            share = share * ((to_x >= 0) & (to_x < W) & (to_y >= 0) & (to_y < H))
            cell = (to_y.clamp(0, H - 1) * W + to_x.clamp(0, W - 1)).long()
            total.index_add_(0, cell.flatten(), carried * share.reshape(-1, 1))
    features = total[:, :-1] / total[:, -1:].clamp_min(1e-20)
    return features.reshape(1, H, W, -1).permute(0, 3, 1, 2)


def resized(motion: Tensor, size: torch.Size) -> Tensor:
    """Motion on another grid; bilinear, a cheaper filter than the runtime's."""
    scale = torch.tensor([size[1] / motion.shape[3], size[0] / motion.shape[2]]).reshape(1, 2, 1, 1)
    return functional.interpolate(motion, size, mode="bilinear") * scale


def planes(pixels: Pixels) -> Tensor:
    """(1, 3, H, W) 0..1."""
    return torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255
