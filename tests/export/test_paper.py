"""The paper's preset, narrow and shallow: every network exported, the bundle opened, a frame rendered."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from stillwave.export import writer
from stillwave.export.networks import networks_of, random_weights, without_batch_norms
from stillwave.export.reach import reach_rows
from stillwave.export.writer import write_bundle
from stillwave.model.resnet import ResNet34
from stillwave.runtime import Animator


@pytest.mark.slow
def test_a_bundle_from_export_to_frame(tmp_path, monkeypatch, narrow, narrow_weights, narrow_graphs) -> None:
    monkeypatch.setattr(writer, "graph_from_network", lambda n: onnx.load_from_string(narrow_graphs[n.name]))
    manifest = write_bundle(tmp_path / "paper", narrow, narrow_weights, {"weights": "random"})
    assert min(manifest.provenance["parity_db"].values()) > 60
    assert (manifest.latent_stride, manifest.render.feature_multiple) == (4, 32)
    assert manifest.render.halo == 128
    photo = np.random.default_rng(0).integers(0, 256, (90, 150, 3), np.uint8)
    with Animator(tmp_path / "paper", "cpu", "1GiB") as animator, animator.analyze(photo, steps=1) as scene:
        assert scene.spectral_volume.shape == (16, 4, 154, 256)
        frame = scene.frame(40.0)
    assert frame.shape == photo.shape
    assert frame.std() > 10


def test_the_whole_trunk_sees_far(narrow) -> None:
    """899 rows across, which its strides round to 15 cells of 32 on either side."""
    pyramid = next(n for n in networks_of(narrow, random_weights(narrow)) if n.name == "pyramid")
    assert reach_rows(pyramid) == 480


def test_batch_norms_go_into_the_convolutions_before_them() -> None:
    torch.manual_seed(0)
    trunk, photo = ResNet34().eval(), torch.rand(1, 3, 64, 96)
    norms = [module for module in trunk.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.uniform_(norm.running_mean, -0.1, 0.1)
        nn.init.uniform_(norm.running_var, 0.5, 2)
    folded = without_batch_norms(trunk)
    assert norms
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    with torch.no_grad():
        for got, want in zip(folded(photo), trunk(photo), strict=True):
            torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-4)
