"""The two families of networks as flat typed values; the same code builds both."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """Sizes of every network. Channel tuples run from the finest level to the coarsest."""

    name: str
    trunk: str  # image backbone: "mobilenet_v2" or "resnet34"
    segmenter: bool  # a DeepLab beside it
    condition_features: int  # learned channels of the condition, beside its predicted motion maps
    guide_channels: int  # image features at grid size that sharpen the decoder
    autoencoder_channels: tuple[int, ...]
    autoencoder_patch: int  # pixels folded into channels before the first level
    denoiser_channels: tuple[int, ...]
    denoiser_blocks: int  # residual blocks a level
    denoiser_attention: tuple[bool, ...]  # spatial attention at a level
    pyramid_trunk: str  # "plain" or "resnet34"
    pyramid_channels: tuple[int, int, int]  # at 1, 1/2 and 1/4 of the frame; the first four hold the photo
    synthesis_blocks: int  # convolutions a level that gates see the pyramid through, or none
    synthesis_filters: int  # of each colour, that gates mix
    latent_channels: int = 4
    num_frequencies: int = 16
    num_frames: int = 150

    @property
    def num_slices(self) -> int:
        """Frequencies the networks predict: k = 1..K-1, see runtime/spectrum.py."""
        return self.num_frequencies - 1

    @property
    def latent_stride(self) -> int:
        return self.autoencoder_patch * 2 ** (len(self.autoencoder_channels) - 1)


EDGE = Preset(
    name="edge",
    trunk="mobilenet_v2",
    segmenter=True,
    condition_features=32,
    guide_channels=16,
    autoencoder_channels=(24, 48, 64),
    autoencoder_patch=2,
    denoiser_channels=(48, 96, 160),
    denoiser_blocks=1,
    denoiser_attention=(False, True, True),
    pyramid_trunk="plain",
    pyramid_channels=(16, 4, 4),
    synthesis_blocks=0,
    synthesis_filters=8,
)

PAPER = Preset(
    name="paper",
    trunk="resnet34",
    segmenter=False,
    condition_features=16,
    guide_channels=16,
    autoencoder_channels=(128, 256, 512),
    autoencoder_patch=1,
    denoiser_channels=(128, 512, 1024),
    denoiser_blocks=2,
    denoiser_attention=(True, True, True),
    pyramid_trunk="resnet34",
    pyramid_channels=(32, 64, 128),
    synthesis_blocks=4,
    synthesis_filters=16,
)

PRESETS = {preset.name: preset for preset in (EDGE, PAPER)}
