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
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import source_tree  # noqa: F401  # first: makes stillwave importable
from gpu_parts import BACKENDS, CONVERSION, EMULATED, SANITIZERS, all_parts, fp32_of, kernel_parts, parts_of, soak_of
from gpu_session import MissingError, Session
from machine import FOLDER

from stillwave.runtime import BackendError
from stillwave.runtime.errors import EngineCacheError

TOTAL_S = 570.0  # after which no part is begun, nor goes on
MISSING = (MissingError, ImportError)  # not a failure: what the part needs is not there


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
