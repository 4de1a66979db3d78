"""Photos that are refused, each with a reason."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from photos import gradient, swapped_primaries
from PIL import Image

from stillwave.runtime.errors import PhotoError
from stillwave.runtime.photo import read_photo

HEIC = Path(__file__).parent / "data" / "quadrant.heic"


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = png_chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + pixels + png_chunk(b"IEND", b"")


def refused(path, content, match):
    path.write_bytes(content)
    with pytest.raises(PhotoError, match=match) as caught:
        read_photo(path)
    assert str(path) in str(caught.value)


def encoded(format, **options):
    file = io.BytesIO()
    Image.fromarray(gradient()).save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_truncated_photo_is_refused(tmp_path, format):
    content = encoded(format)
    refused(tmp_path / "a", content[: len(content) // 2], "cannot be decoded|not a photo")


@pytest.mark.parametrize("format", ["BMP", "TIFF", "GIF", "PPM", "JPEG2000"])
def test_unlisted_format_is_refused(tmp_path, format):
    refused(tmp_path / "a.jpg", encoded(format), "not a photo that can be read here; save it as")


def test_text_and_nothing_are_refused(tmp_path):
    refused(tmp_path / "a.jpg", b"#!/bin/sh", "not a photo")
    refused(tmp_path / "b.jpg", b"", "not a photo")


def test_one_pixel_is_refused(tmp_path):
    Image.new("RGB", (1, 1)).save(tmp_path / "a.png")
    with pytest.raises(PhotoError, match=r"1 x 1 px is too small; each side must have 16 px"):
        read_photo(tmp_path / "a.png")


@pytest.mark.parametrize("side", [6400, 10_000, 20_000, 2**31 - 1])
def test_decompression_bomb_is_refused_from_its_header(tmp_path, side):
    refused(tmp_path / "a.png", png_header(side, side), "at most 40 megapixels|cannot be decoded")


def test_sliver_is_refused(tmp_path):
    refused(tmp_path / "a.png", png_header(16, 257), "16 x 257 px is too narrow; crop it")


def test_what_is_not_a_regular_file_is_refused(tmp_path):
    with pytest.raises(PhotoError, match="cannot be read: No such file"):
        read_photo(tmp_path / "none.jpg")
    with pytest.raises(PhotoError, match="want a regular file"):
        read_photo(tmp_path)


@pytest.mark.parametrize(("array", "got"), [
    (np.zeros((64, 64, 3), np.float32), "float32"),
    (np.zeros((64, 64), np.uint8), r"\(64, 64\)"),
    (np.zeros((64, 64, 4), np.uint8), r"\(64, 64, 4\)"),
])
def test_array_of_another_kind_is_refused(array, got):
    with pytest.raises(PhotoError, match=rf"want a uint8 array of shape \(H, W, 3\), got .*{got}"):
        read_photo(array)


def test_float_images_are_refused():
    with pytest.raises(PhotoError, match="no agreed range"):
        read_photo(Image.new("F", (32, 32)))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_mutated_photos_are_read_or_refused(tmp_path, format):
    """Byte flips, cuts and repeats: a photo or a PhotoError, and nothing else."""
    exif = Image.Exif()
    exif[0x0112] = 6
    clean = encoded(format, exif=exif, icc_profile=swapped_primaries())
    random = np.random.default_rng(0)
    path, outcomes = tmp_path / "a", set()
    for _ in range(125):
        content = bytearray(clean)
        for _ in range(random.integers(1, 6)):
            content[random.integers(len(content))] = random.integers(256)
        if random.random() < 0.3:
            cut = random.integers(len(content))
            content = content[:cut] + content[random.integers(cut + 1) :]
        path.write_bytes(content)
        try:
            outcomes.add(read_photo(path).dtype)
        except PhotoError:
            outcomes.add(PhotoError)
    # whether any is still a photo depends on the encoder's bytes, which differ between machines
    assert PhotoError in outcomes
    assert outcomes <= {np.dtype(np.uint8), PhotoError}


def test_truncated_heic_is_refused(tmp_path):
    pytest.importorskip("pi_heif")
    refused(tmp_path / "a.heic", HEIC.read_bytes()[:300], "cannot be decoded")
