"""What figures were measured on, and where results are kept: shared by every benchmark here."""

import json
import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stillwave.kernels import build_info

FOLDER = Path(__file__).parent
PACKAGES = ("stillwave", "numpy", "pillow", "onnxruntime", "openvino", "av", "torch")


def machine() -> dict[str, object]:
    """Processor, system, versions and commit. `load_average` says how quiet the machine was."""
    return {
        "processor": processor(),
        "cores": build_info()["threads_default"],
        "clock_mhz": _first(r"cpu MHz\s*: ([\d.]+)", "/proc/cpuinfo"),
        "memory_kib": _first(r"MemTotal: +(\d+)", "/proc/meminfo"),
        "load_average": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {p: v for p in PACKAGES if (v := _version(p))},
        "kernels": build_info(),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "is_modified": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def processor() -> str:
    named = _first(r"model name\s*: (.+)", "/proc/cpuinfo") or _first(r"(.+?)\0", "/proc/device-tree/model")
    return named or platform.processor() or platform.machine()


def result_path(name: str) -> Path:
    """Where the results of benchmark `name` on this processor belong."""
    slug = re.sub(r"[^a-z0-9]+", "-", processor().lower()).strip("-")
    return FOLDER / "results" / f"{name}-{slug}.json"


def write_result(path: Path, result: dict[str, object]) -> None:
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {path}")


def _first(pattern: str, file: str) -> str:
    """The first match of the pattern's group in a file of the system, "" where there is none."""
    try:
        match = re.search(pattern, Path(file).read_text())
    except OSError:
        return ""
    return match[1] if match else ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(FOLDER), *arguments], capture_output=True, text=True)
    except OSError:  # no git
        return ""
    return done.stdout.strip()
