import sys
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from videos import FILES, decoded, names, needs_encoder, psnr, wave, write  # noqa: F401  # the fixture

from stillwave.runtime.errors import BackendError, EncodeError
from stillwave.runtime.formats import output_format
from stillwave.runtime.video import VideoWriter


@pytest.mark.parametrize(("name", "floor_db"), [
    ("a.mp4", 34), ("a.webm", 34), ("a.webp", 36), ("a.avif", 32), ("a.gif", 27), ("a.apng", np.inf),
])
def test_frames_come_back_in_number_and_likeness(tmp_path, name, floor_db):
    frames = write(tmp_path / name, wave())
    read = decoded(tmp_path / name)
    assert len(read) == len(frames)
    assert min(psnr(a, b) for a, b in zip(read, frames, strict=True)) >= floor_db
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("name", FILES)
def test_two_runs_write_the_same_bytes(tmp_path, name):
    write(tmp_path / name, wave())
    first = (tmp_path / name).read_bytes()
    write(tmp_path / name, wave())
    assert (tmp_path / name).read_bytes() == first


@pytest.mark.parametrize("name", ["a.webp", "a.gif", "a.apng"])
@pytest.mark.parametrize("fps", [30, 24, 12.5, Fraction(30000, 1001)])
def test_animation_loops_and_lasts_exactly(tmp_path, name, fps):
    write(tmp_path / name, [np.zeros((32, 32, 3), np.uint8)] * 31, fps)  # equal, yet not merged
    with Image.open(tmp_path / name) as image:
        assert image.n_frames == 31
        assert image.info["loop"] == 0
        total_ms = 0
        for i in range(31):
            image.seek(i)
            image.load()
            total_ms += image.info["duration"]
    assert total_ms == pytest.approx(31_000 / fps, abs=5 if name == "a.gif" else 0.5)


@pytest.mark.parametrize(("name", "codec", "inside"), [
    ("a.mp4", "h264", "h264"), ("a.mp4", "av1", "av1"), ("a.webm", "vp9", "vp9"), ("a.webm", "av1", "av1"),
    ("a.mp4", None, "h264"), ("a.webm", None, "vp9"), ("a.avif", None, "av1"),
])  # fmt: skip
def test_codec_of_a_movie(tmp_path, name, codec, inside, capfd):
    av = pytest.importorskip("av")
    write(tmp_path / name, wave(45), codec=codec)
    with av.open(tmp_path / name) as container:
        stream = container.streams.video[-1]
        assert stream.codec_context.codec.canonical_name == inside
        assert len([p for p in container.demux(stream) if p.size]) == 45
        assert container.duration == 1_500_000
    assert capfd.readouterr().err == ""


def test_avif_loops_for_ever(tmp_path):
    """Its edit list repeats (flag 1) within a movie without end: what AVIF has for a loop."""
    pytest.importorskip("av")
    write(tmp_path / "a.avif", wave(3))
    content = (tmp_path / "a.avif").read_bytes()
    at = content.index(b"elst")
    assert content[at + 4 : at + 8] == b"\0\0\0\1"
    tkhd = content.index(b"tkhd")
    assert content[tkhd + 32 : tkhd + 40] == b"\x7f" + b"\xff" * 7


def test_apng_shows_broadcast_rates(tmp_path):
    """Its delay is a fraction of 16-bit numbers, which 1001/120000 is not."""
    write(tmp_path / "a.apng", wave(4), Fraction(120000, 1001))
    with Image.open(tmp_path / "a.apng") as image:
        assert image.info["duration"] == pytest.approx(1001 / 120, rel=1e-4)


def test_mp4_is_made_to_be_looped(tmp_path):
    av = pytest.importorskip("av")
    write(tmp_path / "a.mp4", wave(45))
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(tmp_path / "a.mp4") as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.duration * stream.time_base) == (45, 1.5)
        packets = [p for p in container.demux(stream) if p.size]
        assert packets[0].is_keyframe
        assert all(p.pts == p.dts for p in packets)
        codec = stream.codec_context
        assert (codec.color_range, codec.colorspace, codec.color_primaries, codec.color_trc) == (
            1, 1, 1, 1,
        )
        assert codec.pix_fmt == "yuv420p"


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 150, 90)])
def test_mp4_colours_are_bt709(tmp_path, colour):
    av = pytest.importorskip("av")
    write(tmp_path / "a.mp4", [np.full((32, 32, 3), colour, np.uint8)] * 2)
    with av.open(tmp_path / "a.mp4") as container:
        planes = next(container.decode(video=0)).to_ndarray()
    red, green, blue = np.array(colour) / 255
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    want = 16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748
    np.testing.assert_allclose((planes[0, 0], planes[32, 0], planes[40, 0]), want, atol=1.5)


def test_mp4_of_odd_size_leaves_out_the_last_column_and_row(tmp_path):
    frames = write(tmp_path / "a.mp4", wave(3, 65, 49))
    read = decoded(tmp_path / "a.mp4")
    assert read[0].shape == (48, 64, 3)
    assert psnr(read[0], frames[0][:48, :64]) > 34


def test_no_suffix_is_a_folder_of_pngs(tmp_path):
    frames = write(tmp_path / "frames", wave(3))
    assert names(tmp_path / "frames") == [f"frame_{i:05d}.png" for i in range(3)]
    (last,) = decoded(tmp_path / "frames/frame_00002.png")
    np.testing.assert_array_equal(last, frames[2])
    with pytest.raises(EncodeError, match="exists; remove it"):
        write(tmp_path / "frames", wave(3))


def test_format_may_be_named_instead_of_the_suffix(tmp_path):
    write(tmp_path / "loop.bin", wave(3), format="webp")
    with Image.open(tmp_path / "loop.bin") as image:
        assert image.format == "WEBP"


def test_a_frame_may_be_overwritten_once_write_returns(tmp_path):
    frame = np.zeros((32, 32, 3), np.uint8)
    with VideoWriter(tmp_path / "a.apng", (32, 32), 30) as writer:
        for value in range(20):
            frame[:] = value
            writer.write(frame)
    assert [f[0, 0, 0] for f in decoded(tmp_path / "a.apng")] == list(range(20))


def test_links_are_followed_not_replaced(tmp_path):
    (tmp_path / "real.webp").write_bytes(b"old")
    (tmp_path / "link.webp").symlink_to("real.webp")
    write(tmp_path / "link.webp", wave(2))
    assert (tmp_path / "link.webp").is_symlink()
    assert len(decoded(tmp_path / "real.webp")) == 2


# --- refusals ---


@pytest.mark.parametrize(("name", "match"), [
    ("a.avi", "cannot write 'avi'; choose one of mp4, webm, webp, avif, gif, apng, png, motion-photo, live-photo"),
    ("a.png", "name it .apng, or without a suffix"),
    ("none/a.webp", "there is no folder .*none; create it first"),
    ("folder.webp", "is not a regular file; choose another name"),
])
def test_output_that_cannot_be_is_refused_before_any_frame(tmp_path, name, match):
    (tmp_path / "folder.webp").mkdir()
    with pytest.raises(EncodeError, match=match):
        output_format(tmp_path / name)


def test_mp4_without_av_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(BackendError, match=r'needs PyAV; pip install "stillwave\[video\]"'):
        output_format(tmp_path / "a.mp4")


@pytest.mark.parametrize(("format", "codec", "match"), [
    ("mp4", "vp9", "mp4 takes one of h264, av1, got 'vp9'"), ("gif", "av1", "gif takes no codec, got 'av1'"),
])
def test_codec_that_does_not_go_with_the_format_is_refused(tmp_path, format, codec, match):
    with pytest.raises(EncodeError, match=match):
        output_format(tmp_path / f"a.{format}", codec=codec)


def test_av_without_the_encoder_says_so(tmp_path, monkeypatch):
    av = pytest.importorskip("av")
    monkeypatch.setattr(av, "codecs_available", {"libx264"})
    with pytest.raises(BackendError, match="this PyAV has no libsvtav1 or libaom-av1 for av1; install PyPI's"):
        output_format(tmp_path / "a.avif")


@pytest.mark.parametrize("fps", [0, -1, 1e-9, 1000, float("nan")])
def test_impossible_frame_rate_is_refused(tmp_path, fps):
    with pytest.raises(EncodeError, match=f"want 0.1 to 240 frames a second, got {fps}"):
        VideoWriter(tmp_path / "a.webp", (32, 32), fps)


def test_gif_faster_than_players_show_is_refused(tmp_path):
    with pytest.raises(EncodeError, match="GIF shows at most 50 frames a second, got 60"):
        write(tmp_path / "a.gif", wave(2), fps=60)


@pytest.mark.parametrize("frame", [np.zeros((32, 33, 3), np.uint8), np.zeros((32, 32, 3))])
def test_frame_of_another_kind_is_refused(tmp_path, frame):
    with pytest.raises(EncodeError, match=r"want a uint8 frame of shape \(32, 32, 3\), got"):
        write_one(tmp_path / "a.webp", frame)
    assert names(tmp_path) == []


def write_one(path, frame):
    with VideoWriter(path, (32, 32), 30) as writer:
        writer.write(frame)


def test_no_frames_is_an_error(tmp_path):
    with pytest.raises(EncodeError, match="no frame was written"), \
            VideoWriter(tmp_path / "a.webp", (32, 32), 30):
        pass
    assert names(tmp_path) == []
