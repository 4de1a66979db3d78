"""Memory a network takes in ONNX Runtime, measured in processes of their own (Linux).

`python -m stillwave.export.workspace FILE NAME n=1 h=20 w=32` prints bytes.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stillwave.runtime.engine import Array, Engine, engine_for
from stillwave.runtime.errors import BudgetError
from stillwave.runtime.ort_engine import LARGEST_REGION, MAP_SHARE

STEP = 1.02  # precision of the result
LEAST = 1 << 16  # bytes


def weights_and_workspace_bytes(file: Path, name: str, sizes: Mapping[str, int]) -> tuple[int, int]:
    """What the network takes at any size, and beside it at these sizes: the line through those and
    the smallest. What grows faster than its input, as attention does, takes less in between.
    """
    cell = {**sizes, "h": 1, "w": 1}
    least, most = engine_bytes(file, name, cell), engine_bytes(file, name, sizes)
    workspace = int((most - least) / (1 - 1 / (sizes["h"] * sizes["w"])))
    return max(0, most - workspace), workspace


def engine_bytes(file: Path, name: str, sizes: Mapping[str, int]) -> int:
    """Peak growth of a process that loads the network and runs it at these sizes, and an arena in
    which it can: weights and working memory, but neither ONNX Runtime itself nor the arrays bound.
    """
    symbols = [f"{symbol}={size}" for symbol, size in sizes.items()]
    command = [sys.executable, "-m", __name__, str(file), name, *symbols]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main() -> None:
    path, name, *symbols = sys.argv[1:]
    sizes = {symbol: int(size) for symbol, size in (text.split("=") for text in symbols)}
    print(_measured(Path(path).read_bytes(), name, sizes))


def _measured(network: bytes, name: str, sizes: Mapping[str, int]) -> int:
    ample = 4 * LARGEST_REGION
    with _opened(network, name, sizes, ample) as engine:  # once, so that ONNX Runtime is there
        arrays = {s.name: np.ones(s.shape, s.dtype) for s in engine.inputs + engine.outputs}
    before = _resident_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    _run(network, name, sizes, ample, arrays)
    grown = _resident_bytes("VmHWM") - before - LARGEST_REGION // MAP_SHARE
    arena_bytes = max(grown, LEAST)  # of a small network the process may not grow at all
    while True:  # blocks leave gaps: an arena of just the bytes touched may be too small
        try:
            _run(network, name, sizes, arena_bytes, arrays)
            return arena_bytes + arena_bytes // MAP_SHARE
        except BudgetError:
            arena_bytes = int(STEP * arena_bytes)


def _run(network: bytes, name: str, sizes: Mapping[str, int], arena_bytes: int, arrays: dict[str, Array]) -> None:
    with _opened(network, name, sizes, arena_bytes) as engine:
        engine.bind(**arrays)
        engine.run()


def _opened(network: bytes, name: str, sizes: Mapping[str, int], arena_bytes: int) -> Engine:
    return engine_for("cpu", network, name, sizes=sizes, threads=1, arena_bytes=arena_bytes)


def _resident_bytes(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main()
