"""Warped features -> frame, as renderer.py, with everything on the device and in one block of its memory.

A frame is one graph: the motion brought to each level, splat, synthesis, bytes. What changes from frame
to frame lies in memory (FrameChoice), so the graph stays the same. Motion is made for a pass of frames
before, since the volume is then read once. Frames leave through a ring of pinned memory.
"""

import ctypes
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import numpy as np
import numpy.typing as npt

from stillwave.kernels import cuda, reference
from stillwave.kernels.cuda import FrameChoice, Launch

from ..errors import BackendError, BudgetError
from ..motion import COVER, DOUBT, REACH, WEIGHT_EXPONENT
from ..spectrum import REFERENCE_SIDE, Float
from .contract import Device, DeviceEngine, Event, Graph, Kernels, Replay, Stream
from .frame import CUDA, DeviceFrame
from .layout import PASS, DeviceLayout
from .volume import DeviceVolume

RING = 4  # frames on their way to the host

Pixels = npt.NDArray[np.uint8]


class Slot:
    """Pinned memory of one frame and of its choice; free until a frame is submitted to it."""

    def __init__(self, picture: Pixels, choice: Pixels, event: Event) -> None:
        self.picture, self.choice, self.event = picture, choice, event
        self.is_free = True


class DeviceRenderer:
    """Frames of one photo. After the constructor nothing is allocated, on the device or for it.

    stream     with the loaded kernels the caller's, and that of the engines
    pyramid    engine, used only while the constructor runs; the caller's
    synthesis  engine, this renderer's own from here on
    photo      uint8 (H, W, 3)
    volume     float32 (K, 4, h, w) px of the grid over the photo, on the host or of an analysis on the device

    After an error of the device it is closed: make another.
    """

    def __init__(
        self,
        layout: DeviceLayout,
        device: Device,
        stream: Stream,
        kernels: Kernels,
        pyramid: DeviceEngine,
        synthesis: DeviceEngine,
        photo: Pixels,
        volume: Float | DeviceVolume,
    ) -> None:
        self.layout, self.device, self.stream, self.kernels = layout, device, stream, kernels
        self.photo, self.num_frames, self.synthesis = photo, layout.num_frames, synthesis
        self.volume = None if isinstance(volume, DeviceVolume) else volume
        self._turn = 0
        with ExitStack() as opened:
            opened.callback(synthesis.close)
            plan = layout.plan()
            self.block = opened.enter_context(device.block(plan.nbytes))
            self.at = {name: self.block.address + offset for name, offset in plan.offsets.items()}
            self._open_ring(opened)
            self._frame_volume(volume)
            self._weigh()
            self._extract(pyramid)
            self._prepare_frame()
            self.graph: Graph = opened.enter_context(self._captured(self._enqueue_frame, synthesis))
            self._opened, self._is_open = opened.pop_all(), True

    def _open_ring(self, opened: ExitStack) -> None:
        """Pinned memory: the ring's pictures, its choices, terms and scales of a pass, and one number."""
        picture, choice = 3 * self.layout.height * self.layout.width, ctypes.sizeof(FrameChoice)
        terms = 4 * (self.layout.num_frequencies - 1) * PASS
        sizes = [picture] * RING + [choice] * RING + [terms, 4 * PASS, 4]
        parts = [opened.enter_context(self.device.pinned(size)).array for size in sizes]
        events = [opened.enter_context(self.device.event()) for _ in range(RING + 1)]
        self._slots = [Slot(*parts_of) for parts_of in zip(parts[:RING], parts[RING : 2 * RING], events, strict=False)]
        self._terms, self._scales, self._largest = (
            part.view(kind) for part, kind in zip(parts[2 * RING :], (np.int32, np.float32, np.float32), strict=True)
        )
        self._terms_read = events[RING]

    def _launch(self, *launches: Launch) -> None:
        for launch in launches:
            self.kernels.launch(launch, self.stream)

    def _spectrum(self) -> dict[str, int]:
        h, w = self.layout.grid
        rows = -(-h * w // 16) * (self.layout.num_frequencies - 1) * 96
        return {"rows": self.at["spectrum"], "units": self.at["spectrum"] + rows}

    def _blocks(self, out: str, frames: int) -> cuda.Blocks:
        h, w = self.layout.grid
        where = {"terms": self.at["terms"], "scales": self.at["scales"], "out": self.at[out]}
        sizes = {"pixels": h * w, "frequencies": self.layout.num_frequencies - 1, "frames": frames}
        return cuda.Blocks(**self._spectrum(), **where, **sizes)

    def _frame_volume(self, volume: Float | DeviceVolume) -> None:
        """The volume on the frame's grid, beginning at the photo: `resize_volume` and `start_from_photo`."""
        a, K = self.at, self.layout.num_frequencies
        (h, w), (rows, columns) = self.layout.grid, self.layout.volume_grid
        if isinstance(volume, DeviceVolume):
            self.stream.copy(a["volume"], volume.address, 16 * K * rows * columns)
        else:
            self.stream.copy_in(a["volume"], np.ascontiguousarray(volume, np.float32))
        tables, (down, across) = self.layout.tables(), self.layout.extent
        tables.put(a["tables"], self.stream)
        self.stream.clear(a["largest"], 4)
        to_xy = w / (across * columns), h / (down * rows)
        framed, axes = a["framed_volume"], (tables.axis("rows"), tables.axis("columns"))
        self._launch(
            cuda.interpolate(cuda.Planes(a["volume"], framed, None, *axes, K, *to_xy)),
            cuda.largest(cuda.Largest(framed, a["largest"], 4 * h * w)),
            cuda.start(cuda.Turning(framed, None, a["largest"], h * w, K)),
        )
        self.stream.wait()  # what was copied is the caller's again

    def read_volume(self) -> Float:
        """A copy of the volume on the photo's grid, where the layout keeps it."""
        volume = np.empty((self.layout.num_frequencies, 4, *self.layout.volume_grid), np.float32)
        with self._closing_on_error():
            self.stream.copy_out(volume, self.at["volume"])
            self.stream.wait()
        return volume

    def _weigh(self) -> None:
        """What is fixed for the scene: the blocked volume, who is in front, where anything ever moves."""
        a, K, (h, w) = self.at, self.layout.num_frequencies, self.layout.grid
        basis = reference.coefficients(np.arange(self.num_frames), self.num_frames, K, anchor=True)
        terms, scales = reference.terms(basis, K)
        for name, values in (("terms", terms), ("scales", scales)):
            self.stream.copy_in(a[name], values)
        self.stream.clear(a["largest"], 4)
        one = 2.0 ** reference.term_bits(K)
        self._launch(
            cuda.block(cuda.Packing(a["framed_volume"], *self._spectrum().values(), h * w, K - 1, one)),
            cuda.weight(self._blocks("weight", self.num_frames)),
            cuda.largest(cuda.Largest(a["weight"], a["largest"], h * w)),
        )
        maps = a["weight"], a["largest"], a["importance"], a["grid_activity"]
        self._launch(cuda.importance(cuda.Weights(*maps, h, w, REACH, WEIGHT_EXPONENT, REFERENCE_SIDE / max(h, w))))
        for j, (rows, columns, _) in enumerate(self.layout.levels):
            self._launch(cuda.resize(cuda.Map(a["importance"], a[f"importance{j}"], h, w, rows, columns, -math.inf)))
        self._launch(cuda.resize(cuda.Map(a["grid_activity"], a["activity_map"], h, w, *self.layout.padded, 0.0)))
        self.stream.wait()  # what was copied is the caller's again

    def _extract(self, pyramid: DeviceEngine) -> None:
        """The photo as planes, and its features in float16."""
        a, photo = self.at, np.ascontiguousarray(self.photo)
        self.stream.copy_in(a["photo_bytes"], photo)
        self._launch(cuda.planes(self._picture("photo_bytes", "still")))
        outputs = {f"level{j}": a[f"pyramid{j}"] for j in range(len(self.layout.levels))}
        pyramid.bind(a["pyramid_workspace"], photo=a["still"], **outputs)
        pyramid.enqueue(self.stream)
        for j, (rows, columns, C) in enumerate(self.layout.levels):
            self._launch(cuda.halve(cuda.Halving(a[f"pyramid{j}"], a[f"features{j}"], rows * columns * C)))
            if j:
                maps = a["still"], a["importance0"], a[f"features{j}"]
                self._launch(cuda.behind(cuda.Behind(*maps, rows, columns, C, 2**j, DOUBT)))
        self.stream.wait()

    def _picture(self, picture: str, planes: str, choice: int = 0) -> cuda.Picture:
        sizes = *self.layout.padded, self.layout.height, self.layout.width
        return cuda.Picture(self.at[planes], self.at[picture], choice, *sizes)

    def _prepare_frame(self) -> None:
        """The launches of a frame, and the engine bound to what they make."""
        a, levels = self.at, range(len(self.layout.levels))
        splat = cuda.Splat(self.layout.levels)
        shared = {name: a[name] for name in ("choice", "activity_map", "activity", *splat.buffers())}
        h, w = self.layout.grid
        grid = {"grids": a["motions"], "grid_height": h, "grid_width": w, "is_out_half": self.layout.is_half}
        of_level = ("features", "importance", "motion", "level")
        pyramid = splat.pyramid([tuple(a[f"{name}{j}"] for name in of_level) for j in levels], COVER, **shared, **grid)
        self._splat, self._starts = splat.launches(pyramid), (a["starts"], splat.buffers()["starts"])
        self._bytes = cuda.rgb(self._picture("picture", "frame", a["choice"]))
        inputs = {"motion": a["motion0"], **{name: a[name] for name in ("still", "activity", "frame")}}
        self.synthesis.bind(a["synthesis_workspace"], **inputs, **{f"level{j}": a[f"level{j}"] for j in levels})

    def _enqueue_frame(self) -> None:
        self.stream.clear(*self._starts)
        self._launch(*self._splat)
        self.synthesis.enqueue(self.stream)
        self._launch(self._bytes)

    def _captured(self, enqueue: Callable[[], None], engine: DeviceEngine) -> Graph:
        """A graph of what was run once before, since engines may allocate at their first run."""
        self.stream.clear(self.at["motions"], 8 * PASS * math.prod(self.layout.grid))
        self.stream.clear(self.at["choice"], ctypes.sizeof(FrameChoice))
        enqueue()
        self.stream.wait()
        return self.stream.capture(enqueue) if engine.is_capturable else Replay(enqueue)

    @contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        if not self._is_open:
            raise ValueError("this scene is closed, by an error of its device or by close(); make another")
        try:
            self.device.make_current()  # this may be another thread than the last
            yield
        except (BackendError, BudgetError):
            self.close()
            raise

    def motions(self, basis: Float) -> range:
        """Makes up to PASS displacements, of a basis (n, 2K); valid until the next call; see rhythm.py."""
        n = len(basis)
        with self._closing_on_error():
            self._terms_read.wait()
            terms, scales = reference.terms(basis, self.layout.num_frequencies)
            flat = terms.view(np.int32).ravel()
            self._terms[: flat.size], self._scales[:n] = flat, scales
            self.stream.copy_in(self.at["terms"], self._terms[: flat.size])
            self.stream.copy_in(self.at["scales"], self._scales[:n])
            self._terms_read.record(self.stream)
            self._launch(cuda.motion(self._blocks("motions", n)))
        return range(n)

    def farthest(self, motion: int) -> float:
        """The largest part of a displacement, px of the grid."""
        numbers = 2 * math.prod(self.layout.grid)
        with self._closing_on_error():
            self.stream.clear(self.at["largest"], 4)
            values = self.at["motions"] + 4 * numbers * motion
            self._launch(cuda.largest(cuda.Largest(values, self.at["largest"], numbers)))
            self.stream.copy_out(self._largest, self.at["largest"])
            self.stream.wait()
        return float(self._largest[0])

    def submit(self, motion: int, liveliness: float = 1.0) -> Slot:
        """Starts a frame on its way to the host; `collect` it."""
        slot = self._free_slot()
        with self._closing_on_error():
            is_direct = self.device.is_integrated  # the device writes to the host's memory, nothing is copied
            self._choose(slot, motion, liveliness, slot.picture.ctypes.data if is_direct else 0)
            if not is_direct:
                self.stream.copy_out(slot.picture, self.at["picture"])
            slot.event.record(self.stream)
        slot.is_free = False
        return slot

    def _free_slot(self) -> Slot:
        """The one used longest ago: the device has read its choice."""
        for i in range(RING):
            slot = self._slots[(self._turn + i) % RING]
            if slot.is_free:
                self._turn = (self._turn + i + 1) % RING
                with self._closing_on_error():
                    slot.event.wait()
                return slot
        raise ValueError(f"{RING} frames are on their way; collect one, or close other iterators over frames")

    def _choose(self, slot: Slot, motion: int, liveliness: float, picture: int) -> None:
        slot.choice[:] = np.frombuffer(bytes(FrameChoice(picture, motion, liveliness)), np.uint8)
        self.stream.copy_in(self.at["choice"], slot.choice)
        self.graph.launch(self.stream)

    def collect(self, slot: Slot, out: Pixels) -> None:
        """Waits for a submitted frame: uint8 (H, W, 3)."""
        slot.is_free = True
        with self._closing_on_error():
            slot.event.wait()
        np.copyto(out, slot.picture.reshape(out.shape))

    def render(self, motion: int, out: Pixels, liveliness: float = 1.0) -> None:
        """One frame, of one of the `motions` -> uint8 (H, W, 3)."""
        self.collect(self.submit(motion, liveliness), out)

    def preview(self, motion: int, out: Pixels) -> None:
        """A whole frame: what a preview leaves out takes a device no time."""
        self.render(motion, out)

    def render_on_device(self, motion: int, is_nv12: bool = False) -> DeviceFrame:
        """One frame that stays on the device."""
        H, W = self.layout.height, self.layout.width
        slot = self._free_slot()
        with self._closing_on_error():
            self._choose(slot, motion, 1.0, 0)
            if is_nv12:
                self._launch(cuda.nv12(self._picture("nv12", "frame")))
            slot.event.record(self.stream)
        name, shape = ("nv12", (H * 3 // 2, W)) if is_nv12 else ("picture", (H, W, 3))
        kind = getattr(self.device, "dlpack_kind", CUDA)
        return DeviceFrame(self.at[name], shape, self.device.index, self.stream.handle, slot.event, kind)

    def close(self) -> None:
        """Releases the engine and all memory; a second call does nothing."""
        opened, self._opened, self._is_open = self._opened, ExitStack(), False
        with suppress(BackendError):  # which whoever waits for a frame hears of
            self.device.make_current()
            self.stream.wait()
        opened.close()
