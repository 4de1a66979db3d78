"""Peak memory against the budget, in fresh processes (Linux).

Growth counts from the resident size once numpy, Pillow, PyAV and stillwave are imported, to the peak
that the kernel has seen since (VmHWM). ONNX Runtime is loaded by the work itself, and counts.
"""

import importlib
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from PIL import Image, ImageCms
from processes import animate_arguments, text_of
from stages import Settings

from stillwave.runtime.memory import parse_bytes
from stillwave.runtime.photo import Size

OUTSIDE = {"openvino": "openvino"}  # backends whose own memory no budget bounds
IMPORTED = ("numpy", "PIL.JpegImagePlugin", "av", "stillwave.runtime.animator", "stillwave.runtime.commands.animate")
TOO_SMALL = "32MiB"
PHOTOS = {"12 MP": (4000, 3000), "40 MP": (7296, 5472)}
READ_AT = 1280  # px, the longest side of a scene
PHOTO_FORMATS: dict[str, dict[str, Any]] = {
    "a.jpg": {"quality": 90},
    "progressive.jpg": {"quality": 90, "progressive": True},
    "icc.jpg": {"quality": 90},
    "a.png": {"compress_level": 1},
    "alpha icc.png": {"compress_level": 1},
    "a.webp": {"method": 0},
    "alpha icc.webp": {"method": 0},
    "a.avif": {"speed": 10},
}


Row = dict[str, Any]


def measure_budgets(settings: Settings, sizes: list[Size], budgets: list[str], seconds: float) -> list[Row]:
    """For each size and budget the peak of `stillwave animate`, or why it was refused."""
    return [measure_peak(replace(settings, size=s, budget=b), seconds) for s in sizes for b in budgets]


def measure_peak(settings: Settings, seconds: float) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        arguments = animate_arguments(settings, Path(folder, "loop.mp4"), seconds)
        outcome, peak = _child("animate", OUTSIDE.get(settings.backend, "numpy"), *arguments)
    row = {"size": text_of(settings.size), "budget": settings.budget, "budget_bytes": parse_bytes(settings.budget)}
    if "error" in outcome:
        return row | {"refused": outcome["error"]["message"], "exit_code": outcome["error"]["exit_code"]}
    return row | {"peak_bytes": peak["peak_bytes"], "is_within": peak["peak_bytes"] <= row["budget_bytes"]}


def measure_refusal(settings: Settings, seconds: float) -> Row:
    """A budget that is too small is refused with the least that works, and that least works."""
    refused = measure_peak(replace(settings, budget=TOO_SMALL), seconds)
    match = re.search(r"at least ([\d.]+) (\w+)", refused.get("refused", ""))
    if match is None:
        raise RuntimeError(f"{TOO_SMALL} should be refused with the least that works, got {refused}")
    least = f"{float(match[1]) + 0.1:.1f}{match[2]}"  # the message is rounded
    return {"refused": refused, "least": measure_peak(replace(settings, budget=least), seconds)}


def measure_growth(settings: Settings, num_frames: int) -> Row:
    """Resident growth over a frame loop, from its first frame on."""
    s = settings
    _, result = _child("frames", s.photo, text_of(s.size), s.backend, s.threads, s.budget, s.bundle or "", num_frames)
    return {"size": text_of(s.size), **result}


def measure_reading(photo: Path) -> list[Row]:
    """Of large photos in every format: what reading one for a scene takes, and what it states to take."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for megapixels, size in PHOTOS.items():
            for name, options in PHOTO_FORMATS.items():
                _write_photo(photo, Path(folder, name), size, options)
                _, row = _child("reading", Path(folder, name))
                per_pixel = round(row["peak_bytes"] / (size[0] * size[1]), 1)
                rows.append({"photo": f"{megapixels} {name}", **row, "bytes_per_pixel": per_pixel})
    return rows


def _write_photo(source: Path, path: Path, size: Size, options: Row) -> None:
    with Image.open(source) as image:
        large = image.convert("RGB").resize(size, Image.Resampling.BILINEAR)
    if "alpha" in path.name:
        large.putalpha(Image.linear_gradient("L").resize(size))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    large.save(path, **options, **({"icc_profile": profile} if "icc" in path.name else {}))
    # and one of a few pixels, to load the decoder with
    large.resize((64, 48)).save(path.with_stem("small"), icc_profile=profile)


def resident_bytes(field: str) -> int:
    """`VmRSS`, now, or `VmHWM`, the peak since `forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) * 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _child(*arguments: object) -> tuple[Row, Row]:
    """The two lines of JSON that this file, as a program, prints."""
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    if done.returncode or len(lines) != 2:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    first, second = map(json.loads, lines)
    return first, second


def _animate(package: str, *arguments: str) -> None:
    from stillwave.runtime.cli import run

    for name in (package, *IMPORTED):
        importlib.import_module(name)
    before = resident_bytes("VmRSS")
    forget_peak()
    run(arguments)
    print(json.dumps({"peak_bytes": resident_bytes("VmHWM") - before}))


def _frames(photo: str, size: str, backend: str, threads: str, budget: str, bundle: str, count: str) -> None:
    import numpy as np

    width, height = map(int, size.split("x"))
    settings = Settings(Path(photo), (width, height), backend, int(threads), budget, Path(bundle) if bundle else None)
    out, before = np.empty((height, width, 3), np.uint8), 0
    with settings.animator() as animator, animator.analyze(photo, size=(width, height)) as scene:
        for _ in scene.frames(int(count) / 30, 30, out=out):
            if not before:
                before = resident_bytes("VmRSS")
                forget_peak()
        grown = resident_bytes("VmHWM") - before
    print(json.dumps({}))
    print(json.dumps({"frames": int(count), "grown_bytes": grown}))


def _reading(path: str) -> None:
    from stillwave.runtime.photo import Photo, read_photo

    read_photo(Path(path).with_stem("small"), (16, 16))
    before, started = resident_bytes("VmRSS"), perf_counter()
    forget_peak()
    with Photo(path, longest=READ_AT) as photo:
        stated_bytes = photo.reading_bytes
        photo.pixels()
    took_s, peak_bytes = round(perf_counter() - started, 2), resident_bytes("VmHWM") - before
    print(json.dumps({}))
    print(json.dumps({"peak_bytes": peak_bytes, "stated_bytes": stated_bytes, "took_s": took_s}))


if __name__ == "__main__":
    {"animate": _animate, "frames": _frames, "reading": _reading}[sys.argv[1]](*sys.argv[2:])
