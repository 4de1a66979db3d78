"""Editing a motion: gains, wind, masks."""

import numpy as np
import pytest
from PIL import Image

from stillwave.runtime import Edit, MotionError, PhotoError
from stillwave.runtime.edit import ACROSS, edited, mask_on_grid
from stillwave.runtime.spectrum import anchor

SIZE = (160, 96)


def volume() -> np.ndarray:
    return anchor(np.random.default_rng(0).normal(size=(5, 4, 48, 80)).astype(np.float32))


def edit(**changes) -> np.ndarray:
    return edited(volume(), Edit(**changes), SIZE, SIZE)


def test_no_edit_changes_nothing() -> None:
    np.testing.assert_array_equal(edit(), volume())


def test_gains_are_of_their_frequencies() -> None:
    after = edit(gains={1: 0.5, 3: 0})
    np.testing.assert_array_equal(after[1], volume()[1] / 2)
    assert not after[3].any()
    np.testing.assert_array_equal(after[4], volume()[4])
    np.testing.assert_allclose(after[0, 0::2] + 2 * after[1:, 0::2].sum(0), 0, atol=1e-5)  # still anchored


@pytest.mark.parametrize("k", [0, 5])
def test_gains_of_frequencies_that_are_not_there_are_refused(k) -> None:
    with pytest.raises(MotionError, match=f"this motion has frequencies 1 to 4, got a gain for {k}"):
        edit(gains={k: 2.0})


@pytest.mark.parametrize(("degrees", "along"), [(0, (1, 0)), (90, (0, 1)), (180, (-1, 0)), (-90, (0, -1))])
def test_the_wind_decides_where_things_lean(degrees, along) -> None:
    after = edit(wind_degrees=degrees)
    lean = after[0, 0::2].sum((1, 2))
    assert lean @ along > 0
    kept = np.sqrt((after[1:] ** 2).sum((0, 2, 3)) / (volume()[1:] ** 2).sum((0, 2, 3)))[0::2]
    np.testing.assert_allclose(kept, np.where(np.abs(along) == 1, 1, ACROSS), rtol=1e-4)


def test_a_stronger_wind_moves_more() -> None:
    np.testing.assert_allclose(edit(wind=2.5)[1:], 2.5 * volume()[1:], rtol=1e-6)


def test_a_mask_keeps_still_what_is_black(tmp_path) -> None:
    is_free = np.zeros((96, 160), bool)
    is_free[:, 80:] = True
    Image.fromarray(is_free).save(tmp_path / "mask.png")
    for mask in (is_free, is_free.astype(np.float32), np.uint8(255) * is_free, tmp_path / "mask.png"):
        after = edit(mask=mask)
        np.testing.assert_allclose(after[:, :, :, :32], 0, atol=1e-4)
        np.testing.assert_allclose(after[:, :, :, 48:], volume()[:, :, :, 48:], atol=1e-3)
    across = mask_on_grid(is_free, (80, 48), SIZE, SIZE)[24]
    assert (np.diff(across) >= -1e-6).all()
    assert np.diff(across).max() < 0.25  # soft


def test_a_mask_is_cropped_as_the_photo_was() -> None:
    mask = np.zeros((96, 160), bool)
    mask[:, :48] = True
    cropped = mask_on_grid(mask, (48, 48), (96, 96), SIZE)  # columns 32..128 of the photo
    assert cropped[:, 2].min() > 0.8
    assert cropped[:, 14:].max() < 0.01


@pytest.mark.parametrize(("mask", "match"), [
    (np.zeros((96, 96), bool), "the mask is 96 x 96 and the photo 160 x 96; draw the mask over the whole photo"),
    (np.full((96, 160), 2.0), r"want a mask \(H, W\) of bool, of uint8 or of float 0..1, got float64"),
    (np.full((96, 160), np.nan), "want a mask"),
    (np.zeros((96, 160), np.int64), "want a mask"),
    ("none.png", "none.png: cannot be read"),
])  # fmt: skip
def test_other_masks_are_refused(mask, match) -> None:
    with pytest.raises(PhotoError, match=match):
        edit(mask=mask)


def test_numbers_must_be_finite() -> None:
    with pytest.raises(ValueError, match="gains and wind must be finite numbers"):
        Edit(gains={1: float("nan")})


def test_a_masked_scene_stays_the_photo_there(animator, photo, swaying) -> None:
    left = np.zeros((96, 160), bool)
    left[:, :60] = True
    with animator.scene(photo, swaying, edit=Edit(mask=left)) as scene:
        np.testing.assert_array_equal(scene.frame(40.0)[:, 90:], photo[:, 90:])
