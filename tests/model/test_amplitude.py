"""Heads for the amplitude: what they are fed, how they learn, and how they are calibrated."""

import numpy as np
import pytest
import torch
from PIL import Image

from stillwave.model import amplitude
from stillwave.model.clips import Clip
from stillwave.model.image_encoder import ImageEncoder
from stillwave.model.presets import PRESETS
from stillwave.model.train import calibration
from stillwave.model.train.amplitude import (
    SCENE_SHARE,
    STILL_SHARE,
    Cells,
    folds_of,
    save_calibration,
    shares,
    train_heads,
)
from stillwave.model.train.cells import SCENE, STILL, draw_still, regraded, still_clips
from stillwave.model.train.pool import PoolError


@pytest.mark.parametrize("name", ["edge", "paper"])
def test_features_of_a_cell_are_as_many_as_the_heads_expect(name):
    encoder = ImageEncoder(PRESETS[name]).eval()
    with torch.no_grad():
        photo = torch.rand(1, 3, 64, 128)
        near, far = encoder.look(photo, encoder.see(photo))
        chance, bands = encoder.amplitude((near, far))
    assert near.shape == (1, len(encoder.amplitude.near.mean), 4, 8)
    assert far.shape == (1, len(encoder.amplitude.far.mean), 4, 8)
    assert chance.shape == (1, len(amplitude.AMPLITUDE_STEPS), 4, 8)
    assert bands.shape == (1, PRESETS[name].num_slices, 4, 8)


def test_what_is_around_a_cell_tells_of_it_from_afar():
    torch.manual_seed(0)
    encoder, photo = ImageEncoder(PRESETS["edge"]).eval(), torch.rand(1, 3, 64, 128)
    changed = photo.clone()
    changed[..., 48:] = 0.5  # two cells to the right of the first column
    with torch.no_grad():
        looks = [encoder.look(x, encoder.see(x)) for x in (photo, changed)]
    near, far = ((a - b).abs() for a, b in zip(*looks, strict=True))
    assert near[0, :16, :, 0].max() == 0  # finest features, of the cell alone
    assert far[0, :, :, 0].max() > 0


def test_nothing_moves_where_nothing_can_be_seen():
    photo = torch.full((1, 3, 64, 64), 0.5)
    photo[..., 32:] = torch.rand(1, 3, 64, 32)
    certain = torch.ones(1, len(amplitude.AMPLITUDE_STEPS), 4, 4)
    total = amplitude.expected_amplitude(certain, photo)[0, 0]
    assert total[:, 0].max() < 0.02
    assert total[:, 3].min() > 1


def test_the_power_of_the_frequencies_adds_up_to_the_amplitude():
    torch.manual_seed(0)
    heads = amplitude.AmplitudeHeads((20, 10), 15).eval()
    look, photo = (torch.randn(1, 20, 4, 6), torch.randn(1, 10, 4, 6)), torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        per_frequency = heads.amplitude(look, photo)
        total = amplitude.expected_amplitude(heads(look)[0], photo)
    torch.testing.assert_close((2 * per_frequency.square().sum(1, keepdim=True)).sqrt(), amplitude.limited(total))


def test_motion_is_concentrated_where_there_is_most_and_calm_photos_are_calmed():
    lively, calm = torch.full((1, 1, 4, 4), 2.0), torch.full((1, 1, 4, 4), amplitude.CALM_PX)
    torch.testing.assert_close(amplitude.concentrated(lively), lively, rtol=0.05, atol=0)
    torch.testing.assert_close(amplitude.concentrated(calm), calm / 2, rtol=0.01, atol=0)
    assert not amplitude.concentrated(torch.zeros(1, 1, 4, 4).half()).any()  # a flat photo in half precision
    lively[..., :2] = 0.5
    spread = amplitude.concentrated(lively)[0, 0, 0]
    assert float(spread[3] / spread[0]) == pytest.approx((2 / 0.5) ** 2)
    assert float(spread.mean()) == pytest.approx(1.25, rel=0.05)  # as much as before


def test_nothing_moves_farther_than_the_limit_and_little_motion_hardly_feels_it():
    near, far = amplitude.limited(np.array([0.2, 100.0]))
    assert near == pytest.approx(0.2, rel=0.01)
    assert 0.99 * amplitude.MOST_PX < far < amplitude.MOST_PX


def write_cells(folder, sources, rule):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i, source in enumerate(sources):
        near, far = (rng.normal(size=(count, 96)).astype(np.float16) for count in (12, 6))
        moves = rule(near).astype(np.float16)
        exceeds, bands = np.tile(moves, (len(amplitude.AMPLITUDE_STEPS), 1)), np.tile(moves, (3, 1))
        np.savez(folder / f"{i:06d}.npz", source=source, near=near, far=far, exceeds=exceeds, bands=bands)


def test_heads_learn_what_moves(tmp_path):
    write_cells(tmp_path / "cells", [SCENE, "rose", "tree", SCENE], lambda x: x[3] > 0)
    heads = train_heads(Cells(tmp_path / "cells", torch.ones(3)), tmp_path, "amplitude", steps=200)
    near, far = torch.zeros(1, 12, 1, 2), torch.zeros(1, 6, 1, 2)
    near[0, 3, 0] = torch.tensor([-2.0, 2.0])
    still, moving = heads((near, far))[0][0, 0, 0]
    assert still < 0.3 < 0.7 < moving


def test_clips_count_alike_however_many_samples_they_have(tmp_path):
    write_cells(tmp_path / "cells", ["rose"] * 3 + ["tree"] + [SCENE] * 2, lambda x: x[0] > 0)
    cells = Cells(tmp_path / "cells", torch.ones(3))
    rose, tree = cells.chance[: 3 * 96].sum(), cells.chance[3 * 96 : 4 * 96].sum()
    torch.testing.assert_close(rose, tree)
    assert len(Cells(tmp_path / "cells", torch.ones(3), without=["rose"]).near) == 3 * 96


def test_cells_of_another_version_are_refused(tmp_path):
    np.savez(tmp_path / "000000.npz", source="rose", features=np.zeros((12, 96)))
    with pytest.raises(PoolError, match="lacks bands, exceeds, far, near; delete"):
        Cells(tmp_path, torch.ones(3))


def test_cuts_of_a_video_are_never_in_two_folds():
    frames, volume = np.zeros((2, 4, 4, 3), np.uint8), np.zeros((2, 4, 2, 2), np.float32)
    clips = [Clip(f"long_{i}", frames, volume, video="long") for i in range(3)]
    clips += [Clip(name, frames, volume) for name in ("a", "b", "c", "d")]
    folds = folds_of(clips)
    assert sorted(name for fold in folds for name in fold) == ["a", "b", "c", "d", "long"]
    assert all(folds)


def test_calibration_finds_gain_and_tilt(monkeypatch):
    monkeypatch.setattr(calibration, "TARGET_OCTAVES", 0.0)
    rng = np.random.default_rng(0)
    tilt, predictions = np.linspace(2, 0.5, 15), []
    for level in (0.5, 1.0, 2.0):
        total, share = level * rng.uniform(0.5, 2, (9, 16)), np.full((15, 9, 16), 1 / 15)
        truth = calibration.Calibration(1.5, tilt)
        measured = calibration.volume_of(truth.amplitude(calibration.Prediction(total, share, None)), 144, 256)
        predictions.append(calibration.Prediction(total, share, measured))
    found = calibration.calibrate(predictions)
    assert found.gain == pytest.approx(1.5, rel=0.03)
    np.testing.assert_allclose(found.tilt / found.tilt.mean(), tilt / tilt.mean(), rtol=0.03)


def test_a_calibration_is_kept_in_the_checkpoint(tmp_path):
    heads = amplitude.AmplitudeHeads((12, 6), 3)
    state = {"network": heads.state_dict(), "average": heads.state_dict()}
    torch.save(state, tmp_path / "amplitude.pt")
    save_calibration(tmp_path / "amplitude.pt", calibration.Calibration(2.0, np.array([1.0, 2.0, 3.0])))
    kept = torch.load(tmp_path / "amplitude.pt", weights_only=True)["average"]
    assert (float(kept["gain"]), kept["tilt"].tolist()) == (2.0, [1.0, 2.0, 3.0])


def test_a_folder_of_still_photos_becomes_samples_without_motion(tmp_path):
    Image.fromarray(np.full((300, 400, 3), 90, np.uint8)).save(tmp_path / "house.png")
    (tmp_path / "notes.txt").write_text("not a photo")
    (house,) = still_clips(tmp_path)
    source, photo, volume = draw_still(house, 6_000_000)
    assert (source, photo.shape, volume.shape) == (STILL + "house", (320, 512, 3), (16, 4, 160, 256))
    assert not volume.any()


def test_every_kind_of_sample_has_its_share():
    sources = np.array([STILL + "a", STILL + "b", "rose", SCENE])
    share = shares(sources)
    assert share[:2].sum() == pytest.approx(STILL_SHARE)
    assert share[3] == pytest.approx(SCENE_SHARE)
    assert share.sum() == pytest.approx(1)


def test_some_photos_are_grey_and_some_in_coloured_light():
    photo = np.random.default_rng(0).integers(40, 120, (8, 8, 3)).astype(np.uint8)
    graded = [regraded(photo, np.random.default_rng(seed)) for seed in range(200)]
    grey = sum((x == x[..., :1]).all() for x in graded)
    unchanged = sum((x == photo).all() for x in graded)
    assert 30 < grey < 70
    assert 70 < unchanged < 130
    assert all(x.dtype == np.uint8 and x.shape == photo.shape for x in graded)
