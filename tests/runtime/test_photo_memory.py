"""What reading a photo takes."""

import subprocess
import sys

import pytest
from photos import gradient, swapped_primaries
from PIL import Image

from stillwave.runtime.photo import Photo

PEAK = """
import sys
from pathlib import Path
from stillwave.runtime.photo import Photo, read_photo
def resident(field):
    return int(Path("/proc/self/status").read_text().partition(f"{field}:")[2].split()[0]) * 1024
path, longest, small = sys.argv[1], int(sys.argv[2]), sys.argv[3]
read_photo(small, longest=16)  # the decoder's code
before = resident("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
with Photo(path, longest=longest) as photo:
    stated = photo.reading_bytes
    photo.pixels()
print(resident("VmHWM") - before, stated)
"""
MEGAPIXELS = 12


@pytest.fixture(scope="module")
def large():
    """An even picture with detail, 12 megapixels."""
    return Image.fromarray(gradient(400, 300)).resize((4000, 3000), Image.Resampling.NEAREST)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("name", "options", "most"), [
    ("a.jpg", {}, 6), ("a.jpg", {"progressive": True}, 9), ("a.png", {"compress_level": 1}, 6),
    ("alpha.png", {"compress_level": 1}, 6), ("icc.png", {"compress_level": 1}, 6), ("alpha.webp", {"method": 0}, 19),
    ("a.avif", {"speed": 10}, 12),
])
def test_reading_takes_no_more_than_it_states(tmp_path, large, name, options, most):
    """Bytes a pixel; the same of 40 megapixels is in benchmarks/results."""
    if name.startswith("alpha"):
        large = large.copy()
        large.putalpha(Image.linear_gradient("L").resize(large.size))
    if name.startswith("icc"):
        options = {**options, "icc_profile": swapped_primaries()}
    large.save(tmp_path / name, **options)
    large.resize((64, 48)).save(tmp_path / f"small.{name}", **options)
    arguments = [tmp_path / name, "1280", tmp_path / f"small.{name}"]
    done = subprocess.run([sys.executable, "-c", PEAK, *arguments], check=True, capture_output=True, text=True)
    taken, stated = map(int, done.stdout.split())
    assert taken <= stated
    assert taken <= most * MEGAPIXELS * 1e6


def test_what_is_passed_in_decoded_is_the_callers():
    for source in (gradient(640, 480), Image.fromarray(gradient(640, 480))):
        with Photo(source, (64, 48)) as photo:
            small = photo.reading_bytes
        with Photo(source) as photo:
            assert photo.reading_bytes - small == 6 * (640 * 480 - 64 * 48)
