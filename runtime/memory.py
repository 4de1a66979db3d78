"""Lifetimes become offsets, offsets one arena: the memory budget is kept before anything runs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import BudgetError

ALIGNMENT = 64  # a cache line, and the widest vector
UNITS = {"": 1, "B": 1} | {
    prefix + suffix: base ** (i + 1)
    for i, prefix in enumerate("KMGT")
    for suffix, base in (("", 1024), ("IB", 1024), ("B", 1000))
}


@dataclass(frozen=True)
class Buffer:
    """Memory wanted from `first_step` to `last_step`, both included."""

    name: str
    nbytes: int
    first_step: int
    last_step: int

    def __post_init__(self) -> None:
        if self.nbytes < 0 or not 0 <= self.first_step <= self.last_step:
            raise ValueError(f"want bytes >= 0 and steps 0 <= first <= last, got {self}")

    def lives_with(self, other: "Buffer") -> bool:
        return self.first_step <= other.last_step and other.first_step <= self.last_step


@dataclass(frozen=True)
class Plan:
    """Buffers and their places in one arena of `nbytes`; `steps` names the steps, if given."""

    buffers: tuple[Buffer, ...]
    offsets: dict[str, int]
    nbytes: int
    steps: tuple[str, ...] = ()

    @property
    def peak_live_bytes(self) -> int:
        """The most that is wanted at one step: what no placement can go below."""
        return max((self.live_bytes(b.first_step) for b in self.buffers), default=0)

    def live_bytes(self, step: int) -> int:
        live = [b for b in self.buffers if b.first_step <= step <= b.last_step]
        return sum(aligned(b.nbytes) for b in live)

    def step_name(self, step: int) -> str:
        return self.steps[step] if step < len(self.steps) else str(step)

    def table(self) -> str:
        """The plan as text, a line for each buffer in the order of their offsets."""
        rows = [("buffer", "offset", "bytes", "from", "to")]
        for b in sorted(self.buffers, key=lambda b: (self.offsets[b.name], b.first_step)):
            first, last = self.step_name(b.first_step), self.step_name(b.last_step)
            rows.append((b.name, f"{self.offsets[b.name]:,}", f"{b.nbytes:,}", first, last))
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        lines = [
            f"{name:<{widths[0]}}  {offset:>{widths[1]}}  {nbytes:>{widths[2]}}"
            f"  {first:<{widths[3]}}  {last}"
            for name, offset, nbytes, first, last in rows
        ]
        total = f"arena {format_bytes(self.nbytes)}, peak live {format_bytes(self.peak_live_bytes)}"
        return "\n".join([*lines, total])


def place(buffers: Sequence[Buffer], steps: Sequence[str] = ()) -> Plan:
    """Offsets such that no two buffers that live at one step overlap: largest first, lowest gap."""
    offsets: dict[str, int] = {}
    placed: list[Buffer] = []
    for buffer in sorted(buffers, key=lambda b: (-b.nbytes, b.first_step, b.name)):
        if buffer.name in offsets:
            raise ValueError(f"buffer names must differ, got {buffer.name!r} twice")
        offset = 0
        neighbours = [other for other in placed if other.lives_with(buffer)]
        for other in sorted(neighbours, key=lambda b: offsets[b.name]):
            if offsets[other.name] - offset >= buffer.nbytes:
                break
            offset = max(offset, aligned(offsets[other.name] + other.nbytes))
        offsets[buffer.name] = offset
        placed.append(buffer)
    nbytes = max((aligned(offsets[b.name] + b.nbytes) for b in buffers), default=0)
    return Plan(tuple(buffers), offsets, nbytes, tuple(steps))


class Arena:
    """The one allocation that a plan describes. It owns the memory of every view it hands out.

    Its pages are touched once, so that a board short of memory fails here and not at frame 90.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        try:
            memory = np.empty(plan.nbytes + ALIGNMENT, np.uint8)
            memory.fill(0)
        except MemoryError as error:
            raise BudgetError(
                f"the system refused an arena of {format_bytes(plan.nbytes)}; lower the budget"
            ) from error
        start = -memory.ctypes.data % ALIGNMENT
        self._memory: npt.NDArray[np.uint8] | None = memory[start : start + plan.nbytes]
        self._sizes = {b.name: b.nbytes for b in plan.buffers}

    def view(self, name: str, dtype: npt.DTypeLike, shape: Sequence[int]) -> npt.NDArray[Any]:
        """Buffer `name` as an array. What it holds at first is left over from others."""
        if self._memory is None:
            raise ValueError(f"arena is closed, got a request for {name!r}; make a new one")
        nbytes = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=np.int64))
        if nbytes > self._sizes[name]:
            raise ValueError(f"buffer {name!r} holds {self._sizes[name]} bytes, got {nbytes} asked")
        offset = self.plan.offsets[name]
        return self._memory[offset : offset + nbytes].view(dtype).reshape(shape)

    def __enter__(self) -> "Arena":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the memory; it is freed with the last view."""
        self._memory = None


def aligned(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


def parse_bytes(text: str | int) -> int:
    """Bytes from "512MiB", "1.5G" (binary), "512MB" (decimal) or a number."""
    match = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*([A-Za-z]*)\s*", str(text))
    unit = UNITS.get(match[2].upper()) if match else None
    nbytes = int(float(match[1]) * unit) if match and unit else 0
    if nbytes <= 0:
        raise BudgetError(f"want an amount of memory such as 512MiB or 1.5GiB, got {text!r}")
    return nbytes


def format_bytes(nbytes: int) -> str:
    """`nbytes` to be read by people: "12.5 MiB"."""
    if nbytes < 1024:
        return f"{nbytes} B"
    power = min(4, (nbytes.bit_length() - 1) // 10)
    return f"{nbytes / 1024**power:.1f} {' KMGT'[power]}iB"
