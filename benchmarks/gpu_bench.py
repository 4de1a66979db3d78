"""What the GPU benchmarks share: arrays on a device, launches, and times by events with the L2 cache flushed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stillwave.kernels import cuda
from stillwave.runtime.device.kernel_image import kernel_image

FLUSH_BYTES = 256 * 2**20  # more than any L2 cache
Array = np.ndarray[Any, Any]


class Bench:
    """A device, a stream, the kernels; arrays live until it closes."""

    def __init__(self, device: Any, is_emulated: bool = False) -> None:
        self.device, self.is_emulated, self.stream = device, is_emulated, device.stream()
        self.kernels = device.kernels(b"" if is_emulated else kernel_image(device.compute_capability))
        self._blocks: list[Any] = []
        self._flush: Any = None

    def space(self, nbytes: int) -> int:
        """The address of so many bytes, whatever they hold."""
        self._blocks.append(self.device.block(max(nbytes, 256)))
        return int(self._blocks[-1].address)

    def put(self, values: Array) -> int:
        """The address of a copy."""
        values = np.ascontiguousarray(values)
        address = self.space(values.nbytes)
        self.stream.copy_in(address, values)
        self.stream.wait()
        return address

    def get(self, address: int, shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
        values = np.empty(shape, dtype)
        self.stream.copy_out(values, address)
        self.stream.wait()
        return values

    def run(self, *launches: cuda.Launch) -> None:
        for launch in launches:
            self.kernels.launch(launch, self.stream)

    def times_us(self, call: Callable[[], Any], repeats: int = 30, is_cold: bool = True) -> list[float]:
        """Of each call alone; cold: after other bytes went through the L2 cache."""
        first, second = self.device.event(), self.device.event()
        taken, repeats = [], 1 if self.is_emulated else repeats
        for _ in range(repeats + 3):
            if is_cold:
                self.flush()
            first.record(self.stream)
            call()
            second.record(self.stream)
            second.wait()
            taken.append(1e3 * second.ms_since(first))
        first.close(), second.close()
        return taken[3:]

    def graph_us(self, call: Callable[[], Any], repeats: int = 30, is_cold: bool = True) -> dict[str, float]:
        """Of a call as a graph, so that what the processor takes to launch is not counted."""
        call()
        self.stream.wait()
        with self.stream.capture(call) as graph:
            return summary(self.times_us(lambda: graph.launch(self.stream), repeats, is_cold))

    def flush(self) -> None:
        if not self.is_emulated:
            self._flush = self._flush or self.space(FLUSH_BYTES)
            self.stream.clear(self._flush, FLUSH_BYTES)

    def copy_gb_s(self, nbytes: int = 512 * 2**20) -> float:
        """Bytes read and written a second by a copy of `nbytes`."""
        nbytes = 2**20 if self.is_emulated else nbytes
        source, target = self.space(nbytes), self.space(nbytes)
        taken = self.times_us(lambda: self.stream.copy(target, source, nbytes), 20, is_cold=False)
        return 2 * nbytes / (float(np.median(taken)) * 1e3)

    def close(self) -> None:
        for block in self._blocks:
            block.close()
        self.kernels.close()
        self.stream.close()

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def summary(times_us: list[float]) -> dict[str, float]:
    return {
        "median_us": round(float(np.median(times_us)), 2),
        "min_us": round(min(times_us), 2),
        "p95_us": round(float(np.percentile(times_us, 95)), 2),
        "repeats": len(times_us),
    }
