"""Motion photos and Live Photos, read back by hand and by exiftool and ffprobe where they are installed."""

import re
import runpy
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from stillwave.runtime import animator
from stillwave.runtime.errors import EncodeError
from stillwave.runtime.formats import output_format
from stillwave.runtime.live_movie import make_live
from stillwave.runtime.video import VideoWriter

av = pytest.importorskip("av")
PACKAGES = {"exiftool": "libimage-exiftool-perl", "ffprobe": "ffmpeg"}
ENOUGH = "exiftool 13 or later is wanted; npm install exiftool-vendored.pl, its bin on PATH"


def write(path, num_frames=30, size=(64, 48)):
    random = np.random.default_rng(0)
    with VideoWriter(path, size, 30) as writer:
        for _ in range(num_frames):
            writer.write(random.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8))
    return path


def output_of(tool, *arguments):
    if shutil.which(tool) is None:
        pytest.skip(f"no {tool} on this machine; apt install {PACKAGES[tool]}")
    return subprocess.run([tool, *map(str, arguments)], check=True, capture_output=True).stdout


def validated(path):
    """What exiftool thinks of the file: every warning and error would be a line."""
    return output_of("exiftool", "-validate", "-warning", "-error", "-a", "-s3", path).decode().split("\n")[:-1]


def frames_and_seconds(path):
    show = "stream=nb_read_frames:format=duration"
    command = ("-v", "error", "-select_streams", "v", "-count_frames", "-show_entries", show, "-of", "csv=p=0", path)
    frames, seconds = output_of("ffprobe", *command).decode().split()
    return int(frames.strip(",")), float(seconds)


# --- motion photo ---


def test_motion_photo_is_a_jpeg_with_the_mp4_behind_it(tmp_path):
    photo = write(tmp_path / "waveMP.jpg").read_bytes()
    movie = write(tmp_path / "wave.mp4").read_bytes()
    assert photo.endswith(movie)
    lengths = re.findall(rb'Item:Length="(\d+)"', photo)
    assert lengths == [b"0", str(len(movie)).encode()]
    with Image.open(tmp_path / "waveMP.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (64, 48))
        xmp = image.info["xmp"].decode()
    assert 'Camera:MotionPhoto="1"' in xmp
    assert sorted(p.name for p in tmp_path.iterdir()) == ["wave.mp4", "waveMP.jpg"]


def test_exiftool_finds_the_motion_photo_without_a_warning(tmp_path):
    assert validated(write(tmp_path / "waveMP.jpg")) == ["OK"]


def test_exiftool_extracts_the_very_movie(tmp_path):
    photo = write(tmp_path / "waveMP.jpg")
    if float(output_of("exiftool", "-ver")) < 13:
        pytest.skip(ENOUGH)
    assert output_of("exiftool", "-b", "-MotionPhotoVideo", photo) == write(tmp_path / "wave.mp4").read_bytes()


@pytest.mark.parametrize("name", ["photo.jpg", "photomp.jpg", "MP.jpg", "photo.jpeg"])
def test_jpeg_that_readers_would_not_open_is_refused(tmp_path, name):
    with pytest.raises(EncodeError, match=r"name a motion photo .*MP\.jpg, for readers go by it"):
        output_format(tmp_path / name)
    assert output_format(tmp_path / name, "motion-photo") == "motion-photo"


# --- Live Photo ---


def test_live_photo_is_paired_by_one_identifier(tmp_path):
    folder = write(tmp_path / "wave.livephoto")
    assert sorted(p.name for p in folder.iterdir()) == ["live_photo.jpg", "live_photo.mov"]
    still, movie = (folder / "live_photo.jpg").read_bytes(), (folder / "live_photo.mov").read_bytes()
    (identifier,) = re.findall(rb"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}", still)
    assert identifier in movie
    with Image.open(folder / "live_photo.jpg") as image:
        exif = image.getexif().get_ifd(0x8769)
    assert exif[0x927C].startswith(b"Apple iOS\0\0\1MM")
    assert (exif[0xA002], exif[0xA003]) == (64, 48)


def test_live_photo_movie_says_when_the_still_is(tmp_path):
    folder = write(tmp_path / "wave.livephoto", 45)
    with av.open(folder / "live_photo.mov") as movie:
        assert (movie.streams.video[0].frames, movie.duration) == (45, 1_500_000)
        assert len(list(movie.decode(video=0))) == 45
    with av.open(folder / "live_photo.mov") as movie:
        (still,) = [p for p in movie.demux(movie.streams.data[0]) if p.size]
        assert (still.pts, bytes(still)) == (0, b"\0\0\0\x09\0\0\0\1\xff")


def test_exiftool_finds_the_pair_without_a_warning(tmp_path):
    folder = write(tmp_path / "wave.livephoto")
    for name in ("live_photo.jpg", "live_photo.mov"):
        assert validated(folder / name) == ["OK"]
    identifiers = (
        output_of("exiftool", "-s3", "-ContentIdentifier", "-MediaGroupUUID", "-q", folder).decode().split()
    )  # 12.57 has the second name
    assert len(identifiers) == 2
    assert len(set(identifiers)) == 1
    assert output_of("exiftool", "-ee", "-s3", "-StillImageTime", folder / "live_photo.mov").strip() == b"-1"


def test_a_movie_that_ends_otherwise_is_refused(tmp_path):
    with pytest.raises(EncodeError, match="the movie ends with b'mdat' instead of moov"):
        make_live(write(tmp_path / "a.mp4"), "")


@pytest.mark.parametrize("name", ["waveMP.jpg", "wave.livephoto"])
def test_two_runs_write_the_same_bytes(tmp_path, name):
    contents = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        write(folder / name)
        contents.append([path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()])
    assert contents[0]
    assert contents[0] == contents[1]


@pytest.mark.parametrize("name", ["waveMP.jpg", "wave.livephoto"])
def test_an_exception_leaves_nothing(tmp_path, name):
    with pytest.raises(EncodeError, match="want a uint8 frame"), VideoWriter(tmp_path / name, (64, 48), 30) as writer:
        writer.write(np.zeros((48, 64), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_the_example_writes_both(tmp_path, monkeypatch):
    scene = SimpleNamespace(size=(64, 48), frames=lambda **_: [np.zeros((48, 64, 3), np.uint8)] * 3)
    fake = SimpleNamespace(analyze=lambda photo: nullcontext(scene))
    monkeypatch.setattr(animator, "Animator", lambda: nullcontext(fake))
    monkeypatch.chdir(tmp_path)
    runpy.run_path(Path(__file__).parents[2] / "examples" / "phone.py")["main"]("folder/photo.heic")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.livephoto", "photoMP.jpg"]


# --- every movie, by other hands ---


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.avif", "a.gif", "w.livephoto/live_photo.mov"])
def test_ffprobe_counts_every_frame_and_the_exact_duration(tmp_path, name):
    write(tmp_path / name.split("/")[0], 45)
    assert frames_and_seconds(tmp_path / name) == (45, 1.5)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.webp", "a.avif", "a.apng", "a.gif"])
def test_exiftool_validates_without_a_warning(tmp_path, name):
    assert validated(write(tmp_path / name)) == ["OK"]
