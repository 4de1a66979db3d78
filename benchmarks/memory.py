"""Peak memory against the budget, in fresh processes (Linux).

Growth counts from the resident size once numpy, the backend, PyAV and stillwave are imported, to the
peak that the kernel has seen since (VmHWM).
"""

import importlib
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from processes import animate_arguments, text_of
from stages import Settings

from stillwave.runtime.memory import parse_bytes
from stillwave.runtime.photo import Size

BACKEND_PACKAGES = {"openvino": "openvino"}  # all others: ONNX Runtime
IMPORTED = ("numpy", "PIL.JpegImagePlugin", "av", "stillwave.runtime.animator", "stillwave.runtime.commands.animate")
TOO_SMALL = "32MiB"


Row = dict[str, Any]


def measure_budgets(settings: Settings, sizes: list[Size], budgets: list[str], seconds: float) -> list[Row]:
    """For each size and budget the peak of `stillwave animate`, or why it was refused."""
    return [measure_peak(replace(settings, size=s, budget=b), seconds) for s in sizes for b in budgets]


def measure_peak(settings: Settings, seconds: float) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        arguments = animate_arguments(settings, Path(folder, "loop.mp4"), seconds)
        package = BACKEND_PACKAGES.get(settings.backend, "onnxruntime")
        outcome, peak = _child("animate", package, *arguments)
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


if __name__ == "__main__":
    {"animate": _animate, "frames": _frames}[sys.argv[1]](*sys.argv[2:])
