"""One network, ready to run: the contract every backend meets, and the choice among backends.

An engine reads and writes arrays its caller owns. `bind` checks them once; `run` may then be called
any number of times and creates nothing. Shapes may hold symbols: "n", or a multiple such as "8*h".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

import numpy.typing as npt

from .errors import BackendError

Array = npt.NDArray[Any]
Dimension = int | str


@dataclass(frozen=True)
class TensorSpec:
    """Name, numpy type and shape of one input or output of a network."""

    name: str
    dtype: str
    shape: tuple[Dimension, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} ({', '.join(map(str, self.shape))})"


class Engine(Protocol):
    """A loaded network. Bound arrays belong to the caller and must outlive the engine's last run."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...

    def bind(self, **arrays: Array) -> None:
        """Fix every input and output by name: C-contiguous, of the type and shape the network states."""

    def run(self) -> None:
        """Read the bound inputs, write the bound outputs."""

    def close(self) -> None:
        """Release the network; a second call does nothing."""

    def __enter__(self) -> "Engine": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def shape_at(shape: tuple[Dimension, ...], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape with its symbols replaced: ("n", 4, "8*h") and n=2, h=5 -> (2, 4, 40)."""
    return tuple(d if isinstance(d, int) else _factor(d)[0] * sizes[_factor(d)[1]] for d in shape)


def check_arrays(network: str, specs: tuple[TensorSpec, ...], arrays: Mapping[str, Array]) -> None:
    """Refuse arrays that are not exactly what the network states; symbols must agree across them."""
    missing, unknown = (
        {s.name for s in specs} - arrays.keys(),
        arrays.keys() - {s.name for s in specs},
    )
    if missing or unknown:
        wants = ", ".join(s.name for s in specs)
        raise ValueError(
            f"{network}: has {wants}; got {', '.join(arrays) or 'nothing'}; bind every one by its name"
        )
    sizes: dict[str, int] = {}
    for spec in specs:
        array = arrays[spec.name]
        if array.dtype != spec.dtype:
            raise ValueError(
                f"{network}: expected {spec}, got {array.dtype}; convert it first, engines do not"
            )
        if not array.flags.c_contiguous:
            raise ValueError(
                f"{network}: expected {spec}, got strides {array.strides}; pass a C-contiguous array"
            )
        if array.ndim != len(spec.shape) or not _fits(spec.shape, array.shape, sizes):
            known = f" with {', '.join(f'{k} = {v}' for k, v in sizes.items())}" if sizes else ""
            raise ValueError(
                f"{network}: expected {spec}{known}, got shape {array.shape}; bind an array of that shape"
            )


def _fits(shape: tuple[Dimension, ...], actual: tuple[int, ...], sizes: dict[str, int]) -> bool:
    """Whether every dimension agrees; symbols met for the first time are set in `sizes`."""
    for want, have in zip(shape, actual, strict=True):
        if isinstance(want, int):
            if want != have:
                return False
            continue
        factor, symbol = _factor(want)
        if (
            have % factor
            or have < factor
            or sizes.setdefault(symbol, have // factor) * factor != have
        ):
            return False
    return True


def _factor(dimension: str) -> tuple[int, str]:
    """ "8*h" -> (8, "h"), "n" -> (1, "n")."""
    factor, _, symbol = dimension.rpartition("*")
    return int(factor or 1), symbol


BACKENDS = ("auto", "cpu", "openvino", "cuda", "tensorrt", "tensorrt-rtx")


def engine_for(
    backend: str, network: bytes, name: str, *, threads: int = 0, arena_bytes: int = 0
) -> Engine:
    """An engine of the named backend for a network's ONNX bytes, which the caller has verified.

    `auto` is the best that can run here, today ONNX Runtime on the CPU; any other name is that backend
    or a `BackendError`. `threads` 0 means every usable core. `arena_bytes` bounds the working memory
    of all engines of this process together; 0 leaves it unbounded.
    """
    if backend in ("auto", "cpu"):
        from .ort_engine import OrtEngine

        return OrtEngine(network, name, threads=threads, arena_bytes=arena_bytes)
    if backend == "openvino":
        from .openvino_engine import OpenVinoEngine

        return OpenVinoEngine(network, name, threads=threads)
    if backend in BACKENDS:
        raise BackendError(
            f"this version of stillwave has no {backend} engine; use --backend cpu or openvino"
        )
    raise BackendError(f"unknown backend {backend!r}; choose one of {', '.join(BACKENDS)}")


def usable_cores() -> int:
    """Cores this process may run on."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
