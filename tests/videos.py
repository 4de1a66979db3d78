"""What tests of videos share: frames, how they are written and read back."""

import numpy as np
import pytest
from PIL import Image, features

from stillwave.runtime import movie
from stillwave.runtime.video import VideoWriter

FILES = ["a.mp4", "a.webm", "a.webp", "a.avif", "a.gif", "a.apng"]
MOVIES = ["a.mp4", "a.webm"]


def wave(num_frames=30, width=64, height=48):
    """A smooth picture that sways; the first and the middle frame are equal."""
    y, x = np.mgrid[:height, :width]
    for t in range(num_frames):
        shift = 6 * np.sin(2 * np.pi * t / num_frames)
        red = 127 + 100 * np.sin((x + shift) / 9)
        yield np.stack([red, 255 * y / height, 60 + x], axis=-1).astype(np.uint8)


def write(path, frames, fps=30, **options):
    frames = list(frames)
    height, width, _ = frames[0].shape
    with VideoWriter(path, (width, height), fps, **options) as writer:
        for frame in frames:
            writer.write(frame)
    return frames


def decoded(path):
    if path.name in MOVIES:
        av = pytest.importorskip("av")
        from av.video.reformatter import ColorRange, Colorspace

        with av.open(path) as container:
            return [
                f.to_ndarray(
                    format="rgb24",
                    src_colorspace=Colorspace.ITU709,
                    src_color_range=ColorRange.MPEG,
                    dst_color_range=ColorRange.JPEG,
                )
                for f in container.decode(video=0)
            ]
    with Image.open(path) as image:
        frames = []
        for i in range(getattr(image, "n_frames", 1)):
            image.seek(i)
            frames.append(np.asarray(image.convert("RGB")))
        return frames


def psnr(a, b):
    error = np.mean((np.asarray(a, float) - np.asarray(b, float)) ** 2)
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


@pytest.fixture(autouse=True)
def needs_encoder(request):
    """The encoder of what a parameter names; Pillow may come without an AVIF decoder, too."""
    named = getattr(request.node, "callspec", None)
    needs_av1 = "avif" in str(named) or "av1" in str(named)
    if needs_av1 or any(name in str(named) for name in MOVIES):
        av = pytest.importorskip("av")
        if needs_av1 and not set(movie.CODECS["av1"].encoders) & av.codecs_available:
            pytest.skip("this PyAV has no AV1 encoder")
    if "avif" in str(named) and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
