"""The two families of networks, and the paper's ablations, as flat typed values; the same code builds all."""

from dataclasses import dataclass, replace

NORMALISATIONS = ("adaptive", "linear")
SLICES = ("coordinated", "independent", "one volume")


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
    latent_channels: int = 4
    num_frequencies: int = 16
    num_frames: int = 150
    normalisation: str = "adaptive"  # or "linear": one scale for all frequencies, no square root
    slices: str = "coordinated"  # or "independent", or "one volume" of all of them as channels

    def __post_init__(self) -> None:
        if self.normalisation not in NORMALISATIONS or self.slices not in SLICES:
            wanted = f"normalisation of {NORMALISATIONS} and slices of {SLICES}"
            raise ValueError(f"preset {self.name}: {wanted}, got {self.normalisation!r} and {self.slices!r}")

    @property
    def num_slices(self) -> int:
        """Frequencies the networks predict: k = 1..K-1, see runtime/spectrum.py."""
        return self.num_frequencies - 1

    @property
    def as_one_volume(self) -> "Preset":
        """The preset whose denoiser sees all slices' latents as channels of one."""
        return replace(self, latent_channels=self.latent_channels * self.num_slices, num_frequencies=2)

    @property
    def runs(self) -> bool:
        """Whether the runtime knows how to sample it: ablations that it doesn't are trained and measured only."""
        return self.normalisation == "adaptive" and self.slices != "one volume"

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
    pyramid_channels=(16, 8, 8),
    synthesis_blocks=0,
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
)

# Table 2 of the paper, at the sizes of `edge`. Splatting and the repeated photo: `stillwave evaluate video`.
ABLATIONS = (
    *(replace(EDGE, name=f"edge-k{K}", num_frequencies=K) for K in (4, 8, 24)),
    replace(EDGE, name="edge-linear", normalisation="linear"),
    replace(EDGE, name="edge-independent", slices="independent"),
    replace(EDGE, name="edge-volume", slices="one volume"),
)

PRESETS = {preset.name: preset for preset in (EDGE, PAPER, *ABLATIONS)}
