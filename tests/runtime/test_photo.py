import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photos import gradient, swapped_primaries
from PIL import Image, ImageCms

from stillwave.runtime.errors import BackendError, PhotoError
from stillwave.runtime.photo import Photo, crop_box, read_photo, render_size, resample

DATA = Path(__file__).parent / "data"
HEIC = DATA / "quadrant.heic"
STORED_FROM_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def test_array_path_and_pillow_image_agree(tmp_path):
    pixels = gradient()
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for source in (pixels, tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(pixels)):
        with Photo(source) as photo:
            assert photo.source_size == photo.size == (64, 48)
            np.testing.assert_array_equal(photo.pixels(), pixels)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif"])
def test_every_listed_format_is_read(tmp_path, suffix):
    Image.fromarray(gradient()).save(tmp_path / f"a.{suffix}", quality=95)
    pixels = read_photo(tmp_path / f"a.{suffix}")
    assert np.abs(pixels.astype(int) - gradient()).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_exif_orientation_is_undone(tmp_path, orientation, suffix):
    upright = Image.fromarray(gradient())
    stored = upright
    if orientation != 1:
        stored = upright.transpose(STORED_FROM_UPRIGHT[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / f"a.{suffix}", exif=exif, quality=95, lossless=True)
    with Photo(tmp_path / f"a.{suffix}") as photo:
        assert photo.source_size == (64, 48)
        assert np.abs(photo.pixels().astype(int) - gradient()).mean() < 3
    corner = read_photo(tmp_path / f"a.{suffix}", (63, 47))  # an odd row and column less, none resampled
    assert np.abs(corner.astype(int) - gradient()[:47, :63]).mean() < 3
    part = read_photo(tmp_path / f"a.{suffix}", (16, 24)).astype(int)
    assert np.abs(part - read_photo(gradient(), (16, 24))).mean() < 3


def test_alpha_is_composited_onto_white(tmp_path):
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[:, :16] = (200, 0, 0, 128)
    pixels[:, 16:] = (9, 9, 9, 0)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    result = read_photo(tmp_path / "a.png")
    np.testing.assert_allclose(result[0, 0], (227, 127, 127), atol=1)
    assert (result[:, 16:] == 255).all()


def test_transparent_palette_and_grey_alpha_are_composited(tmp_path):
    palette = Image.new("P", (32, 32), 1)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.paste(0, (0, 0, 16, 32))
    palette.save(tmp_path / "a.png", transparency=0)
    result = read_photo(tmp_path / "a.png")
    assert tuple(result[0, 0]) == (255, 255, 255)
    assert tuple(result[0, 31]) == (0, 0, 255)
    np.testing.assert_allclose(
        read_photo(Image.new("LA", (32, 32), (0, 127)))[0, 0], (128, 128, 128), atol=1
    )


def test_sixteen_bit_grey_is_rounded_not_clipped(tmp_path):
    values = np.linspace(0, 65535, 32 * 64).reshape(32, 64).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    for channel in np.moveaxis(read_photo(tmp_path / "a.png"), 2, 0):
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
    np.testing.assert_allclose(read_photo(image)[5, 5], want, atol=1)


def test_cmyk_jpeg_is_read(tmp_path):
    Image.new("CMYK", (32, 32), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    np.testing.assert_allclose(read_photo(tmp_path / "a.jpg")[5, 5], (255, 0, 0), atol=4)


def test_embedded_profile_is_converted_to_srgb(tmp_path):
    image = Image.new("RGB", (32, 32), (250, 10, 20))
    image.save(tmp_path / "a.png", icc_profile=swapped_primaries())
    np.testing.assert_allclose(read_photo(tmp_path / "a.png")[0, 0], (20, 10, 250), atol=2)


def test_rgb_profile_of_a_grey_photo_keeps_it_grey(tmp_path):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("L", (32, 32), 90).save(tmp_path / "a.jpg", icc_profile=icc)
    np.testing.assert_allclose(read_photo(tmp_path / "a.jpg")[0, 0], (90, 90, 90), atol=1)


@pytest.mark.parametrize("icc", [b"x", b"\0" * 200, swapped_primaries()[:300]])
def test_damaged_profile_is_ignored(tmp_path, icc):
    Image.new("RGB", (32, 32), (250, 10, 20)).save(tmp_path / "a.png", icc_profile=icc)
    assert tuple(read_photo(tmp_path / "a.png")[0, 0]) == (250, 10, 20)


def test_first_frame_of_an_animation(tmp_path):
    first, second = Image.new("RGB", (32, 32), "red"), Image.new("RGB", (32, 32), "blue")
    for name in ("a.webp", "a.png"):
        first.save(tmp_path / name, save_all=True, append_images=[second], lossless=True)
        assert tuple(read_photo(tmp_path / name)[0, 0]) == (255, 0, 0)


def test_heic_is_read_upright():
    pytest.importorskip("pi_heif")
    pixels = read_photo(HEIC)
    assert pixels.shape == (64, 48, 3)
    np.testing.assert_allclose(pixels[5, -5], (221, 40, 31), atol=4)


def test_heic_is_handed_over_at_the_size_wanted():
    pytest.importorskip("pi_heif")
    for options, size in (({"size": (16, 32)}, (16, 32)), ({"longest": 32}, (24, 32)), ({}, (48, 64))):
        with Photo(HEIC, **options) as photo:
            assert photo.source_size == photo.size == size


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


# --- render size ---


def test_own_size_is_kept_and_odd_sides_lose_one_pixel():
    pixels = gradient(65, 49)
    np.testing.assert_array_equal(read_photo(pixels, longest=1280), pixels[:48, :64])
    np.testing.assert_array_equal(read_photo(gradient(), longest=1280), gradient())


def test_large_photos_are_reduced_to_the_longest_side():
    assert read_photo(gradient(160, 90), longest=80).shape == (44, 80, 3)
    assert render_size((4000, 3000)) == (1280, 960)
    assert render_size((3000, 4000)) == (960, 1280)


def test_explicit_size_shows_the_centre_of_the_photo():
    pixels = gradient(64, 64)
    pixels[:16] = pixels[48:] = 255  # outside the central 2:1 part
    assert read_photo(pixels, (64, 32)).max() < 255
    assert crop_box((64, 64), (64, 32)) == (0, 16, 64, 48)


@given(st.tuples(*[st.integers(64, 4000)] * 2), st.tuples(*[st.integers(16, 2000)] * 2))
def test_crop_box_lies_inside_and_has_the_asked_shape(source_size, size):
    left, top, right, bottom = crop_box(source_size, size)
    assert left >= 0
    assert top >= 0
    assert right <= source_size[0]
    assert bottom <= source_size[1]
    assert (right - left) / (bottom - top) == pytest.approx(size[0] / size[1], rel=1e-6)


@settings(deadline=None)
@given(
    st.tuples(*[st.integers(16, 90)] * 2), st.tuples(*[st.integers(16, 150)] * 2), st.integers(0, 4000), st.integers(0)
)
def test_strips_are_the_whole_picture_resampled(source_size, size, strip, seed):
    # nothing that overshoots 0..255: Pillow clips between its two passes, whose order depends on the sizes
    pixels = np.random.default_rng(seed).integers(96, 160, (*source_size[::-1], 3), np.uint8)
    box = crop_box(source_size, size)
    whole = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, box)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stillwave.runtime.photo.STRIP_PIXELS", strip)
        found = resample(lambda top, bottom: Image.fromarray(pixels[top:bottom]), source_size, size, box)
    assert np.abs(found.astype(int) - np.asarray(whole)).max() <= 2


@pytest.mark.parametrize("orientation", [1, 6])
def test_jpeg_decoded_at_a_fraction_renders_the_same(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(gradient(960, 640)).save(tmp_path / "a.jpg", quality=95, exif=exif)
    with Photo(tmp_path / "a.jpg") as whole, Photo(tmp_path / "a.jpg", longest=120) as draft:
        assert draft.source_size == whole.source_size
        assert whole.reading_bytes - draft.reading_bytes > 4 * 960 * 640 * 15 / 16
        difference = draft.pixels().astype(int) - read_photo(whole.pixels(), longest=120)
    assert np.abs(difference).max() <= 3


def test_tiny_render_size_is_refused():
    with pytest.raises(PhotoError, match="8 x 8 px is too small"):
        read_photo(gradient(), (8, 8))
