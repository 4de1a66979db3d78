"""What a user waits for: whole commands in fresh processes."""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from stages import Settings

RUN_COMMAND = "from stillwave.runtime.cli import main; main()"
FIRST_FRAME = """
import sys, time
from stillwave.runtime import Animator
photo, size, backend, budget, threads, bundle = sys.argv[1:]
animator = Animator(bundle or None, backend, budget, int(threads))
with animator.analyze(photo, size=tuple(map(int, size.split("x")))) as scene:
    next(scene.frames())
    print(time.monotonic())
"""
IMPORT = """
import sys, time
started = time.perf_counter()
import stillwave.runtime
took = time.perf_counter() - started
loaded = [name for name in ("onnxruntime", "openvino", "torch", "av", "numpy") if name in sys.modules]
print(took, *loaded)
"""


def time_first_frame(settings: Settings, repeats: int) -> dict[str, object]:
    """From the start of a process to its first frame, s."""
    s = settings
    arguments = (s.photo, text_of(s.size), s.backend, s.budget, s.threads, s.bundle or "")
    waits = []
    for _ in range(repeats):
        started = monotonic()
        waits.append(float(python("-c", FIRST_FRAME, *arguments)) - started)
    return _summary(waits)


def time_clip(settings: Settings, repeats: int, seconds: float) -> dict[str, object]:
    """`stillwave animate` to an MP4 at 30 frames a second: wall s, and processor s of all its threads."""
    walls, cpus = [], []
    with tempfile.TemporaryDirectory() as folder:
        arguments = animate_arguments(settings, Path(folder, "loop.mp4"), seconds)
        for _ in range(repeats):
            wall, cpu = monotonic(), _children_s()
            result = json.loads(python("-c", RUN_COMMAND, *arguments))
            walls.append(monotonic() - wall)
            cpus.append(_children_s() - cpu)
    return {"frames": result["frames"], "wall": _summary(walls), "cpu": _summary(cpus)}


def time_start(repeats: int) -> dict[str, object]:
    """`import stillwave.runtime` (inside the process), and `stillwave --help` from start to end, s."""
    imports, helps, bare, loaded = [], [], [], set()
    for _ in range(repeats):
        took, *names = python("-c", IMPORT).split()
        imports.append(float(took))
        loaded |= set(names)
        for command, waits in (("pass", bare), (RUN_COMMAND, helps)):
            started = monotonic()
            python("-c", command, "--help")
            waits.append(monotonic() - started)
    return {
        "import": _summary(imports),
        "help": _summary(helps),
        "python": _summary(bare),
        "loaded_by_import": sorted(loaded),
    }


def python(*arguments: object) -> str:
    """Standard output of a fresh interpreter."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def animate_arguments(settings: Settings, output: Path, seconds: float) -> list[str]:
    s = settings
    bundle = ["--bundle", str(s.bundle)] if s.bundle else []
    return [
        *("animate", str(s.photo), "-o", str(output), "--seconds", str(seconds), "--size", text_of(s.size)),
        *("--backend", s.backend, "--threads", str(s.threads), "--memory-budget", s.budget, "--json", *bundle),
    ]


def text_of(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]}"


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _summary(seconds: list[float]) -> dict[str, object]:
    return {"median_s": round(statistics.median(seconds), 3), "all_s": [round(s, 3) for s in seconds]}
