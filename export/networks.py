"""What is exported: each network of the path, wrapped to the runtime's inputs, outputs and layout."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from stillwave.model.autoencoder import Autoencoder, SliceDecoder
from stillwave.model.denoiser import Denoiser
from stillwave.model.image_encoder import ImageEncoder
from stillwave.model.presets import Preset
from stillwave.model.renderer import FeaturePyramid, Renderer, Synthesis
from stillwave.model.train.run import load_average
from stillwave.runtime.engine import Dimension, shape_at

Shape = tuple[Dimension, ...]


@dataclass(frozen=True)
class Network:
    """One module and the names and symbolic shapes of what goes in and out, all float32.

    `reference` gives the symbols at the size the shipped networks are measured at.
    """

    name: str
    module: nn.Module
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    reference: Mapping[str, int]

    def __post_init__(self) -> None:
        self.module.eval()

    def example(self, sizes: Mapping[str, int], seed: int = 0) -> dict[str, Tensor]:
        """Inputs in the range each sees in use."""
        generator = torch.Generator().manual_seed(seed)
        draw = {"photo": torch.rand, "still": torch.rand, "activity": torch.rand}
        inputs = {
            n: draw.get(n, torch.randn)(shape_at(s, sizes), generator=generator)
            for n, s in self.inputs.items()
        }
        if "timestep" in inputs:
            inputs["timestep"] = torch.tensor([499.0])
        return inputs


class LatentDecoder(nn.Module):
    """Whitened latents, as the denoiser makes them -> normalised slices."""

    def __init__(self, decoder: SliceDecoder, mean: Tensor, std: Tensor):
        super().__init__()
        self.decoder = decoder
        self.register_buffer("mean", mean.reshape(1, -1, 1, 1))
        self.register_buffer("std", std.reshape(1, -1, 1, 1))

    def forward(self, latents: Tensor, guide: Tensor) -> Tensor:
        return self.decoder(latents * self.std + self.mean, guide)


class ChannelsLastPyramid(nn.Module):
    """Photo (1, 3, H, W) -> levels (1, H_j, W_j, C_j), the layout splatting reads."""

    def __init__(self, pyramid: FeaturePyramid):
        super().__init__()
        self.pyramid = pyramid

    def forward(self, photo: Tensor) -> tuple[Tensor, ...]:
        return tuple(level.permute(0, 2, 3, 1) for level in self.pyramid(photo))


class ChannelsLastSynthesis(nn.Module):
    """Levels, motion and activity as splatting writes them, channels last -> frame (1, 3, H, W)."""

    def __init__(self, synthesis: Synthesis):
        super().__init__()
        self.synthesis = synthesis

    def forward(
        self,
        level0: Tensor,
        level1: Tensor,
        level2: Tensor,
        still: Tensor,
        motion: Tensor,
        activity: Tensor,
    ) -> Tensor:
        level0, level1, level2, motion, activity = (
            x.permute(0, 3, 1, 2) for x in (level0, level1, level2, motion, activity)
        )
        return self.synthesis(level0, level1, level2, still, motion, activity)


@dataclass(frozen=True)
class Weights:
    """The trained modules of a preset, with the statistics the runtime's numbers depend on."""

    image_encoder: ImageEncoder
    denoiser: Denoiser
    decoder: LatentDecoder
    renderer: Renderer
    scales: np.ndarray  # (K,) px


def trained_weights(preset: Preset, run: Path) -> Weights:
    """Averaged weights of every training stage in a run's folder."""
    image_encoder = load_average(run, "encoder", ImageEncoder(preset))
    denoiser = load_average(run, "denoiser", Denoiser(preset, image_encoder.condition_channels))
    decoder = load_average(run, "autoencoder", Autoencoder(preset)).decoder
    renderer = load_average(run, "renderer", Renderer(preset))
    with np.load(run / "whitening.npz") as whitening:
        mean, std = (torch.from_numpy(whitening[n]).float() for n in ("mean", "std"))
    return Weights(
        image_encoder,
        denoiser,
        LatentDecoder(decoder, mean, std),
        renderer,
        np.load(run / "scales.npy"),
    )


def random_weights(preset: Preset, seed: int = 0) -> Weights:
    """Weights that mean nothing, to measure time and memory; no layer is left at its initial zero."""
    torch.manual_seed(seed)
    image_encoder = ImageEncoder(preset)
    denoiser, decoder = (
        Denoiser(preset, image_encoder.condition_channels),
        Autoencoder(preset).decoder,
    )
    latents = preset.latent_channels
    modules = (
        image_encoder,
        denoiser,
        LatentDecoder(decoder, torch.zeros(latents), torch.ones(latents)),
        Renderer(preset),
    )
    for module in modules:
        module.eval().requires_grad_(False)
        for parameter in module.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.02)
    return Weights(*modules, scales=np.full(preset.num_frequencies, 0.3, np.float32))


def networks_of(preset: Preset, weights: Weights) -> tuple[Network, ...]:
    """Every network of a bundle, in the order the runtime uses them."""
    stride = preset.latent_stride
    cell, deepest = 32 // stride, 2 ** (len(preset.denoiser_channels) - 1)
    condition, latents = weights.image_encoder.condition_channels, preset.latent_channels
    multiple = weights.renderer.pyramid.multiple
    grid = {"h": 160 // 32, "w": 256 // 32}
    return (
        Network(
            "image_encoder",
            weights.image_encoder,
            {"photo": (1, 3, "64*h", "64*w")},
            {
                "condition": (1, condition, f"{cell}*h", f"{cell}*w"),
                "guide": (1, preset.guide_channels, "32*h", "32*w"),
            },
            grid,
        ),
        Network(
            "denoiser",
            weights.denoiser,
            {
                "latents": (preset.num_slices, latents, f"{deepest}*h", f"{deepest}*w"),
                "timestep": (1,),
                "condition": (1, condition, f"{deepest}*h", f"{deepest}*w"),
            },
            {"prediction": (preset.num_slices, latents, f"{deepest}*h", f"{deepest}*w")},
            {"h": 160 // stride // deepest, "w": 256 // stride // deepest},
        ),
        Network(
            "decoder",
            weights.decoder,
            {
                "latents": ("n", latents, "h", "w"),
                "guide": (1, preset.guide_channels, f"{stride}*h", f"{stride}*w"),
            },
            {"coefficients": ("n", 4, f"{stride}*h", f"{stride}*w")},
            {"n": 1, "h": 160 // stride, "w": 256 // stride},
        ),
        Network(
            "pyramid",
            ChannelsLastPyramid(weights.renderer.pyramid),
            {"photo": (1, 3, f"{multiple}*h", f"{multiple}*w")},
            _levels(preset, multiple),
            {"h": 288 // multiple, "w": 512 // multiple},
        ),
        Network(
            "synthesis",
            ChannelsLastSynthesis(weights.renderer.synthesis),
            {
                **_levels(preset, 4),
                "still": (1, 3, "4*h", "4*w"),
                "motion": (1, "4*h", "4*w", 2),
                "activity": (1, "4*h", "4*w", 1),
            },
            {"frame": (1, 3, "4*h", "4*w")},
            {"h": 288 // 4, "w": 512 // 4},
        ),
    )


def _levels(preset: Preset, multiple: int) -> dict[str, Shape]:
    """The feature pyramid of a frame whose sides are multiples of `multiple`, channels last."""
    sides = [multiple // 2**j for j in range(3)]
    return {
        f"level{j}": (1, f"{side}*h", f"{side}*w", c)
        for j, (side, c) in enumerate(zip(sides, preset.pyramid_channels, strict=True))
    }
