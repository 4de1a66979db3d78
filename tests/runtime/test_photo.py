import io
import struct
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from stillwave.runtime.errors import BackendError, PhotoError
from stillwave.runtime.photo import (
    UPRIGHT_FROM_ORIENTATION,
    Photo,
    crop_box,
    fit,
    read_photo,
    render_size,
)

DATA = Path(__file__).parent / "data"
HEIC = DATA / "quadrant.heic"
INVERSE = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


def gradient(width=64, height=48):
    """Smooth, and different in every quadrant, so that no two orientations look alike."""
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * x / width, 255 * y / height, 40 + 0 * x], axis=-1).astype(np.uint8)


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = png_chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + pixels + png_chunk(b"IEND", b"")


def test_array_path_and_pillow_image_agree(tmp_path):
    pixels = gradient()
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for source in (pixels, tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(pixels)):
        photo = read_photo(source)
        assert photo.source_size == (64, 48)
        np.testing.assert_array_equal(photo.pixels, pixels)
    assert read_photo(photo) is photo


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif"])
def test_every_listed_format_is_read(tmp_path, suffix):
    Image.fromarray(gradient()).save(tmp_path / f"a.{suffix}", quality=95)
    pixels = read_photo(tmp_path / f"a.{suffix}").pixels
    assert np.abs(pixels.astype(int) - gradient()).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_exif_orientation_is_undone(tmp_path, orientation, suffix):
    upright = Image.fromarray(gradient())
    stored = upright
    if orientation != 1:
        stored = upright.transpose(UPRIGHT_FROM_ORIENTATION[INVERSE[orientation]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / f"a.{suffix}", exif=exif, quality=95, lossless=True)
    photo = read_photo(tmp_path / f"a.{suffix}")
    assert photo.source_size == (64, 48)
    assert np.abs(photo.pixels.astype(int) - gradient()).mean() < 3


def test_alpha_is_composited_onto_white(tmp_path):
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[:, :16] = (200, 0, 0, 128)
    pixels[:, 16:] = (9, 9, 9, 0)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    result = read_photo(tmp_path / "a.png").pixels
    np.testing.assert_allclose(result[0, 0], (227, 127, 127), atol=1)
    assert (result[:, 16:] == 255).all()


def test_transparent_palette_and_grey_alpha_are_composited(tmp_path):
    palette = Image.new("P", (32, 32), 1)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.paste(0, (0, 0, 16, 32))
    palette.save(tmp_path / "a.png", transparency=0)
    result = read_photo(tmp_path / "a.png").pixels
    assert tuple(result[0, 0]) == (255, 255, 255)
    assert tuple(result[0, 31]) == (0, 0, 255)
    np.testing.assert_allclose(
        read_photo(Image.new("LA", (32, 32), (0, 127))).pixels[0, 0], (128, 128, 128), atol=1
    )


def test_sixteen_bit_grey_is_rounded_not_clipped(tmp_path):
    values = np.linspace(0, 65535, 32 * 64).reshape(32, 64).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    for channel in np.moveaxis(read_photo(tmp_path / "a.png").pixels, 2, 0):
        np.testing.assert_array_equal(channel, np.round(values / 257))


@pytest.mark.parametrize(("mode", "colour", "want"), [
    ("1", 1, (255, 255, 255)),
    ("L", 77, (77, 77, 77)),
    ("P", 3, (3, 3, 3)),
    ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
    ("YCbCr", (128, 128, 128), (128, 128, 128)),
])
def test_other_modes_become_rgb(mode, colour, want):
    image = Image.new(mode, (32, 32), colour)
    if mode == "P":
        image.putpalette([v for v in range(256) for _ in "rgb"])
    np.testing.assert_allclose(read_photo(image).pixels[5, 5], want, atol=1)


def test_cmyk_jpeg_is_read(tmp_path):
    Image.new("CMYK", (32, 32), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    np.testing.assert_allclose(read_photo(tmp_path / "a.jpg").pixels[5, 5], (255, 0, 0), atol=4)


def swapped_primaries():
    """An sRGB profile whose red and blue colorants have changed places."""
    icc = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {}
    for i in range(struct.unpack_from(">I", icc, 128)[0]):
        name, offset, size = struct.unpack_from(">4sII", icc, 132 + 12 * i)
        tags[name] = offset, size
    (r, n), (b, _) = tags[b"rXYZ"], tags[b"bXYZ"]
    icc[r : r + n], icc[b : b + n] = icc[b : b + n], icc[r : r + n]
    return bytes(icc)


def test_embedded_profile_is_converted_to_srgb(tmp_path):
    image = Image.new("RGB", (32, 32), (250, 10, 20))
    image.save(tmp_path / "a.png", icc_profile=swapped_primaries())
    np.testing.assert_allclose(read_photo(tmp_path / "a.png").pixels[0, 0], (20, 10, 250), atol=2)


def test_rgb_profile_of_a_grey_photo_keeps_it_grey(tmp_path):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("L", (32, 32), 90).save(tmp_path / "a.jpg", icc_profile=icc)
    np.testing.assert_allclose(read_photo(tmp_path / "a.jpg").pixels[0, 0], (90, 90, 90), atol=1)


@pytest.mark.parametrize("icc", [b"x", b"\0" * 200, swapped_primaries()[:300]])
def test_damaged_profile_is_ignored(tmp_path, icc):
    Image.new("RGB", (32, 32), (250, 10, 20)).save(tmp_path / "a.png", icc_profile=icc)
    assert tuple(read_photo(tmp_path / "a.png").pixels[0, 0]) == (250, 10, 20)


def test_first_frame_of_an_animation(tmp_path):
    first, second = Image.new("RGB", (32, 32), "red"), Image.new("RGB", (32, 32), "blue")
    for name in ("a.webp", "a.png"):
        first.save(tmp_path / name, save_all=True, append_images=[second], lossless=True)
        assert tuple(read_photo(tmp_path / name).pixels[0, 0]) == (255, 0, 0)


def test_heic_is_read_upright():
    pytest.importorskip("pi_heif")
    photo = read_photo(HEIC)
    assert photo.source_size == (48, 64)
    np.testing.assert_allclose(photo.pixels[5, -5], (221, 40, 31), atol=4)


def test_heic_without_the_extra_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(BackendError, match=r'HEIC needs pi-heif; pip install "stillwave\[heif\]"'):
        read_photo(HEIC)


def test_heic_that_ends_its_decoder_does_not_end_the_caller():
    pytest.importorskip("pi_heif")
    with suppress(PhotoError):  # later releases may read it
        read_photo(DATA / "crashes_pi_heif_1.4.0.heic")


def test_decoder_that_was_ended_by_a_signal_is_a_photo_error(monkeypatch):
    pytest.importorskip("pi_heif")
    ended = subprocess.CompletedProcess([], -11, b"", b"")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    with pytest.raises(PhotoError, match=r"its decoder exited with -11\); is the file damaged"):
        read_photo(HEIC)


def test_truncated_heic_is_refused(tmp_path):
    pytest.importorskip("pi_heif")
    refused(tmp_path / "a.heic", HEIC.read_bytes()[:300], "cannot be decoded")


# --- refusals ---


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
    random = np.random.default_rng(len(clean))
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
            outcomes.add(read_photo(path).pixels.dtype)
        except PhotoError:
            outcomes.add(PhotoError)
    assert outcomes == {np.dtype(np.uint8), PhotoError}


# --- render size ---


def test_own_size_is_kept_and_odd_sides_lose_one_pixel():
    pixels = gradient(65, 49)
    np.testing.assert_array_equal(fit(read_photo(pixels)), pixels[:48, :64])
    np.testing.assert_array_equal(fit(read_photo(gradient())), gradient())


def test_large_photos_are_reduced_to_the_longest_side():
    photo = Photo(gradient(160, 90), (160, 90))
    assert fit(photo, longest=80).shape == (44, 80, 3)
    assert render_size((4000, 3000)) == (1280, 960)
    assert render_size((3000, 4000)) == (960, 1280)


def test_explicit_size_shows_the_centre_of_the_photo():
    pixels = gradient(64, 64)
    pixels[:16] = pixels[48:] = 255  # outside the central 2:1 part
    assert fit(read_photo(pixels), (64, 32)).max() < 255
    assert crop_box((64, 64), (64, 32)) == (0, 16, 64, 48)


@given(st.tuples(*[st.integers(64, 4000)] * 2), st.tuples(*[st.integers(16, 2000)] * 2))
def test_crop_box_lies_inside_and_has_the_asked_shape(source_size, size):
    left, top, right, bottom = crop_box(source_size, size)
    assert left >= -1e-6
    assert top >= -1e-6
    assert right <= source_size[0] + 1e-6
    assert bottom <= source_size[1] + 1e-6
    assert (right - left) / (bottom - top) == pytest.approx(size[0] / size[1], rel=1e-6)


@pytest.mark.parametrize("orientation", [1, 6])
def test_jpeg_decoded_at_a_fraction_renders_the_same(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(gradient(960, 640)).save(tmp_path / "a.jpg", quality=95, exif=exif)
    whole = read_photo(tmp_path / "a.jpg")
    draft = read_photo(tmp_path / "a.jpg", longest=120)
    assert draft.source_size == whole.source_size
    assert draft.pixels.size * 16 == whole.pixels.size
    difference = fit(draft, longest=120).astype(int) - fit(whole, longest=120)
    assert np.abs(difference).max() <= 3


def test_tiny_render_size_is_refused():
    with pytest.raises(PhotoError, match="8 x 8 px is too small"):
        fit(read_photo(gradient()), (8, 8))
