"""`stillwave train prepare` keeps what sways before a still camera, and says why it drops the rest."""

import json
import struct

import av
import cv2
import numpy as np
import pytest

from stillwave.model.clips import Clip, fitted, upright
from stillwave.model.prepare import command
from stillwave.model.prepare.camera import camera_paths
from stillwave.model.prepare.footage import VideoError, find_videos, footage_from_file
from stillwave.model.prepare.prepared import is_prepared, load_prepared
from stillwave.model.prepare.verdict import closing_share, end_drift, judge, largest_jump, without_drift
from stillwave.model.samples import load_clips
from stillwave.model.samples import main as fill_pool
from stillwave.runtime import spectrum

SIZE = (256, 144)
T = 60
RNG = np.random.default_rng(0)


def texture(width, height):
    rough = cv2.GaussianBlur(RNG.normal(size=(height, width, 3)).astype(np.float32), (0, 0), 2)
    return np.clip(128 + rough * 150, 0, 255).astype(np.uint8)


BACKDROP = texture(SIZE[0] + 80, SIZE[1] + 80)
THING = texture(60, 60)


def frames_of(thing, camera=lambda t: (0, 0), size=SIZE, count=T):
    """A textured square at `thing(t)` px from its place, before a backdrop shifted by `camera(t)` px."""
    pictures = []
    for t in range(count):
        scene = BACKDROP.copy()
        x, y = thing(t)
        ground = np.float32([[1, 0, 120 + x], [0, 1, 70 + y]])
        cv2.warpAffine(THING, ground, scene.shape[1::-1], scene, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
        shift = np.float32([[1, 0, -40 + camera(t)[0]], [0, 1, -40 + camera(t)[1]]])
        frame = cv2.warpAffine(scene, shift, SIZE, flags=cv2.INTER_LINEAR)
        pictures.append(cv2.resize(frame, size) if size != SIZE else frame)
    return np.stack(pictures)


def sway(t):
    return 5 * np.sin(2 * np.pi * t / T) + 2 * np.sin(2 * np.pi * 3 * t / T), 0


def write_video(path, frames, rate=12, rotation=None):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def test_a_loop_is_kept_with_its_motion():
    verdict = judge(frames_of(sway))
    assert verdict.reason == ""
    assert verdict.is_loop
    assert not verdict.drift.any()
    # the middle of the square, on the flow's grid of half the size: half of 5 px and 2 px, as sines
    middle = verdict.volume[:, :, 30, 55]
    assert middle[1, 1] == pytest.approx(-5 / 4, abs=0.12)
    assert middle[3, 1] == pytest.approx(-2 / 4, abs=0.12)
    assert np.abs(verdict.volume[1:, :, :10]).max() < 0.05


def test_what_does_not_come_back_is_no_loop_and_its_ends_are_made_to_meet():
    verdict = judge(frames_of(lambda t: (sway(t)[0] + 8 * t / T, 0)))
    assert (verdict.reason, verdict.is_loop) == ("", False)
    assert verdict.drift[0, 30, 55] == pytest.approx(8 / 2, abs=0.6)
    assert verdict.volume[1, 1, 30, 55] == pytest.approx(-5 / 4, abs=0.2)


def test_drift_leaks_into_every_harmonic_unless_taken_out():
    t = np.arange(150)
    sine = 2 * np.sin(2 * np.pi * 2 * t / 150)
    F = np.zeros((150, 2, 1, 1), np.float32)
    F[:, 0, 0, 0] = sine + 6 * t / 150
    leaking = spectrum.volume_from_motion(F, 16)
    mended = spectrum.volume_from_motion(without_drift(F, end_drift(F)), 16)
    assert abs(leaking[10, 1]) > 0.09
    assert mended[2, 1, 0, 0] == pytest.approx(-1, abs=0.02)
    assert np.abs(mended[3:]).max() < 0.02


@pytest.mark.parametrize(
    ("camera", "reason"),
    [(lambda t: (20 * t / T, 0), "camera moves"), (lambda t: (0, 0), "nothing moves")],
    ids=["pan", "still"],
)
def test_pans_and_stills_are_dropped(camera, reason):
    assert judge(frames_of(lambda t: (0, 0), camera)).reason == reason


def test_a_creeping_camera_is_held_still():
    verdict = judge(frames_of(sway, lambda t: (4 * min(1.0, t / 20), 0)))
    assert (verdict.reason, verdict.held, verdict.is_loop) == ("", True, False)
    assert verdict.figures["camera_share"] > 0.95
    assert verdict.volume[1, 1, 30, 55] == pytest.approx(-5 / 4, abs=0.25)
    assert np.abs(verdict.volume[1:, :, 4:10, 10:100]).max() < 0.1


def test_the_camera_path_of_a_shift_is_that_shift_and_of_chaos_none():
    F = np.zeros((5, 2, 40, 64), np.float32)
    F[1:, 0] = 1.5
    np.testing.assert_allclose(camera_paths(F)[4], [[1, 0, 1.5], [0, 1, 0]], atol=1e-3)
    assert camera_paths(RNG.normal(0, 20, F.shape).astype(np.float32)) is None


def test_another_take_is_a_cut():
    first = frames_of(sway, count=20)
    assert largest_jump(first) < 1
    assert largest_jump(np.concatenate([first, 255 - first])) > 1
    assert judge(np.concatenate([first, 255 - first])).reason == "scene cut"


def test_loops_close_in_place_and_speed():
    t = np.arange(100)
    F = np.zeros((100, 2, 2, 2), np.float32)
    F[:, 0] = (4 * np.sin(2 * np.pi * t / 50))[:, None, None]
    assert closing_share(F) == 1
    assert closing_share(F[:88]) == 0
    assert closing_share(F[:75]) == 0  # back in its place, but on the way out
    F[50:, :, 0] = 9
    assert closing_share(F) == 0.5
    assert closing_share(np.concatenate([F[:, :, 1:], 0 * F[:1, :, 1:]])) == 1  # the first frame again


def test_only_loops_start_anywhere():
    clip = Clip("one", np.zeros((9, 4, 4, 3), np.uint8), np.zeros((16, 4, 2, 2), np.float32), is_loop=False)
    assert clip.starts == 1
    with pytest.raises(ValueError, match="one is no loop: it starts at frame 0, got 3"):
        clip.start(3)


def test_frames_are_upright_and_cut_to_the_shape_of_the_flow():
    class Frame:
        rotation = 90

        def to_ndarray(self, format):
            return np.dstack([np.repeat(np.arange(200, dtype=np.uint8)[:, None], 100, 1)] * 3)

    # 100 x 200, a quarter turn anticlockwise: its first row, dark, is the left column of 200 x 100
    picture = fitted(Frame())
    assert picture.shape == (288, 512, 3)
    assert picture[0, 0, 0] < 20
    assert picture[0, -1, 0] > 180


def test_a_phone_held_upright_is_shown_upright(tmp_path):
    """Its track header asks for a quarter turn clockwise: the left column becomes the top row."""
    frames = np.full((2, 64, 128, 3), 20, np.uint8)
    frames[:, :, :32] = 220
    path = tmp_path / "phone.mp4"
    write_video(path, frames)
    level, turned = (struct.pack(">9i", *m) for m in (
        (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30), (0, 65536, 0, -65536, 0, 0, 64 << 16, 0, 1 << 30),
    ))  # fmt: skip
    header, track = path.read_bytes().split(b"tkhd", 1)
    path.write_bytes(header + b"tkhd" + track.replace(level, turned, 1))
    with av.open(str(path)) as container:
        pixels = upright(next(container.decode(video=0)))
    assert pixels.shape == (128, 64, 3)
    assert pixels[:24].mean() > 180
    assert pixels[40:].mean() < 60


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepare")
    videos, data = folder / "videos", folder / "data"
    (videos / "trip").mkdir(parents=True)
    write_video(videos / "trip" / "loop.mp4", frames_of(sway, size=(512, 288)))
    write_video(videos / "brief.mp4", frames_of(sway, count=24))
    whole = (videos / "trip" / "loop.mp4").read_bytes()
    (videos / "torn.mp4").write_bytes(whole[: len(whole) // 3])
    (videos / "notes.txt").write_text("not a video")
    command.main([str(videos), "-o", str(data), "--jobs", "2"])
    return videos, data


def test_a_folder_of_videos_becomes_clips(prepared):
    _, data = prepared
    counts = json.loads((data / "prepared.json").read_text())
    assert counts["counts"] | {"dropped": 0} == {
        "videos": 3, "unreadable": 2, "windows": 1, "kept": 1, "loops": 1, "held": 0, "dropped": 0,
    }  # fmt: skip
    assert any("brief.mp4: 2.0 s; 5 s are needed" in reason for reason in counts["unreadable"])
    assert any("torn.mp4: can't be read" in reason for reason in counts["unreadable"])
    (clip,) = load_clips(data, data / "flow")
    assert (clip.name, clip.video, clip.starts) == ("trip+loop-000000", "trip+loop.mp4", 60)
    assert clip.frames.shape == (60, 288, 512, 3)
    photo, volume = clip.start(17)
    assert np.abs(photo.astype(int) - clip.frames[17]).max() == 0
    assert np.abs(volume[0, 0::2] + 2 * volume[1:, 0::2].sum(0)).max() < 1e-4
    assert is_prepared(data)
    assert load_prepared(data, without=("loop",)) == []


def test_it_goes_on_where_it_stopped(prepared):
    videos, data = prepared
    outcome = data / "windows" / "trip+loop.mp4" / "000000.json"
    before = outcome.stat().st_mtime_ns
    (data / "windows" / "trip+loop.mp4" / "video.json").unlink()  # as if stopped after the first window
    command.main([str(videos), "-o", str(data)])
    assert outcome.stat().st_mtime_ns == before
    assert (data / "windows" / "trip+loop.mp4" / "video.json").exists()
    with pytest.raises(command.PreparedError, match=r"was prepared with \{'stride': 10\}, got \{'stride': 5\}"):
        command.main([str(videos), "-o", str(data), "--stride", "5"])


def test_the_report_shows_the_kept_and_names_the_rest(prepared):
    page = (prepared[1] / "report.html").read_text()
    assert "1 of 1 windows kept, of 3 videos" in page
    assert page.count("data:image/jpeg;base64,") == 2
    assert "torn.mp4: can&#x27;t be read" in page
    assert page.count("<rect") == 15


def test_samples_are_drawn_from_it(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr("stillwave.model.samples.CLIP_SHARE", 1.0)
    fill_pool([str(prepared[1]), "-o", str(tmp_path / "pool"), "--count", "2"])
    with np.load(tmp_path / "pool" / "000001.npz") as sample:
        assert (sample["photo"].shape, sample["volume"].shape) == ((320, 512, 3), (16, 4, 160, 256))


def test_folders_without_videos_are_refused(tmp_path):
    with pytest.raises(VideoError, match=r"no videos in it; they end in .avi .m4v"):
        find_videos(tmp_path)
    with pytest.raises(VideoError, match="is not a folder"):
        find_videos(tmp_path / "nowhere")
    with pytest.raises(VideoError, match="no clips in it"):
        load_clips(tmp_path, tmp_path)


def test_frame_rates_are_thinned_to_thirty_and_must_not_be_slow(tmp_path):
    still = np.zeros((4, 16, 16, 3), np.uint8)
    write_video(tmp_path / "fast.mp4", still, rate=60)
    footage = footage_from_file(tmp_path / "fast.mp4")
    assert (footage.every, footage.rate, footage.window) == (2, 30, 150)
    write_video(tmp_path / "slow.mp4", still, rate=5)
    with pytest.raises(VideoError, match=r"slow.mp4: 5 frames a second; 12 are needed"):
        footage_from_file(tmp_path / "slow.mp4")
