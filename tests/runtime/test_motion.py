"""What is fixed for a scene: importance and activity."""

import numpy as np
import pytest

from stillwave.runtime.motion import REACH, activity_from_weight, importance_from_weight


def test_importance_runs_from_nothing_to_three() -> None:
    importance = importance_from_weight(np.array([[0, 0.5, 2]], np.float32))
    np.testing.assert_allclose(importance, [[0, 0.75, 3]])


def test_a_still_scene_has_no_importance() -> None:
    assert not importance_from_weight(np.zeros((3, 3), np.float32)).any()


def test_activity_reaches_as_far_as_it_says() -> None:
    weight = np.zeros((20, 256), np.float32)
    weight[10, 128] = 2.0
    activity = activity_from_weight(weight)
    assert activity[10 - REACH, 128 + REACH] == pytest.approx(2.0)
    assert activity[10, 128 + REACH + 1] == 0
    assert activity[10 - REACH - 1, 128] == 0


def test_activity_is_in_pixels_of_the_reference_grid() -> None:
    assert activity_from_weight(np.full((9, 512), 3, np.float32)).max() == pytest.approx(1.5)
