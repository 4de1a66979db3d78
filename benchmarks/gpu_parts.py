"""The parts of gpu.py: what each does, and the most seconds that it may take."""

import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from gpu_session import FP32, MissingError, Session
from machine import FOLDER

BACKENDS = ("tensorrt-rtx", "tensorrt", "cuda", "cuda by TensorRT", "torch, one graph", "torch, node by node")
EMULATED, CONVERSION = "emulated", "bundle as fp16"
SANITIZERS = ("memcheck", "racecheck", "initcheck")
Part = tuple[float, Callable[[Session], Any]]  # most seconds it may take, what it does


def described(session: Session) -> dict[str, Any]:
    from gpu_machine import gpu
    from machine import machine

    return {"gpu": gpu(session.device), "machine": machine()}


def parity(session: Session) -> Any:
    from gpu_parity import parity

    return parity(session.bench, secrets.randbits(32))


def of_kernels(name: str, *arguments: Any) -> Callable[[Session], Any]:
    import importlib

    return lambda session: getattr(importlib.import_module("gpu_kernels"), name)(session.bench, *arguments)


def of_frames(name: str, backend: str, *arguments: Any) -> Callable[[Session], Any]:
    """`engine_times` and the others of gpu_frames.py, with animators of this backend."""
    import importlib

    return lambda session: getattr(importlib.import_module("gpu_frames"), name)(session, backend, *arguments)


def convert(session: Session) -> dict[str, float]:
    """The embedded bundle as fp16, which is what GPUs are for; how closely its networks follow, in dB."""
    from stillwave.export.conversion import convert_bundle
    from stillwave.runtime.bundle import Bundle

    example = FOLDER.parent / "examples" / "dandelion.jpg"
    made = convert_bundle(Bundle.open(), Path(str(session.bundle)), "fp16", [example])
    return dict(made.provenance["parity_db"])


def sanitized(tool: str, session: Session) -> str:
    """Parity again, watched: no access out of bounds, none that races, none of what was never written."""
    watcher = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    if not Path(watcher).exists():
        raise MissingError("no compute-sanitizer; it comes with the CUDA toolkit")
    with tempfile.TemporaryDirectory() as folder:
        own = [sys.executable, str(FOLDER / "gpu.py"), "--part", "parity", "--json", f"{folder}/parity.json"]
        command = [watcher, "--tool", tool, "--error-exitcode", "9", *own]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if "Device not supported" in done.stdout:
        raise MissingError("compute-sanitizer does not support this device as it is reached here")
    if done.returncode:
        raise AssertionError(f"exit {done.returncode}: {done.stdout[-2000:]}")
    return "found nothing"


def parts_of(backend: str, frames: int = 20_000) -> dict[str, Part]:
    """The first opens every engine, so that all after it find them built."""
    few, loop = min(frames, 300), (min(frames, 5), min(frames, 150))
    return {
        f"engines, {backend}": (150, of_frames("engine_times", backend)),
        f"frame, {backend}": (60, of_frames("frame_times", backend, few)),
        f"loop, {backend}": (60, of_frames("loop_times", backend, *loop)),
        f"opening, {backend}": (60, of_frames("opening_times", backend)),
    }


def soak_of(backend: str, frames: int = 20_000) -> dict[str, Part]:
    return {
        f"soak, {backend}": (90, of_frames("soak", backend, frames)),
        f"power, {backend}": (45, of_frames("energy", backend)),
    }


def fp32_of(backend: str, frames: int = 20_000) -> dict[str, Part]:
    """The embedded bundle as it is."""
    parts = parts_of(f"{backend}{FP32}", frames)
    return {name: part for name, part in parts.items() if name.startswith(("engines", "frame", "loop"))}


def kernel_parts(is_emulated: bool) -> dict[str, Part]:
    if is_emulated:
        return {
            "parity": (600, parity),
            "kernels": (600, of_kernels("kernel_times", [(72, 128)])),
            "motion and splat of a frame": (600, of_kernels("motion_and_splat", 72, 128)),
        }
    return {
        "parity": (60, parity),
        "kernels": (60, of_kernels("kernel_times", [(288, 512), (720, 1280)])),
        "kernels, 3840x2160": (60, of_kernels("kernel_times", [(2160, 3840)])),
        "motion and splat of a frame": (30, of_kernels("motion_and_splat")),
        "against torch": (60, of_kernels("against_torch")),
        "against torch, one graph": (60, of_kernels("against_torch", True)),
        "against atomics": (60, of_kernels("against_atomics")),
    }


def all_parts(is_emulated: bool) -> dict[str, Part]:
    """Every part by name, as a child is asked for it."""
    parts: dict[str, Part] = {"device": (60, described), CONVERSION: (120, convert)} | kernel_parts(is_emulated)
    frames = 2 if is_emulated else 20_000
    for backend in (EMULATED,) if is_emulated else BACKENDS:
        parts |= parts_of(backend, frames) | soak_of(backend, frames) | fp32_of(backend, frames)
    return parts | {f"sanitizer, {tool}": (60, partial(sanitized, tool)) for tool in SANITIZERS}
