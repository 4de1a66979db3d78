"""Which GPU, in what state, and what it draws: nvidia-smi on desktops and servers, tegrastats on Jetson."""

import ctypes
import os
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gpu_session import MissingError

FIELDS = (
    *("name", "driver_version", "pstate", "clocks.sm", "clocks.mem", "clocks.max.sm"),
    *("power.limit", "temperature.gpu"),
)
PACKAGES = (
    *(
        "cuda-bindings",
        "cuda-core",
        "cupy-cuda13x",
        "cupy-cuda12x",
        "nvidia-cuda-nvrtc",
        "nvidia-cuda-nvrtc-cu12",
        "onnx",
        "onnxruntime-gpu",
    ),
    *("nvidia-cuda-nvrtc-cu12", "pillow", "pycuda", "tensorrt", "tensorrt-rtx-cu13", "torch"),
)
BOARD, RELEASE = Path("/proc/device-tree/model"), Path("/etc/nv_tegra_release")


def gpu(device: Any) -> dict[str, Any]:
    """Device, driver, clocks, versions; on Jetson also board, L4T and power mode."""
    free, total = device.memory()
    facts: dict[str, Any] = {
        "name": device.name,
        "compute_capability": device.compute_capability,
        "is_integrated": device.is_integrated,
        "memory_bytes": {"free": free, "total": total},
        "versions": {name: v for name in PACKAGES if (v := _version(name))},
        "cuda_of_driver": _cuda_of_driver(),
        "nvcc": _told("nvcc", "--version")[-1:],
    }
    smi = _told(
        "nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader", f"--id={_smi_id(device.index)}"
    )
    if smi:
        facts["nvidia_smi"] = dict(zip(FIELDS, map(str.strip, smi[0].split(",")), strict=False))
    if BOARD.exists():
        facts["board"] = BOARD.read_text().strip("\0 \n")
        facts["l4t"] = RELEASE.read_text().splitlines()[0] if RELEASE.exists() else ""
        facts["power_mode"] = _told("nvpmodel", "-q")
        facts["locked_clocks"] = _told("jetson_clocks", "--show")
    return facts


class Power:
    """Watts while a `with` block runs, sampled five times a second by the system's own tool."""

    def __init__(self, index: int = 0) -> None:
        self.samples_w: list[float] = []
        if shutil.which("tegrastats"):
            self._command, self._pattern, self._scale = ["tegrastats", "--interval", "200"], r"VDD_IN (\d+)mW", 1e-3
        else:
            query = ["--query-gpu=power.draw", "--format=csv,noheader,nounits", "-lms", "200", f"--id={_smi_id(index)}"]
            self._command, self._pattern, self._scale = ["nvidia-smi", *query], r"^([\d.]+)", 1.0
        if not shutil.which(self._command[0]):
            raise MissingError("neither nvidia-smi nor tegrastats is here; no power is measured")

    def __enter__(self) -> "Power":
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        told = self._process.communicate(timeout=10)[0]
        found = (re.search(self._pattern, line) for line in told.splitlines())
        self.samples_w = [self._scale * float(match[1]) for match in found if match]

    @property
    def mean_w(self) -> float:
        if not self.samples_w:
            raise RuntimeError(f"{self._command[0]} told no power")
        return sum(self.samples_w) / len(self.samples_w)


def _smi_id(index: int) -> str:
    """What nvidia-smi calls this device of the process's own."""
    visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return visible[index] if index < len(visible) else str(index)


def _cuda_of_driver() -> int:
    """13000 for 13.0, 0 where there is no driver."""
    found = ctypes.c_int(0)
    try:
        ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(found))
    except (OSError, AttributeError):
        return 0
    return found.value


def _told(*command: str) -> list[str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
