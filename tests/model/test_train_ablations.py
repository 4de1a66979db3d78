"""The paper's ablations, trained from the same samples, and sampled as the runtime would."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from stillwave.model.autoencoder import Autoencoder
from stillwave.model.clips import Clip
from stillwave.model.denoiser import Denoiser
from stillwave.model.evaluate import ablations as measure
from stillwave.model.image_encoder import ImageEncoder
from stillwave.model.normalisation import coefficients_from_volume, volume_from_coefficients
from stillwave.model.presets import ABLATIONS, EDGE, PRESETS
from stillwave.model.train import ablations
from stillwave.runtime import spectrum
from stillwave.runtime.sampler import Schedule

NARROW = {"segmenter": False, "autoencoder_channels": (8, 8, 8), "denoiser_channels": (16, 16, 16)}
EVERY = [replace(preset, **NARROW) for preset in (EDGE, *ABLATIONS)]
BY_NAME = {preset.name: preset for preset in EVERY}
pytestmark = pytest.mark.usefixtures("one_thread")


def random_volume(num_frequencies, height, width):
    volume = np.random.default_rng(1).normal(size=(num_frequencies, 4, height, width))
    volume *= 10 ** (-0.06 * np.arange(num_frequencies))[:, None, None, None]
    return spectrum.anchor(volume.astype(np.float32))


def random_scales(num_frequencies):
    return (2 * 10 ** (-0.06 * np.arange(num_frequencies))).astype(np.float32)


def random_networks(run, preset):
    """A folder as `stillwave train ablations` leaves it, of networks that learned nothing."""
    folder, sizes = run / preset.name, preset.as_one_volume if preset.slices == "one volume" else preset
    folder.mkdir(parents=True)
    (run / "pool").mkdir(exist_ok=True)
    encoder = ImageEncoder(preset)
    networks = {
        "encoder": encoder,
        "autoencoder": Autoencoder(preset),
        "denoiser": Denoiser(sizes, encoder.condition_channels),
    }
    for name, network in networks.items():
        torch.save({"average": network.state_dict()}, folder / f"{name}.pt")
    np.savez(folder / "whitening.npz", mean=np.zeros(4, np.float32), std=np.ones(4, np.float32))
    np.save(run / "pool" / "scales.npy", random_scales(24))


@pytest.mark.parametrize("preset", EVERY, ids=lambda p: p.name)
@pytest.mark.parametrize("width", [256, 64])
def test_normalisation_is_undone_exactly(preset, width):
    volume, scales = random_volume(preset.num_frequencies, 10, width), random_scales(preset.num_frequencies)
    # coefficients are those of the same motion on a grid 256 wide
    coefficients = coefficients_from_volume(volume * (256 / width), scales, preset)
    back = volume_from_coefficients(coefficients, scales, preset)
    np.testing.assert_allclose(back, volume, atol=1e-5)


@pytest.mark.parametrize("preset", EVERY, ids=lambda p: p.name)
def test_every_ablation_is_sampled(preset, tmp_path):
    random_networks(tmp_path, preset)
    sampler = measure.Sampler.load(tmp_path, preset)
    photo = np.random.default_rng(0).integers(0, 256, (80, 128, 3), np.uint8)
    volume = sampler.volume(photo, seed=0, steps=1)
    assert volume.shape == (preset.num_frequencies, 4, 160, 256)
    assert np.isfinite(volume).all()
    assert volume[-1].any()


class Knowing:
    """A denoiser that knows what it will end at."""

    def __init__(self, whitened):
        self.whitened, self.num_slices = torch.from_numpy(whitened), len(whitened)
        self.latents_in = torch.nn.Conv2d(whitened.shape[1], 1, 1)

    def __call__(self, latents, timestep, condition):
        signal = Schedule().signal()[int(timestep)]
        return ((signal**0.5 * latents - self.whitened) / (1 - signal) ** 0.5).float()


@pytest.mark.parametrize("name", ["edge", "edge-k4", "edge-linear", "edge-volume"])
def test_what_the_latents_are_of_comes_back(name):
    """Latents that are the coefficients themselves: whitening, order and normalisation are undone."""
    preset, width = BY_NAME[name], 32
    volume, scales = random_volume(preset.num_frequencies, 20, width), random_scales(preset.num_frequencies)
    latents = coefficients_from_volume(volume * (256 / width), scales, preset)
    mean, std = np.float32([0.1, -0.2, 0.3, 0]), np.float32([0.5, 1, 2, 4])
    whitened = (latents - mean[:, None, None]) / std[:, None, None]
    whitened = whitened.reshape(1, -1, 20, width) if preset.slices == "one volume" else whitened

    def seen(photo):
        return torch.zeros(1, 7, 20, width), None, None

    sampler = measure.Sampler(preset, seen, Knowing(whitened), lambda z, guide: z, mean, std, scales)
    back = sampler.volume(np.zeros((72, 128, 3), np.uint8), seed=0, steps=3)
    np.testing.assert_allclose(back, volume, atol=1e-4)


def test_missing_frequencies_are_zero_and_others_cut():
    volume = random_volume(8, 4, 4)
    more, fewer = measure.with_frequencies(volume, 16), measure.with_frequencies(volume, 4)
    assert more.shape == (16, 4, 4, 4)
    assert not more[8:].any()
    for kept in (more, fewer):
        np.testing.assert_array_equal(kept[1:4], volume[1:4])
        assert spectrum.motion_from_volume(kept, 30)[0] == pytest.approx(0, abs=1e-5)


def test_a_levelled_motion_is_as_strong_as_the_measured():
    volume, measured = random_volume(4, 4, 4), 3 * random_volume(8, 4, 4)
    level = measure.levelled(volume, measured)
    assert (level[1:] ** 2).sum() == pytest.approx((measured[1:] ** 2).sum(), rel=1e-5)
    np.testing.assert_allclose(level, volume * (level[1, 0, 0, 0] / volume[1, 0, 0, 0]), rtol=1e-4)


def test_a_table_of_what_was_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "ABLATIONS", (BY_NAME["edge-k4"], BY_NAME["edge-linear"]))
    random_networks(tmp_path, BY_NAME["edge-k4"])
    frames = np.random.default_rng(0).integers(0, 256, (2, 36, 64, 3), np.uint8)
    clip = Clip("a", frames, random_volume(16, 18, 32))
    results = measure.evaluate(argparse.Namespace(run=tmp_path, seeds=2, steps=1, level=False), None, [clip], [])
    assert list(results) == ["edge-k4"]
    np.testing.assert_equal(results["edge-k4"]["mean"], results["edge-k4"]["clips"]["a"])
    # twelve frequencies that it has not, each as far from the measured as the floor is
    assert results["edge-k4"]["mean"]["power_decades"] > 3


def test_a_cut_encoder_says_the_same_of_the_frequencies_it_has(tmp_path):
    wide, narrow = (ImageEncoder(BY_NAME[name]) for name in ("edge-k24", "edge-k4"))
    torch.save({"average": wide.state_dict()}, tmp_path / "wide.pt")
    ablations.cut_encoder(tmp_path / "wide.pt", BY_NAME["edge-k4"], tmp_path / "narrow.pt")
    narrow.load_state_dict(torch.load(tmp_path / "narrow.pt", weights_only=True)["average"])
    photo = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        (_, guide, bands, _), (_, other_guide, other_bands, _) = (
            network.eval().maps(*network.see(photo)) for network in (wide, narrow)
        )
    torch.testing.assert_close(other_guide, guide)
    torch.testing.assert_close(other_bands, bands[:, :3])


def write_pool(arguments):
    pool = Path(arguments[arguments.index("-o") + 1])
    pool.mkdir(exist_ok=True)
    photo = np.random.default_rng(0).integers(0, 256, (320, 512, 3), np.uint8)
    np.savez(pool / "000000.npz", photo=photo, volume=random_volume(24, 160, 256).astype(np.float16))
    np.save(pool / "scales.npy", random_scales(24))
    assert arguments[arguments.index("--without") + 1 :] == ["a", "e"]


@pytest.mark.slow
def test_what_ablations_have_in_common_is_trained_once(tmp_path, monkeypatch):
    for name, preset in BY_NAME.items():
        monkeypatch.setitem(PRESETS, name, preset)
    clips, run = tmp_path / "clips", tmp_path / "run"
    for folder in (clips, run):
        folder.mkdir()
    for name in "abcde":
        (clips / f"{name}.mp4").touch()
    torch.save({"average": ImageEncoder(BY_NAME["edge-k24"]).state_dict()}, run / "encoder.pt")
    monkeypatch.setattr(ablations.samples, "main", write_pool)
    monkeypatch.setattr(ablations.encoder, "main", lambda arguments: None)
    arguments = [str(clips), "-o", str(run), "--encoder-weights", "x", "--segmenter-weights", "y", "--scale", "1e-5"]
    for _ in range(2):  # the second finds all done
        ablations.main([*arguments, "--presets", "edge-independent", "edge-volume"])
    facts = json.loads((run / "ablations.json").read_text())
    assert facts["held_out"] == ["a", "e"]
    alone, slices = ((run / name).read_bytes() for name in ("edge-independent/denoiser.pt", "edge/slices.pt"))
    assert alone == slices
    for name in ("edge", "edge-independent", "edge-volume"):
        assert measure.Sampler.load(run, BY_NAME[name]).decoder is not None
    assert not (run / "edge-volume" / "slices.pt").is_symlink()
