"""Procedural scenes: same seed same scene, and motion that is exactly what the frames show."""

import cv2
import numpy as np
import pytest

from stillwave.model.scenes.kinds import KINDS
from stillwave.model.scenes.scene import Scene
from stillwave.model.scenes.stats import CLIPS, coherence, statistics, table

SIZE = (256, 160)
GRID = (64, 40)
MOVING = [kind for kind in KINDS if kind != "still"]


def pixel_grid():
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    return x.astype(np.float32), y.astype(np.float32)


def inner(ids):
    """Pixels whose 5 x 5 neighbours all show the same surface."""
    ids = ids.astype(np.float32)
    box = np.ones((5, 5))
    return cv2.erode(ids, box) == cv2.dilate(ids, box)


@pytest.fixture(scope="module", params=KINDS)
def scene(request):
    return Scene.random(11, SIZE, request.param)


def test_same_seed_same_scene():
    one, two = Scene.random(3, SIZE), Scene.random(3, SIZE)
    assert one.kind == two.kind
    np.testing.assert_array_equal(one.photo(), two.photo())
    np.testing.assert_array_equal(one.frame(40), two.frame(40))
    np.testing.assert_array_equal(one.spectral_volume(GRID), two.spectral_volume(GRID))


def test_other_seed_other_scene():
    photos = [Scene.random(seed, SIZE, "flowers").photo() for seed in (0, 1)]
    assert np.abs(photos[0].astype(int) - photos[1]).mean() > 10


def test_picture_shapes_and_types(scene):
    for picture in (scene.photo(), scene.frame(12.5)):
        assert picture.shape == (SIZE[1], SIZE[0], 3)
        assert picture.dtype == np.uint8
        assert picture.std() > 1
    assert scene.motion(3, GRID).shape == (GRID[1], GRID[0], 2)
    volume = scene.spectral_volume(GRID)
    assert (volume.shape, volume.dtype) == ((16, 4, GRID[1], GRID[0]), np.float32)
    assert np.isfinite(volume).all()


def test_frame_zero_is_the_photo_up_to_noise(scene):
    difference = scene.frame(0).astype(int) - scene.photo()
    assert np.abs(difference).mean() < 8
    assert np.abs(scene.motion(0, GRID)).max() == 0


def test_volume_is_the_transform_of_the_motion(scene):
    motion = np.stack([scene.motion(t, GRID) for t in range(150)])
    expected = np.fft.rfft(motion, axis=0) / 150
    volume = scene.spectral_volume(GRID)
    scale = max(1.0, float(np.abs(motion).max()))
    for channel, part in enumerate((expected[..., 0], expected[..., 1])):
        phasor = volume[:, 2 * channel] + 1j * volume[:, 2 * channel + 1]
        np.testing.assert_allclose(phasor, part[:16], atol=1e-5 * scale)
        np.testing.assert_allclose(part[16:], 0, atol=1e-5 * scale)


@pytest.mark.parametrize("K", [4, 16, 24])
def test_photo_is_at_rest_for_any_number_of_frequencies(K):
    volume = Scene.random(5, SIZE, "leaves").spectral_volume(GRID, K=K)
    start = volume[0, 0::2] + 2 * volume[1:, 0::2].sum(0)
    np.testing.assert_allclose(start, 0, atol=1e-5)
    np.testing.assert_array_equal(volume[16:], 0)


def test_displacement_scales_with_the_grid():
    scene = Scene.random(7, SIZE, "hung")
    small, large = scene.motion(33, GRID), scene.motion(33, (192, 120))
    # Cell centres of the two grids coincide at every third cell of the finer one.
    np.testing.assert_allclose(large[1::3, 1::3], 3 * small, atol=1e-3)


@pytest.mark.parametrize("kind", MOVING)
def test_frames_show_the_motion(kind):
    """Following each photo pixel by its displacement finds the same light, unless hidden."""
    before, after = [], []
    for seed in range(3):
        scene = Scene.random(seed, SIZE, kind)
        x, y = pixel_grid()
        # The same motion at a strength that moves the livelier pixels by 2 px.
        speed = np.linalg.norm(scene.motion(41, SIZE), axis=2)
        if not speed.any():
            continue
        scene.coefs *= np.float32(2 / np.percentile(speed[speed > 0], 90))
        motion = scene.motion(41, SIZE)
        then = scene.plate_surface.copy()
        light = scene._compose(41, then)
        to = (x + motion[..., 0], y + motion[..., 1])
        arrived = cv2.remap(then.astype(np.float32), *to, cv2.INTER_NEAREST)
        settled = cv2.remap(inner(then).astype(np.float32), *to, cv2.INTER_NEAREST)
        moves = np.hypot(*np.moveaxis(motion, 2, 0)) > 0.5
        follows = inner(scene.surface) & (settled > 0) & (arrived == scene.surface) & moves
        found = cv2.remap(light, *to, cv2.INTER_LINEAR)
        before.append(np.abs(light - scene._rest).mean(-1)[follows])
        after.append(np.abs(found - scene._rest).mean(-1)[follows])
    unmoved, followed = np.concatenate(before).mean(), np.concatenate(after).mean()
    # What is left is the softening of twice-interpolated texture.
    assert followed < 0.02
    assert followed < 0.4 * unmoved


@pytest.mark.parametrize("kind", ["leaves", "hung"])
def test_disocclusion_is_what_no_photo_pixel_reaches(kind):
    scene = Scene.random(2, SIZE, kind)
    assert not scene.disocclusion(0).any()
    x, y = pixel_grid()
    motion = scene.motion(60, SIZE)
    then = scene.plate_surface.copy()
    scene._compose(60, then)
    reached = np.zeros(then.shape, bool)
    column = np.clip(np.rint(x + motion[..., 0]), 0, SIZE[0] - 1).astype(int)
    row = np.clip(np.rint(y + motion[..., 1]), 0, SIZE[1] - 1).astype(int)
    same = then[row, column] == scene.surface
    reached[row[same], column[same]] = True
    reached = cv2.dilate(reached.astype(np.uint8), np.ones((3, 3))) > 0
    hidden = scene.disocclusion(60)
    assert hidden.any()
    assert not (~reached & ~hidden).any()
    assert (reached & hidden & inner(hidden)).mean() < 0.005


def test_still_scenes_are_still():
    scene = Scene.random(4, SIZE, "still")
    assert not scene.spectral_volume(GRID).any()
    assert not scene.disocclusion(50).any()
    assert np.abs(scene.frame(50).astype(int) - scene.photo()).mean() < 8


def test_about_one_scene_in_twelve_is_fully_still():
    share = sum(weight for _, weight in KINDS.values())
    assert 0.05 < KINDS["still"][1] / share < 0.12


def test_motion_is_like_the_clips():
    scenes = (Scene.random(seed, SIZE) for seed in range(900, 936))
    found = statistics(scene.spectral_volume((256, 160)) for scene in scenes)
    assert found.amplitude_p95 == pytest.approx(CLIPS.amplitude_p95, rel=0.5)
    assert found.moving > 0.1
    assert found.coherence == pytest.approx(CLIPS.coherence, abs=0.04)
    assert found.horizontal == pytest.approx(CLIPS.horizontal, abs=0.15)
    assert found.low == pytest.approx(CLIPS.low, abs=0.1)
    assert "coherence" in table(found)


def test_coherence_of_a_shared_and_of_a_random_motion():
    shared = np.ones((16, 4, 24, 24), np.float32)
    assert coherence(shared) == pytest.approx(1)
    noise = np.random.default_rng(0).standard_normal(shared.shape).astype(np.float32)
    assert abs(coherence(noise)) < 0.1


def test_unknown_kind_and_length_are_refused():
    with pytest.raises(ValueError, match=r"no scene kind 'desert'; choose one of tree"):
        Scene.random(0, SIZE, "desert")
    with pytest.raises(ValueError, match="scenes loop in 150 frames, got num_frames=90"):
        Scene.random(0, SIZE, "still").spectral_volume(num_frames=90)
