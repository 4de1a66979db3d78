"""Everything there is to know on a GPU, in one command of under ten minutes: `python benchmarks/gpu.py`.

Kernels against float64 references on fresh inputs; times of kernels, of torch's formulations and of a splat by
atomics; by each backend engines, what opening costs, whole frames with and without graphs, a photo's whole loop; a
soak, power, and parity again under compute-sanitizer. Needs CUDA's driver, cuda-bindings, NVRTC, numpy, pillow and
tqdm; torch, cupy, onnx, onnxruntime-gpu and TensorRT where they are. The package need not be installed.

Each part is a process of its own with a limit of its own: one that crashes, hangs or breaks the device takes nothing
along, and the file is written after each.

exit status: 0 all parts that could run are good, 1 a part failed, 6 no GPU can be used
"""

import argparse
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import source_tree  # noqa: F401  # first: makes stillwave importable
from gpu_session import FP32, MissingError, Session
from machine import FOLDER

from stillwave.runtime import BackendError
from stillwave.runtime.errors import EngineCacheError

TOTAL_S = 570.0  # after which no part is begun, nor goes on
BACKENDS = ("tensorrt-rtx", "tensorrt", "cuda", "cuda by TensorRT", "torch, one graph", "torch, node by node")
EMULATED, CONVERSION = "emulated", "bundle as fp16"
MISSING = (MissingError, ImportError)  # not a failure: what the part needs is not there
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
        own = [sys.executable, __file__, "--part", "parity", "--json", f"{folder}/parity.json"]
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


def outcome(call: Callable[[], Any]) -> dict[str, Any]:
    """What a part found, or why not."""
    begun = time.monotonic()
    try:
        found: dict[str, Any] = {"is_good": True, "result": call()}
    except MISSING as error:
        found = {"is_good": None, "reason": f"{type(error).__name__}: {error}"}
    except Exception as error:
        found = {
            "is_good": False,
            "reason": f"{type(error).__name__}: {error}",
            "where": traceback.format_exc()[-3000:],
        }
    return found | {"seconds": round(time.monotonic() - begun, 1)}


class Run:
    """The parts so far, each by a child; written after each, so that nothing is lost."""

    def __init__(self, emulated: str | None, only: list[str], bundle: str | None = None) -> None:
        self.emulated, self.only, self.bundle, self.start = emulated, only, bundle, time.monotonic()
        self.parts, self.path = all_parts(emulated is not None), Path()
        self.result: dict[str, Any] = {"status": "measured on the device below", "sections": {}}
        if emulated is not None:
            self.result["status"] = "emulated on the processor: not run on a GPU, times mean nothing"

    def state(self, name: str) -> bool | None:
        """Whether a part is good; None where what it needs is missing, or it was not run."""
        is_good: bool | None = self.result["sections"].get(name, {}).get("is_good")
        return is_good

    def wants(self, name: str) -> bool:
        return not self.only or name.split(",")[0] in self.only

    def part(self, name: str) -> None:
        if not self.wants(name):
            return
        kept = self.result["sections"][name] = self.by_child(name)
        said = {True: "good", False: "FAILED", None: "not here"}[kept["is_good"]]
        print(f"{said:<9} {kept['seconds']:>6.1f} s  {name}  {kept.get('reason', '')}", flush=True)
        self.write()

    def by_child(self, name: str) -> dict[str, Any]:
        left = TOTAL_S - (time.monotonic() - self.start)
        limit = self.parts[name][0] if self.emulated is not None else min(self.parts[name][0], left)
        if limit < 3:
            return {"is_good": False, "reason": f"not begun: {TOTAL_S:.0f} s were over", "seconds": 0.0}
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            kept, told = Path(folder, "result.json"), Path(folder, "told")
            command = [sys.executable, __file__, "--part", name, "--json", str(kept)]
            if self.emulated is not None:
                command += ["--emulate", self.emulated]
            if self.bundle is not None:
                command += ["--bundle", self.bundle]
            with told.open("wb") as output:
                ended = ended_within(limit, command, output)
            if kept.exists():
                return dict(json.loads(kept.read_text()))
            reason = f"{ended}: {told.read_text(errors='replace')[-1000:].strip()}"
        return {"is_good": False, "reason": reason, "seconds": round(time.monotonic() - begun, 1)}

    def write(self) -> None:
        self.result["seconds"] = round(time.monotonic() - self.start, 1)
        self.path.write_text(json.dumps(self.result, indent=1) + "\n")

    @property
    def is_good(self) -> bool:
        return all(section["is_good"] is not False for section in self.result["sections"].values())


def ended_within(limit_s: float, command: list[str], output: Any) -> str:
    """How a command ended; with all that it began, it is ended at the limit."""
    child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        code = child.wait(limit_s)
        return f"signal {-code}" if code < 0 else f"exit {code}"
    except subprocess.TimeoutExpired:
        return f"ended after {limit_s:.0f} s"
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def measure(run: Run) -> None:
    """The kernels; then each backend, of which the first that makes frames is soaked and its power measured."""
    for name in kernel_parts(run.emulated is not None):
        run.part(name)
    with tempfile.TemporaryDirectory() as folder:
        if run.bundle is None and run.wants(CONVERSION):
            run.bundle = str(Path(folder, "edge-fp16"))
            run.part(CONVERSION)
            run.bundle = run.bundle if run.state(CONVERSION) else None
        run.result["bundle"] = Path(run.bundle).name if run.bundle else "embedded, fp32"
        measure_backends(run)
    if run.emulated is None:
        for tool in SANITIZERS:
            run.part(f"sanitizer, {tool}")


def measure_backends(run: Run) -> None:
    best = None
    for backend in (EMULATED,) if run.emulated is not None else BACKENDS:
        for name in parts_of(backend):
            run.part(name)
            if not run.only and run.state(f"engines, {backend}") is None:
                break  # there is no such backend
        if best is None and run.state(f"frame, {backend}"):
            best = backend
            for name in soak_of(backend) | (fp32_of(backend) if run.bundle else {}):
                run.part(name)


def prepare_environment(folder: str) -> None:
    """For the children: where CUDA's libraries usually are, and a cache of engines that can be written."""
    from stillwave.runtime.engine_cache import default_folder, private_folder

    if Path("/usr/local/cuda").is_dir():
        os.environ.setdefault("CUDA_HOME", "/usr/local/cuda")
    # the binding looks in an environment's own packages, not in what PYTHONPATH or a .pth file adds to them
    compilers = [str(file.parent) for path in sys.path for file in Path(path).glob("nvidia/*/lib/libnvrtc.so.*")]
    places = [*filter(None, [os.environ.get("LD_LIBRARY_PATH")]), *compilers]
    if places:
        os.environ["LD_LIBRARY_PATH"] = ":".join(places)
    try:
        private_folder(default_folder())
    except (EngineCacheError, OSError, RuntimeError):  # the last: no home
        os.environ["XDG_CACHE_HOME"] = folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="results; default results/gpu-NAME.json")
    parser.add_argument("--only", action="append", default=[], metavar="PART", help="parity, kernels, frame ...")
    parser.add_argument("--emulate", nargs="?", const="", metavar="KERNELS", help="try this script without a GPU")
    parser.add_argument("--bundle", metavar="FOLDER", help="what to animate with; default: the embedded one as fp16")
    parser.add_argument("--part", help=argparse.SUPPRESS)  # what a child does
    options = parser.parse_args()
    if options.part:
        call = all_parts(options.emulate is not None)[options.part][1]
        found = outcome(lambda: call(Session(options.emulate, options.bundle)))
        options.json.write_text(json.dumps(found))
        return int(found["is_good"] is False)
    with tempfile.TemporaryDirectory() as folder:
        if options.emulate == "":
            options.emulate = Session.compiled(Path(folder, "kernels.so"))
        prepare_environment(folder)
        run = Run(options.emulate, options.only, options.bundle)
        device = run.by_child("device")
        if not device["is_good"]:
            print(f"nothing was measured: {device['reason']}", file=sys.stderr)
            return BackendError.exit_code
        run.result |= device["result"]
        slug = "-".join("".join(c if c.isalnum() else " " for c in run.result["gpu"]["name"].lower()).split())
        usual = FOLDER / "results" / f"gpu-{slug}.json"
        if options.emulate is not None:
            usual = Path(tempfile.gettempdir(), "gpu-emulated.json")
        run.path = options.json or usual
        run.write()
        measure(run)
    print(f"written: {run.path}, {run.result['seconds']} s")
    return 0 if run.is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
