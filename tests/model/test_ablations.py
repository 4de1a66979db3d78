"""The paper's ablations build, and take a step of training, from the same samples."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from stillwave.export.__main__ import main as export
from stillwave.model.denoiser import Denoiser
from stillwave.model.image_encoder import ImageEncoder
from stillwave.model.presets import ABLATIONS, EDGE, PRESETS
from stillwave.model.train import autoencoder, denoiser, latents
from stillwave.model.train.pool import Pool, PoolError
from stillwave.runtime import spectrum

RNG = np.random.default_rng(0)
pytestmark = pytest.mark.usefixtures("one_thread")
NARROW = {"segmenter": False, "autoencoder_channels": (8, 8, 8), "denoiser_channels": (16, 16, 16)}


@pytest.fixture
def pool(tmp_path):
    """One sample of 24 frequencies, random but for its power, which falls."""
    folder = tmp_path / "pool"
    folder.mkdir()
    volume = RNG.normal(size=(24, 4, 160, 256)) * 10 ** (-0.06 * np.arange(24))[:, None, None, None]
    photo = RNG.integers(0, 256, (320, 512, 3), np.uint8)
    np.savez(folder / "000000.npz", photo=photo, volume=spectrum.anchor(volume).astype(np.float16))
    np.save(folder / "scales.npy", (2 * 10 ** (-0.06 * np.arange(24))).astype(np.float32))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("preset", ABLATIONS, ids=lambda p: p.name)
def test_a_step_of_every_stage(preset, pool, tmp_path, monkeypatch):
    narrow = replace(preset, **NARROW)
    monkeypatch.setitem(PRESETS, preset.name, narrow)
    run, shared = tmp_path / "run", ["--preset", preset.name, "--steps", "1"]
    run.mkdir()
    torch.manual_seed(0)
    torch.save({"average": ImageEncoder(narrow).state_dict()}, run / "encoder.pt")
    autoencoder.main([str(pool), "-o", str(run), *shared, "--batch", "1"])
    latents.main([str(pool), "-o", str(run), "--preset", preset.name])
    with np.load(run / "latents" / "000000.npz") as kept:
        assert kept["latents"].shape == (preset.num_frequencies - 1, 4, 20, 32)
    denoiser.main([str(run), *shared, "--photos", "2", "--slices", "1", "--coordination-steps", "1"])
    state = torch.load(run / "denoiser.pt", weights_only=True)
    assert state["step"] == 1
    whole = preset.slices == "one volume"
    assert state["average"]["latents_in.weight"].shape[1] == (4 * preset.num_slices if whole else 4)
    # zero at first; coordination alone moves it
    mixing = state["network"]["mid.frequency.out.weight"].abs().max()
    assert (mixing > 0) == (preset.slices == "coordinated")
    assert all(torch.isfinite(tensor).all() for tensor in state["network"].values())


def test_one_volume_is_denoised_at_once():
    network = Denoiser(replace(EDGE, slices="one volume", **NARROW).as_one_volume, 7)
    out = network(torch.zeros(2, 60, 8, 8), torch.tensor([3, 5]), torch.zeros(2, 7, 8, 8))
    assert out.shape == (2, 60, 8, 8)


def test_linear_normalisation_leaves_high_frequencies_near_nought(pool):
    adaptive, linear = (
        Pool(pool, preset=PRESETS[name]).read(pool / "000000.npz")[1] for name in ("edge", "edge-linear")
    )
    assert adaptive.shape == linear.shape == (15, 4, 160, 256)
    assert linear[14].std() / linear[0].std() == pytest.approx(10 ** (-0.06 * 14), rel=0.02)
    assert adaptive[14].std() / adaptive[0].std() == pytest.approx(1, rel=0.02)


def test_samples_must_hold_the_frequencies_of_the_preset(pool):
    np.save(pool / "scales.npy", np.ones(16, np.float32))
    assert len(Pool(pool, preset=PRESETS["edge-k4"]).scales) == 4
    with pytest.raises(PoolError, match=r"holds 16 frequencies, preset edge-k24 wants 24; fill another with"):
        Pool(pool, preset=PRESETS["edge-k24"])


def test_presets_are_checked():
    with pytest.raises(ValueError, match="got 'log' and 'coordinated'"):
        replace(EDGE, normalisation="log")


def test_what_the_runtime_cannot_sample_is_not_exported(tmp_path, capsys):
    with pytest.raises(SystemExit):
        export(["-o", str(tmp_path / "x"), "--preset", "edge-linear", "--random-weights"])
    assert "the runtime can't sample edge-linear" in capsys.readouterr().err
