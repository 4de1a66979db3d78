"""Motion as colour, and sheets of it."""

import numpy as np
import pytest

from stillwave.runtime.contact_sheet import Proof, contact_sheet
from stillwave.runtime.motion_picture import colours_from_motion, farthest_time, motion_at, motion_map
from stillwave.runtime.spectrum import anchor, motion_from_volume


def test_hue_is_direction_and_rest_is_white() -> None:
    motion = np.array([[[0, 0], [2, 0], [-2, 0], [1, np.sqrt(3)], [9, 0]]], np.float32)
    red, cyan, yellow = (1, 0, 0), (0, 1, 1), (1, 1, 0)
    np.testing.assert_allclose(colours_from_motion(motion, 2.0)[0], [(1, 1, 1), red, cyan, yellow, red], atol=1e-6)


def test_motion_is_that_of_the_conventions() -> None:
    volume = anchor(np.random.default_rng(0).normal(size=(4, 4, 9, 13)).astype(np.float32))
    frames = motion_from_volume(volume, 48)
    np.testing.assert_allclose(motion_at(volume, 11, 48), frames[11].transpose(1, 2, 0), atol=1e-5)
    totals = np.abs(frames[:, :, ::4, ::4]).sum((1, 2, 3))
    assert totals[int(farthest_time(volume, 48))] == pytest.approx(totals.max())


def test_a_still_place_is_grey_on_the_map() -> None:
    photo = np.full((4, 6, 3), (200, 40, 90), np.uint8)
    motion = np.zeros((4, 6, 2), np.float32)
    motion[2, 3] = 5, 0
    picture = motion_map(photo, motion, 5.0).astype(int)
    assert np.ptp(picture[0, 0]) == 0
    assert picture[2, 3, 0] > picture[2, 3, 1] + 50


@pytest.mark.parametrize("count", [1, 3, 6, 9])
def test_the_sheet_holds_every_proof(count) -> None:
    proofs = [Proof(str(i), (np.full((30, 50, 3), 10 * i + 5, np.uint8),) * 2) for i in range(count)]
    sheet = np.asarray(contact_sheet(proofs))
    for i in range(count):
        assert (sheet == 10 * i + 5).all(2).sum() >= 2 * 30 * 50
