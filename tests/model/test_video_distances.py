"""Distances of videos have the values of their definitions; networks here have random weights, as the real ones
can't be had offline.
"""

import json
import warnings

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stillwave.kernels import splat
from stillwave.model.clips import Clip
from stillwave.model.evaluate import video
from stillwave.model.evaluate.distances import frechet, kernel
from stillwave.model.evaluate.features import (
    I3DFeatures,
    InceptionFeatures,
    TrunkFeatures,
    TrunkMotion,
    features_of_frames,
    features_of_windows,
)
from stillwave.model.evaluate.generated import Method, generate
from stillwave.model.evaluate.video import Measure, centre_crop, measures, slice_proof, sliding
from stillwave.model.mobilenet import MobileNetV2
from stillwave.runtime import spectrum

RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 256, (40, 128, 256, 3), np.uint8)


def gaussian(count, mean, covariance):
    """Samples (count, C) of exactly this mean and covariance."""
    x = RNG.normal(size=(count, len(mean)))
    x -= x.mean(0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T)).T)
    return x @ np.linalg.cholesky(np.array(covariance)).T + mean


def test_frechet_distance_of_gaussians_in_closed_form():
    one = gaussian(500, [0, 0, 0], np.diag([1.0, 4.0, 9.0]))
    two = gaussian(300, [1, -2, 0.5], np.diag([4.0, 1.0, 9.0]))
    # |m1 - m2|^2 + sum (s1 - s2)^2 for axes in common
    assert frechet(one, two) == pytest.approx(1 + 4 + 0.25 + 1 + 1 + 0, rel=1e-6)
    turned = np.array([[2.0, 1.0], [1.0, 2.0]])  # eigenvalues 3 and 1
    a, b = gaussian(400, [0, 0], turned), gaussian(400, [0, 0], np.eye(2))
    assert frechet(a, b) == pytest.approx((np.sqrt(3) - 1) ** 2, rel=1e-6)
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)


def test_kernel_distance_is_nought_for_the_same_and_as_computed_by_hand():
    x, y = RNG.normal(size=(60, 8)), RNG.normal(0.7, 1, size=(60, 8))

    def unbiased():
        k = lambda a, b: (a @ b.T / 8 + 1) ** 3  # noqa: E731
        off = ~np.eye(60, dtype=bool)
        return k(x, x)[off].mean() + k(y, y)[off].mean() - 2 * k(x, y).mean()

    assert kernel(x, y) == pytest.approx(100 * unbiased(), rel=1e-5)
    assert abs(kernel(x, RNG.normal(size=(60, 8)))) < 0.3 * kernel(x, y)


class Inception(nn.Module):
    """As the file of 2015 is called, with random weights."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(3, 20)

    def forward(self, pictures: Tensor, return_features: bool = False) -> Tensor:
        return self.mix(pictures.float().mean((2, 3)))


class I3D(nn.Module):
    """As the I3D files are called, with random weights."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(3, 10)

    def forward(
        self, clips: Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False
    ) -> Tensor:
        if not (rescale and resize and return_features):
            raise ValueError("called otherwise")
        return self.mix(clips.diff(dim=2).abs().mean((2, 3, 4)))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for name, network in (("inception", Inception()), ("i3d", I3D())):
        # the published files are TorchScript, which torch calls deprecated
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.jit.script(network).save(str(folder / f"{name}.pt"))
    torch.save(trunk_state(), folder / "mobilenet.pth")
    return folder


def trunk_state():
    """A state dict as torchvision names it, random."""
    state = {}
    for i, conv in enumerate(m for m in MobileNetV2().modules() if isinstance(m, nn.Conv2d)):
        width = len(conv.weight)
        state[f"features.{i:02d}.0.weight"] = torch.randn(conv.weight.shape) * conv.weight[0].numel() ** -0.5
        state |= {f"features.{i:02d}.1.{name}": value for name, value in {
            "weight": torch.ones(width), "bias": torch.zeros(width),
            "running_mean": torch.zeros(width), "running_var": torch.ones(width),
        }.items()}  # fmt: skip
    return state


def test_networks_turn_frames_and_windows_into_features(weights):
    inception = features_of_frames(InceptionFeatures(weights / "inception.pt"), FRAMES)
    assert inception.shape == (40, 20)
    windows = features_of_windows(I3DFeatures(weights / "i3d.pt"), FRAMES, 16, 4)
    assert windows.shape == (7, 10)
    assert features_of_frames(TrunkFeatures(weights / "mobilenet.pth"), FRAMES[:2]).shape == (2, 320)
    moving = features_of_windows(TrunkMotion(weights / "mobilenet.pth"), FRAMES[:16], 16, 4)
    still = features_of_windows(TrunkMotion(weights / "mobilenet.pth"), np.repeat(FRAMES[:1], 16, 0), 16, 4)
    assert moving.shape == (1, 48)
    assert np.abs(still).max() < 1e-3 * np.abs(moving).max()


def test_each_file_of_weights_brings_its_measures(weights):
    files = (weights / "inception.pt", weights / "i3d.pt", weights / "i3d.pt", weights / "mobilenet.pth")
    names = [m.name for m in measures(*files)]
    assert names[:6] == ["FID", "KID", "trunk FID", "trunk KID", "FVD", "FVD32"]
    assert names[6:] == ["DTFVD", "DTFVD32", "trunk FVD", "trunk FVD32"]
    assert [m.name for m in measures(files[0], None, None, None)] == ["FID", "KID"]
    assert measures(None, None, None, None) == []


def test_the_crop_is_the_middle_at_256_by_128():
    frame = np.zeros((1, 288, 512, 3), np.uint8)
    frame[:, 16:-16] = 200
    crop = centre_crop(frame)
    assert crop.shape == (1, 128, 256, 3)
    assert (crop == 200).all()
    assert centre_crop(np.zeros((2, 300, 200, 3), np.uint8)).shape == (2, 128, 256, 3)


def test_sliding_windows_see_a_video_fall_apart():
    real = [RNG.normal(size=(150, 4)) for _ in range(4)]
    drifting = [RNG.normal(size=(150, 4)) + np.linspace(0, 5, 150)[:, None] for _ in range(4)]
    frames = Measure("FID", lambda x: x, frechet)
    by_time = sliding(frames, real, drifting)
    assert list(by_time) == list(range(0, 121, 10))
    assert by_time[120] > by_time[60] > by_time[0] + 1
    windows = sliding(Measure("FVD", lambda x: x, frechet, length=16, stride=4), real, drifting)
    assert list(windows)[:3] == [0, 8, 16]


def test_a_slice_is_a_row_of_each_frame():
    frames = np.zeros((40, 128, 256, 3), np.uint8)
    frames[::2, 50] = 255
    proof = slice_proof("one", frames, frames[:, ::-1])
    assert proof.label == "one, row 50"
    assert proof.pictures[0].shape == (40, 256, 3)
    assert (proof.pictures[0][::2] == 255).all()
    assert not proof.pictures[1].any()


@pytest.fixture
def clip():
    """A textured picture, its left half swaying by 3 px at 256 wide, once a loop."""
    photo = cv2.resize(RNG.integers(0, 256, (36, 64, 3), np.uint8), (512, 288))
    volume = np.zeros((16, 4, 144, 256), np.float32)
    volume[1, 1, :, :128] = -1.5
    volume[9, 1, :, :128] = -0.5
    return Clip("one", np.repeat(photo[None], 150, 0), spectrum.anchor(volume))


class Rendering:
    """Stands in for an Animator: `scene` keeps what it was asked to render."""

    def scene(self, photo, volume, num_frames):
        self.volume, self.photo = volume, photo
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def frame(self, t):
        return self.photo


def test_ablations_cut_the_motion_and_change_the_renderer(clip):
    animator = Rendering()
    repeated = generate(animator, clip, Method("none"), 5, (256, 144))
    assert repeated.shape == (5, 144, 256, 3)
    assert (repeated == repeated[:1]).all()
    generate(animator, clip, Method("measured", 4), 2, (256, 144))
    assert animator.volume.shape[0] == 4
    np.testing.assert_allclose(animator.volume[0, 0::2] + 2 * animator.volume[1:, 0::2].sum(0), 0, atol=1e-5)
    splatted = generate(animator, clip, Method("measured", 4, "average"), 40, (256, 144))
    # a quarter of the loop on, sin is 1: everything 3 px to the right
    expected = np.zeros((144, 256, 2), np.float32)
    expected[:, :128, 0] = 3 * np.sin(2 * np.pi * 38 / 150)
    features = np.concatenate([splatted[0].astype(np.float32), np.ones((144, 256, 1), np.float32)], 2)
    carried = splat(features, expected, np.zeros((144, 256), np.float32))
    inside = (slice(None), slice(8, 120))
    assert np.abs(splatted[38][inside] - carried[..., :3][inside]).max() < 2
    assert np.abs(splatted[38][inside].astype(int) - splatted[0][inside]).mean() > 5


@pytest.mark.parametrize(
    ("values", "message"),
    [({"motion": "guessed"}, "motion is one of"), ({"frequencies": 1}, "2 is the least, got 1")],
)
def test_methods_that_are_not_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Method(**values)


def test_the_command_measures_what_it_is_given(weights, clip, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(video, "load_clips", lambda *_: [clip])
    arguments = ["clips", "--motion", "none", "--frames", "20", "--width", "256", "--encoder-weights"]
    arguments += [str(weights / "mobilenet.pth"), "-o", str(tmp_path / "out.json"), "--slices", str(tmp_path / "x.png")]
    video.main(arguments)
    said = capsys.readouterr().out
    assert "not comparable to the paper's" in said
    result = json.loads((tmp_path / "out.json").read_text())
    # the clip's frames are all its photo, as is what is generated
    made = result["methods"]["none"]
    assert made["distances"]["trunk FID"] == pytest.approx(0, abs=1e-3)
    assert set(made["distances"]) == {"trunk FID", "trunk KID", "trunk FVD"}  # too few frames for 32
    assert made["method"]["motion"] == "none"
    assert (tmp_path / "x.png").stat().st_size > 100
    with pytest.raises(SystemExit):
        video.main(["clips"])
