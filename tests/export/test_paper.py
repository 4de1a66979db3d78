"""The paper's preset, narrow and shallow: every network exported, the bundle opened, a frame rendered."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stillwave.export.networks import networks_of, random_weights
from stillwave.export.reach import reach_rows
from stillwave.export.writer import write_bundle
from stillwave.model import resnet
from stillwave.model.presets import PAPER
from stillwave.runtime import Animator

NARROW = replace(
    PAPER,
    autoencoder_channels=(16, 16, 32),
    denoiser_channels=(16, 32, 32),
    denoiser_blocks=1,
    denoiser_attention=(False, True, True),
    pyramid_channels=(16, 16, 32),
)
SHALLOW = tuple((channels, 1, stride) for channels, _, stride in resnet.STAGES)


@pytest.mark.slow
def test_a_bundle_from_export_to_frame(tmp_path, monkeypatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(resnet, "STAGES", SHALLOW)
    manifest = write_bundle(tmp_path / "paper", NARROW, random_weights(NARROW), {"weights": "random"})
    assert min(manifest.provenance["parity_db"].values()) > 60
    assert (manifest.latent_stride, manifest.render.feature_multiple) == (4, 32)
    assert manifest.render.halo == 128
    photo = np.random.default_rng(0).integers(0, 256, (90, 150, 3), np.uint8)
    with Animator(tmp_path / "paper", "cpu", "1GiB") as animator, animator.analyze(photo, steps=1) as scene:
        assert scene.spectral_volume.shape == (16, 4, 154, 256)
        frame = scene.frame(40.0)
    assert frame.shape == photo.shape
    assert frame.std() > 10


def test_the_whole_trunk_sees_far() -> None:
    """899 rows across, which its strides round to 15 cells of 32 on either side."""
    pyramid = next(n for n in networks_of(NARROW, random_weights(NARROW)) if n.name == "pyramid")
    assert reach_rows(pyramid) == 480
