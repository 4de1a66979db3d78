"""One network, ready to run: the contract every backend meets, and the choice among backends.

An engine reads and writes arrays its caller owns. `bind` checks them once; `run` may then be called
any number of times and creates nothing. A shape may hold symbols: "n", or a multiple such as "8*h".
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

import numpy.typing as npt

from .errors import BackendError

Array = npt.NDArray[Any]
Dimension = int | str

DEVICE_BACKENDS = ("cuda", "tensorrt", "tensorrt-rtx")
BACKENDS = ("auto", "cpu", "openvino", "cuda", "tensorrt", "tensorrt-rtx")


@dataclass(frozen=True)
class TensorSpec:
    """Name, numpy type and shape of one input or output of a network."""

    name: str
    dtype: str
    shape: tuple[Dimension, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} ({', '.join(map(str, self.shape))})"


class Engine(Protocol):
    """A loaded network. It reads and writes the arrays bound in place, and holds them until it closes."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...

    def bind(self, **arrays: Array) -> None:
        """Fix every input and output by name: C-contiguous, of the stated type and shape."""

    def run(self) -> None:
        """Read the bound inputs, write the bound outputs."""

    def close(self) -> None:
        """Release the network and its memory; a second call does nothing."""

    def __enter__(self) -> "Engine": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def engine_for(
    backend: str,
    network: bytes,
    name: str,
    *,
    sizes: Mapping[str, int] | None = None,
    threads: int = 0,
    arena_bytes: int = 0,
) -> Engine:
    """An engine of the named backend for a network's ONNX bytes, which the caller has verified.

    Those on a GPU are staged through it; device/engines.py has them for arrays that stay there.

    backend      "auto" is the best that can run here, today "cpu"; any other name is that backend
                 or a `BackendError`
    sizes        fixes symbols of the network's shapes: up to a third less memory, a little faster; GPUs want all
    threads      0: every core this process may use
    arena_bytes  most working memory the engine may take, or `BudgetError`; 0: unbounded. ONNX Runtime
                 only; give what the manifest measured, for the bound itself costs a 32nd of its size
    """
    if backend not in BACKENDS:
        raise BackendError(f"unknown backend {backend!r}; choose one of {', '.join(BACKENDS)}")
    threads = threads or usable_cores()
    if backend in ("auto", "cpu"):
        from .ort_engine import OrtEngine

        return OrtEngine(network, name, sizes or {}, threads, arena_bytes)
    if backend == "openvino":
        from .openvino_engine import OpenVinoEngine

        return OpenVinoEngine(network, name, sizes or {}, threads)
    from .device.contract import open_device
    from .device.staged_engine import StagedEngine

    return StagedEngine(backend, network, name, sizes or {}, open_device())


def usable_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def shape_at(shape: tuple[Dimension, ...], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape with its symbols replaced: ("n", 4, "8*h") at n = 2, h = 5 is (2, 4, 40)."""
    concrete = []
    for dimension in shape:
        if isinstance(dimension, str):
            factor, symbol = factor_and_symbol(dimension)
            dimension = factor * sizes[symbol]
        concrete.append(dimension)
    return tuple(concrete)


def sizes_of(shape: tuple[Dimension, ...], actual: tuple[int, ...]) -> dict[str, int]:
    """The symbols of a shape, where it is `actual`: ("n", 4, "8*h") at (2, 4, 40) is n = 2, h = 5."""
    sizes = {}
    for dimension, size in zip(shape, actual, strict=True):
        if isinstance(dimension, str):
            factor, symbol = factor_and_symbol(dimension)
            sizes[symbol] = size // factor
    return sizes


def factor_and_symbol(dimension: str) -> tuple[int, str]:
    """ "8*h" is (8, "h"), "n" is (1, "n")."""
    factor, _, symbol = dimension.rpartition("*")
    return int(factor or 1), symbol


def check_arrays(network: str, specs: tuple[TensorSpec, ...], arrays: Mapping[str, Array]) -> None:
    """Refuse arrays that are not exactly what the network states, the same symbols everywhere."""
    names = {spec.name for spec in specs}
    if arrays.keys() != names:
        got = ", ".join(sorted(arrays)) or "nothing"
        raise ValueError(f"{network}: bind {', '.join(sorted(names))}, each by name; got {got}")
    sizes: dict[str, int] = {}
    for spec in specs:
        array = arrays[spec.name]
        if array.dtype != spec.dtype:
            raise ValueError(f"{network}: expected {spec}, got {array.dtype}; convert it first")
        if not _fits(spec.shape, array.shape, sizes):
            met = "".join(f", {symbol} = {size}" for symbol, size in sizes.items())
            raise ValueError(f"{network}: expected {spec}{met}; got shape {array.shape}")
        if not array.flags.c_contiguous:
            raise ValueError(f"{network}: expected {spec}, C-contiguous; got strides {array.strides}")


def _fits(shape: tuple[Dimension, ...], actual: tuple[int, ...], sizes: dict[str, int]) -> bool:
    """Whether every dimension agrees; a symbol met for the first time is set in `sizes`."""
    if len(shape) != len(actual):
        return False
    for want, have in zip(shape, actual, strict=True):
        factor, symbol = (want, "") if isinstance(want, int) else factor_and_symbol(want)
        size = sizes.setdefault(symbol, have // factor) if symbol else 1
        if size < 1 or have != factor * size:
            return False
    return True
