"""A video is written whole or not at all, and takes little memory."""

import os
import subprocess
import sys
from threading import Event

import pytest
from videos import FILES, decoded, names, needs_encoder, wave, write  # noqa: F401  # the fixture

from stillwave.runtime import video
from stillwave.runtime.animated_image import WebpEncoder
from stillwave.runtime.errors import EncodeError
from stillwave.runtime.formats import encoder_bytes
from stillwave.runtime.video import FRAMES_IN_FLIGHT, VideoWriter

KILL_ME = """
import sys
import numpy as np
from stillwave.runtime.video import VideoWriter
with VideoWriter(sys.argv[1], (64, 48), 30) as writer:
    while True:
        writer.write(np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8))
        if writer.num_frames == 20:
            print("writing", flush=True)
"""
FULL_DISK = """
import resource, signal, sys
import numpy as np
from stillwave.runtime.errors import EncodeError
from stillwave.runtime.video import VideoWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
random = np.random.default_rng(0)
try:
    with VideoWriter(sys.argv[1], (320, 240), 30) as writer:
        for _ in range(40):
            writer.write(random.integers(0, 255, (240, 320, 3), dtype=np.uint8))
except EncodeError as error:
    print(error)
"""
STEADY_MEMORY = """
import sys
import numpy as np
from stillwave.runtime.video import VideoWriter
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
frames = np.random.default_rng(0).integers(0, 255, (8, 48, 64, 3), dtype=np.uint8)
with VideoWriter(sys.argv[1], (64, 48), 30) as writer:
    for i in range(2400):
        writer.write(frames[i % 8])
        if i == 400:
            before = resident()
    print(resident() - before)
"""


def write_frames_that_break(path):
    with VideoWriter(path, (64, 48), 30) as writer:
        for i, frame in enumerate(wave(5)):
            writer.write(frame)
            if i == 3:
                raise ZeroDivisionError


@pytest.mark.parametrize("name", [*FILES, "folder"])
def test_an_exception_leaves_the_old_file(tmp_path, name):
    if name != "folder":
        (tmp_path / name).write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        write_frames_that_break(tmp_path / name)
    assert names(tmp_path) == ([name] if name != "folder" else [])
    assert name == "folder" or (tmp_path / name).read_bytes() == b"old"


class FailingEncoder:
    def __init__(self, path, size, fps):
        self.path, self.num_frames = path, 0

    def write(self, frame):
        self.path.write_bytes(b"partial")
        self.num_frames += 1
        if self.num_frames == 4:
            raise RuntimeError("the encoder broke")

    def finish(self):
        raise AssertionError("a failed file must not be completed")

    def close(self):
        pass


@pytest.mark.parametrize("num_frames", [4, 100])
def test_failure_in_the_encoding_thread_is_raised(tmp_path, monkeypatch, num_frames):
    monkeypatch.setitem(video.ENCODERS, "webp", FailingEncoder)
    with pytest.raises(EncodeError, match=r"encoding failed after \d+ frames: the encoder broke"):
        write(tmp_path / "a.webp", wave(num_frames))
    assert names(tmp_path) == []


def test_encoding_overlaps_with_rendering(tmp_path, monkeypatch):
    may_encode = Event()

    class WaitingEncoder(WebpEncoder):
        def write(self, frame):
            assert may_encode.wait(60)
            super().write(frame)

    monkeypatch.setitem(video.ENCODERS, "webp", WaitingEncoder)
    with VideoWriter(tmp_path / "a.webp", (64, 48), 30) as writer:
        for frame in wave(FRAMES_IN_FLIGHT):
            writer.write(frame)  # would wait for ever if it encoded
        may_encode.set()
    assert len(decoded(tmp_path / "a.webp")) == FRAMES_IN_FLIGHT


@pytest.mark.parametrize("name", [*FILES, "folder"])
def test_kill_leaves_no_partial_file_and_the_next_writer_sweeps(tmp_path, name):
    with subprocess.Popen(
        [sys.executable, "-c", KILL_ME, tmp_path / name], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "writing\n"
        process.kill()
    assert not (tmp_path / name).exists()
    assert len(names(tmp_path)) == 1
    write(tmp_path / name, wave(2))
    assert names(tmp_path) == [name]


def test_sweep_spares_running_writers(tmp_path):
    with VideoWriter(tmp_path / "a.webp", (64, 48), 30) as writer:
        write(tmp_path / "b.webp", wave(2))
        for frame in wave(2):
            writer.write(frame)
    assert names(tmp_path) == ["a.webp", "b.webp"]


@pytest.mark.skipif(not hasattr(os, "setsid"), reason="needs POSIX resource limits")
@pytest.mark.parametrize("name", ["a.mp4", "a.webp", "a.apng", "folder"])
def test_full_disk_is_a_typed_error(tmp_path, name):
    command = [sys.executable, "-c", FULL_DISK, tmp_path / name]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "encoding failed after" in result.stdout
    assert names(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
@pytest.mark.parametrize("name", ["a.mp4", "a.webp"])
def test_memory_does_not_grow_with_the_number_of_frames(tmp_path, name):
    command = [sys.executable, "-c", STEADY_MEMORY, tmp_path / name]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(result.stdout) < 1 << 20


PEAK = """
import sys
import numpy as np
from stillwave.runtime.video import VideoWriter
def status(field):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field + ":")) * 1024
def peak():  # of the process's own memory; how much of a library the system maps depends on who read it before
    return status("VmHWM") - status("RssFile")
import av, PIL.Image
frames = np.random.default_rng(0).integers(0, 255, (3, 360, 640, 3), dtype=np.uint8)
before = peak()
with VideoWriter(sys.argv[1], (640, 360), 30, codec=sys.argv[2] or None) as writer:
    for i in range(24):
        writer.write(frames[i % 3])
print(peak() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
@pytest.mark.parametrize(("name", "codec"), [
    ("a.mp4", "h264"), ("a.mp4", "av1"), ("a.webm", "vp9"), ("a.avif", "av1"), ("a.webp", ""), ("a.apng", ""),
])  # fmt: skip
def test_encoders_keep_to_their_share_of_the_budget(tmp_path, name, codec):
    """On noise, which is the most they can get."""
    pytest.importorskip("av")
    command = [sys.executable, "-c", PEAK, tmp_path / name, codec]
    peak = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert peak < encoder_bytes(name.split(".")[1], codec or None, (640, 360))
