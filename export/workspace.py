"""Memory one network takes in ONNX Runtime, measured in a process of its own.

`python -m stillwave.export.workspace FILE NAME n=1 h=20 w=32` prints bytes.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stillwave.runtime.engine import engine_for, shape_at


def workspace_bytes(file: Path, name: str, sizes: Mapping[str, int]) -> int:
    """Peak growth of a fresh process while the network loads and runs once at these sizes."""
    arguments = [str(file), name, *(f"{symbol}={n}" for symbol, n in sizes.items())]
    done = subprocess.run(
        [sys.executable, "-m", __name__, *arguments], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


def _peak_bytes() -> int:
    # Linux: getrusage would answer with the parent's peak
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def main() -> None:
    file, name, *symbols = sys.argv[1:]
    sizes = {symbol: int(n) for symbol, n in (s.split("=") for s in symbols)}
    network = Path(file).read_bytes()
    with engine_for("cpu", network, name, threads=1) as engine:
        arrays = {
            s.name: np.zeros(shape_at(s.shape, sizes), s.dtype)
            for s in engine.inputs + engine.outputs
        }
        for array in arrays.values():
            array.fill(0)  # touched, so that only the engine's pages are new
        before = _peak_bytes()
        engine.bind(**arrays)
        engine.run()
        print(_peak_bytes() - before)


if __name__ == "__main__":
    main()
