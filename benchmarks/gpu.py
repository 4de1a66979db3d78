"""Everything there is to know on a GPU, in one command of under ten minutes: `python benchmarks/gpu.py`.

Kernels against float64 references on fresh inputs, memory checked by compute-sanitizer; times of kernels, of
torch's formulations and of a splat by atomics; engines, whole frames with and without graphs, a photo's whole
loop, a soak, power. Every section fails by itself, its reason kept. Needs CUDA's driver, cuda-bindings and
NVRTC; torch, cupy, onnx, onnxruntime-gpu and TensorRT where they are. The package need not be installed.

exit status: 0 all sections that could run are good, 1 a section failed, 6 no GPU can be used
"""

import argparse
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import source_tree  # noqa: F401  # first: makes stillwave importable
from gpu_bench import Bench
from gpu_frames import engine_times, frame_times, loop_times, opened, soak
from gpu_kernels import against_atomics, against_torch, kernel_times, motion_and_splat
from gpu_machine import Power, gpu
from gpu_parity import parity
from machine import FOLDER, machine

from stillwave.runtime import Animator, BackendError

BACKENDS = ("tensorrt", "tensorrt-rtx", "cuda")
MISSING = (BackendError, ImportError)  # not a failure: what the section needs is not there


class Run:
    """The sections so far, written after each, so that nothing is lost."""

    def __init__(self, path: Path, only: list[str]) -> None:
        self.path, self.only, self.start = path, only, time.monotonic()
        self.result: dict[str, Any] = {"status": "measured on the device below", "sections": {}}

    def section(self, name: str, call: Callable[[], Any]) -> Any:
        if self.only and name.split(",")[0] not in self.only:
            return None
        begun, kept = time.monotonic(), self.result["sections"]
        try:
            kept[name] = {"is_good": True, "result": call()}
        except MISSING as error:
            kept[name] = {"is_good": None, "reason": f"{type(error).__name__}: {error}"}
        except Exception as error:
            traceback.print_exc()
            kept[name] = {"is_good": False, "reason": f"{type(error).__name__}: {error}"}
        kept[name]["seconds"] = round(time.monotonic() - begun, 1)
        said = {True: "good", False: "FAILED", None: "not here"}[kept[name]["is_good"]]
        print(f"{said:<9} {kept[name]['seconds']:>6.1f} s  {name}  {kept[name].get('reason', '')}", flush=True)
        self.result["seconds"] = round(time.monotonic() - self.start, 1)
        self.path.write_text(json.dumps(self.result, indent=1) + "\n")
        return kept[name].get("result")

    @property
    def is_good(self) -> bool:
        return all(section["is_good"] is not False for section in self.result["sections"].values())


def sanitized() -> str:
    """Parity again, under compute-sanitizer: no access out of bounds, none that races, none uninitialised."""
    tool = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    if not Path(tool).exists():
        raise BackendError("no compute-sanitizer; it comes with the CUDA toolkit")
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("memcheck", "racecheck", "initcheck"):
            own = [sys.executable, __file__, "--only", "parity", "--json", f"{folder}/parity.json"]
            done = subprocess.run([tool, "--tool", kind, "--error-exitcode", "9", *own], capture_output=True, text=True)
            if done.returncode:
                raise AssertionError(f"{kind}: {done.stdout[-2000:]}")
    return "memcheck, racecheck and initcheck found nothing"


def energy(make: Callable[[], Animator], index: int) -> dict[str, float]:
    """Joules of a frame, while a clip runs as fast as it goes."""
    with Power(index) as power:
        done = soak(make, 4000)
    watts = power.mean_w
    joules = watts * done["seconds"] / done["frames"]
    return {"mean_w": round(watts, 2), "mj_per_frame": round(1e3 * joules, 3), "samples": len(power.samples_w)}


def whole_path(run: Run, bench: Bench, openers: dict[str, Callable[[], Animator]], frames: int = 20_000) -> None:
    """Engines and frames by each backend; the best that runs is soaked and its power measured."""
    best = None
    for name, make in openers.items():
        run.section(f"engines, {name}", lambda make=make: engine_times(bench, make))
        is_there = run.section(f"frame, {name}", lambda make=make: frame_times(make, min(frames, 300)))
        run.section(f"loop, {name}", lambda make=make: loop_times(make, min(frames, 5), min(frames, 150)))
        best = best or (make if is_there else None)
    if best is not None:
        run.section("soak", lambda: soak(best, frames))
        run.section("power", lambda: energy(best, bench.device.index))


def openers() -> dict[str, Callable[[], Animator]]:
    """Backends by name; torch executes the networks' files where nothing better is there."""

    def by_torch() -> Animator:
        from torch_network import TorchEngines

        return opened("cuda", TorchEngines)

    return {name: lambda name=name: opened(name) for name in BACKENDS} | {"torch, node by node": by_torch}


def measure(run: Run, device: Any) -> None:
    run.result |= {"gpu": gpu(device), "machine": machine()}
    with Bench(device) as bench:
        run.section("parity", lambda: parity(bench, secrets.randbits(32)))
        run.section("sanitizer", sanitized)
        run.section("kernels", lambda: kernel_times(bench))
        run.section("motion and splat of a frame", lambda: motion_and_splat(bench))
        run.section("against torch", lambda: against_torch(bench))
        run.section("against atomics", lambda: against_atomics(bench))
        whole_path(run, bench, openers())


def emulate(run: Run) -> None:
    """The same calls on an emulated device, to try this script. Its times say nothing about any GPU."""
    import ctypes

    sys.path.append(str(FOLDER.parent / "tests"))
    from emulator.device import EmulatedDevice, HostEngines, compiled_kernels

    from stillwave.runtime.device import contract as device_module
    from stillwave.runtime.device import stages as device_stages

    run.result["status"] = "emulated on the processor: not run on a GPU, times mean nothing"
    with tempfile.TemporaryDirectory() as folder:
        compiled_kernels(Path(folder, "kernels.so"))
        device = EmulatedDevice(ctypes.CDLL(str(Path(folder, "kernels.so"))))
    device_module.open_device = lambda: device
    device_stages.kernel_image = lambda capability: b""
    run.result |= {"gpu": gpu(device), "machine": machine()}
    with Bench(device, is_emulated=True) as bench:
        run.section("parity", lambda: parity(bench, secrets.randbits(32)))
        run.section("kernels", lambda: kernel_times(bench, [(72, 128)]))
        run.section("motion and splat of a frame", lambda: motion_and_splat(bench, 72, 128))
        whole_path(run, bench, {"emulated": lambda: opened("cuda", HostEngines)}, 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="results; default results/gpu-NAME.json")
    parser.add_argument("--only", action="append", default=[], metavar="SECTION", help="parity, kernels, frame ...")
    parser.add_argument("--emulate", action="store_true", help="try this script without a GPU, in minutes")
    options = parser.parse_args()
    if options.emulate:
        run = Run(options.json or Path(tempfile.gettempdir(), "gpu-emulated.json"), options.only)
        emulate(run)
    else:
        try:
            from stillwave.runtime.device.contract import open_device

            device = open_device()
        except BackendError as error:
            print(f"nothing was measured: {error}", file=sys.stderr)
            return BackendError.exit_code
        slug = "-".join("".join(c if c.isalnum() else " " for c in device.name.lower()).split())
        run = Run(options.json or FOLDER / "results" / f"gpu-{slug}.json", options.only)
        measure(run, device)
    print(f"written: {run.path}, {run.result['seconds']} s")
    return 0 if run.is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
