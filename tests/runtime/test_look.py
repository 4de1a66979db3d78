"""How a scene moves, as panels."""

import numpy as np

from stillwave.runtime.look import look, mode_shape, slice_over_time


def test_every_panel_has_the_scenes_size(animator, photo, swaying) -> None:
    with animator.scene(photo, swaying, num_frames=12) as scene:
        panels = look(scene)
    assert [p.label.split()[0] for p in panels] == ["photo,", "farthest", "amplitude,", "X-t", "power", *["mode"] * 3]
    assert {p.pictures[0].shape for p in panels} == {photo.shape}


def test_the_slice_is_the_photo_where_nothing_moves(animator, photo, swaying) -> None:
    with animator.scene(photo, swaying, num_frames=12) as scene:
        lines = slice_over_time(scene, 48)
    np.testing.assert_array_equal(lines[:, :40], np.broadcast_to(photo[48, :40], (96, 40, 3)))
    assert np.ptp(lines[:, 90:120].astype(int), axis=0).max() > 20


def test_a_mode_is_seen_at_its_largest(swaying) -> None:
    turned = swaying[1] * 0
    turned[0] = -swaying[1, 1] * np.sin(0.7)
    turned[1] = swaying[1, 1] * np.cos(0.7)
    shape = np.abs(mode_shape(turned)[..., 0])
    np.testing.assert_allclose(shape, np.abs(swaying[1, 1]), atol=1e-5)
