"""What is exported: each network, wrapped to the runtime's inputs, outputs and layout."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from stillwave.model.autoencoder import Autoencoder, SliceDecoder
from stillwave.model.denoiser import Denoiser
from stillwave.model.image_encoder import ImageEncoder
from stillwave.model.presets import Preset
from stillwave.model.renderer import FeaturePyramid, Renderer, Synthesis
from stillwave.model.train.run import load_average
from stillwave.runtime.budget import DECODER_BATCH, GRADIENT_BATCH
from stillwave.runtime.engine import Dimension, shape_at

from .decoder_gradient import DecoderGradient

Shape = tuple[Dimension, ...]

UNIT_RANGE = {"photo", "still", "activity", "level0", "level1", "level2"}  # what is drawn from 0..1
GRID = (256, 160)  # width, height trained on
LARGEST_GRID = (320, 160)  # of those `network_grid` chooses among
GRID_MULTIPLE = 32
FRAME = (512, 288)  # width, height of the frame that rendering is measured at


@dataclass(frozen=True)
class Network:
    """One module, and the names and symbolic shapes of what goes in and out, all float32.

    reference  the symbols at the size that is checked on export
    largest    the symbols at the size whose memory is measured
    """

    name: str
    module: nn.Module
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    reference: Mapping[str, int]
    largest: Mapping[str, int]

    def __post_init__(self) -> None:
        self.module.eval()

    def example(self, sizes: Mapping[str, int]) -> dict[str, Tensor]:
        """Inputs in the range each has in use, the same at every call."""
        draw = torch.Generator().manual_seed(0)
        inputs = {}
        for name, shape in self.inputs.items():
            sample = torch.rand if name in UNIT_RANGE else torch.randn
            inputs[name] = sample(shape_at(shape, sizes), generator=draw)
        if "timestep" in inputs:
            inputs["timestep"].fill_(499)
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
        self, level0: Tensor, level1: Tensor, level2: Tensor, still: Tensor, motion: Tensor, activity: Tensor
    ) -> Tensor:
        levels = [level.permute(0, 3, 1, 2) for level in (level0, level1, level2)]
        return self.synthesis(*levels, still, motion.permute(0, 3, 1, 2), activity.permute(0, 3, 1, 2))


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
    image_encoder = trained_image_encoder(preset, run)
    scales = np.load(run / "scales.npy")[: preset.num_frequencies]
    stage = "distilled" if (run / "distilled.pt").exists() else "denoiser"
    denoiser = load_average(run, stage, Denoiser(preset, image_encoder.condition_channels))
    decoder = load_average(run, "autoencoder", Autoencoder(preset)).decoder
    renderer = load_average(run, "renderer", Renderer(preset))
    with np.load(run / "whitening.npz") as whitening:
        mean, std = (torch.from_numpy(whitening[n]).float() for n in ("mean", "std"))
    return Weights(image_encoder, denoiser, LatentDecoder(decoder, mean, std), renderer, scales)


def trained_image_encoder(preset: Preset, run: Path) -> ImageEncoder:
    """With the amplitude heads, which are a stage of their own."""
    image_encoder = load_average(run, "encoder", ImageEncoder(preset))
    load_average(run, "amplitude", image_encoder.amplitude)
    return image_encoder


def random_weights(preset: Preset, seed: int = 0) -> Weights:
    """Weights that mean nothing, to measure time and memory; no layer is left at its initial zero."""
    torch.manual_seed(seed)
    image_encoder = ImageEncoder(preset)
    denoiser = Denoiser(preset, image_encoder.condition_channels)
    nothing = torch.zeros(preset.latent_channels)
    decoder = LatentDecoder(Autoencoder(preset).decoder, nothing, nothing + 1)
    weights = Weights(image_encoder, denoiser, decoder, Renderer(preset), np.full(preset.num_frequencies, 0.3))
    for module in (image_encoder, denoiser, decoder, weights.renderer):
        for parameter in module.requires_grad_(False).parameters():
            if not parameter.any():
                parameter.normal_(0, 0.02)
    return weights


def networks_of(preset: Preset, weights: Weights) -> tuple[Network, ...]:
    """Every network of a bundle, in the order the runtime uses them."""
    return (
        image_encoder_network(preset, weights.image_encoder),
        *_predicting(preset, weights),
        *rendering_networks(preset, weights.renderer),
    )


def image_encoder_network(preset: Preset, image_encoder: ImageEncoder) -> Network:
    cells = GRID_MULTIPLE // preset.latent_stride  # latent cells of the smallest grid
    return Network(
        "image_encoder",
        without_batch_norms(image_encoder),
        {"photo": (1, 3, "64*h", "64*w")},
        {
            "condition": (1, image_encoder.condition_channels, f"{cells}*h", f"{cells}*w"),
            "guide": (1, preset.guide_channels, "32*h", "32*w"),
            "amplitude": (1, preset.num_slices, "4*h", "4*w"),
        },
        *_sides(GRID_MULTIPLE),
    )


def without_batch_norms(network: nn.Module) -> nn.Module:
    """A copy with every batch norm in the convolution before it; the exporter can't where convolutions run twice."""
    folded = copy.deepcopy(network).eval()
    for layers in folded.modules():
        if isinstance(layers, nn.Sequential):
            for i, norm in enumerate(layers):
                if isinstance(norm, nn.BatchNorm2d):
                    layers[i - 1], layers[i] = fuse_conv_bn_eval(layers[i - 1], norm), nn.Identity()
    return folded


def _predicting(preset: Preset, weights: Weights) -> Iterator[Network]:
    """The denoiser, and what decodes."""
    stride, channels, guides = preset.latent_stride, preset.latent_channels, preset.guide_channels
    condition = weights.image_encoder.condition_channels
    multiple = 2 ** (len(preset.denoiser_channels) - 1)
    noisy = (preset.num_slices, channels, f"{multiple}*h", f"{multiple}*w")
    yield Network(
        "denoiser",
        weights.denoiser,
        {"latents": noisy, "timestep": (1,), "condition": (1, condition, *noisy[2:])},
        {"prediction": noisy},
        *_sides(stride * multiple),
    )
    yield from _decoding(weights.decoder, ("n", channels, "h", "w"), guides, stride)


def _decoding(decoder: LatentDecoder, latents: Shape, guides: int, stride: int) -> Iterator[Network]:
    """The decoder, and its gradient."""
    rows, columns = _times(stride, "h"), _times(stride, "w")
    guide, slices = (1, guides, rows, columns), ("n", 4, rows, columns)
    sides = _sides(stride)
    yield Network(
        "decoder",
        decoder,
        {"latents": latents, "guide": guide},
        {"coefficients": slices},
        *({"n": DECODER_BATCH, **side} for side in sides),
    )
    yield Network(
        "decoder_gradient",
        DecoderGradient(decoder.decoder, decoder.mean, decoder.std),
        {"latents": latents, "guide": guide, "slope": slices},
        {"gradient": latents},
        *({"n": GRADIENT_BATCH, **side} for side in sides),
    )


def _sides(factor: int) -> tuple[dict[str, int], dict[str, int]]:
    """Symbols of a grid in cells of `factor`: the grid trained on, and the largest."""
    reference, largest = ({"h": h // factor, "w": w // factor} for w, h in (GRID, LARGEST_GRID))
    return reference, largest


def rendering_networks(preset: Preset, renderer: Renderer) -> Iterator[Network]:
    """Pyramid and synthesis."""
    multiple = renderer.pyramid.multiple
    pyramid, synthesis = ({"h": FRAME[1] // factor, "w": FRAME[0] // factor} for factor in (multiple, 4))
    yield Network(
        "pyramid",
        ChannelsLastPyramid(renderer.pyramid),
        {"photo": (1, 3, f"{multiple}*h", f"{multiple}*w")},
        _levels(preset, multiple),
        pyramid,
        pyramid,
    )
    yield Network(
        "synthesis",
        ChannelsLastSynthesis(renderer.synthesis),
        {
            **_levels(preset, 4),
            "still": (1, 3, "4*h", "4*w"),
            "motion": (1, "4*h", "4*w", 2),
            "activity": (1, "4*h", "4*w", 1),
        },
        {"frame": (1, 3, "4*h", "4*w")},
        synthesis,
        synthesis,
    )


def _levels(preset: Preset, multiple: int) -> dict[str, Shape]:
    """The feature pyramid of a frame whose sides are multiples of `multiple`, channels last."""
    levels: dict[str, Shape] = {}
    for j, channels in enumerate(preset.pyramid_channels):
        side = multiple // 2**j
        levels[f"level{j}"] = (1, _times(side, "h"), _times(side, "w"), channels)
    return levels


def _times(factor: int, symbol: str) -> str:
    return symbol if factor == 1 else f"{factor}*{symbol}"
