"""Features -> frame on a device: one block of memory, the engines and the graph, for any photo of one size.

A frame is one graph: the motion brought to each level, splat, synthesis, bytes. What changes from frame
to frame lies in memory (FrameChoice), so the graph stays the same; so it does from photo to photo.
"""

import ctypes
import math
from contextlib import ExitStack, suppress
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from stillwave.kernels import cuda, reference
from stillwave.kernels.cuda import FrameChoice, Launch

from ..errors import BackendError
from ..interpolation import sharpening_of
from ..motion import COVER, DOUBT, REACH, WEIGHT_EXPONENT
from ..spectrum import REFERENCE_SIDE, Float
from .contract import Device, DeviceEngine, Event, Graph, Kernels, Replay, Stream
from .layout import PASS, DeviceLayout
from .volume import DeviceVolume

RING = 4  # frames on their way to the host

Pixels = npt.NDArray[np.uint8]


class Slot:
    """Pinned memory of one frame and of its choice; free until a frame is submitted to it."""

    def __init__(self, picture: Pixels, choice: Pixels, event: Event) -> None:
        self.picture, self.choice, self.event = picture, choice, event
        self.is_free = True


class FramePath:
    """All that frames of one layout need. After the constructor nothing is allocated, on the device or for it.

    stream     with the loaded kernels the caller's, and that of the engines
    pyramid    and synthesis: engines, this object's own from here on
    """

    def __init__(
        self,
        layout: DeviceLayout,
        device: Device,
        stream: Stream,
        kernels: Kernels,
        pyramid: DeviceEngine,
        synthesis: DeviceEngine,
    ) -> None:
        self.layout, self.device, self.stream, self.kernels = layout, device, stream, kernels
        self.slots: list[Slot] = []
        self.pyramid, self.synthesis = pyramid, synthesis
        with ExitStack() as opened:
            opened.callback(pyramid.close)
            opened.callback(synthesis.close)
            plan = layout.plan()
            self.block = opened.enter_context(device.block(plan.nbytes))
            self.at = {name: self.block.address + offset for name, offset in plan.offsets.items()}
            self._open_ring(opened)
            self._prepare_frame()
            self.graph: Graph = opened.enter_context(self._captured())
            self._opened = opened.pop_all()

    def is_for(self, layout: DeviceLayout) -> bool:
        """Whether frames of this layout, which does not know the engines' workspaces yet, can be made here."""
        return replace(self.layout, pyramid_bytes=0, synthesis_bytes=0) == layout

    def begin(self, photo: Pixels, volume: Float | DeviceVolume) -> None:
        """Takes up another photo, uint8 (H, W, 3), and its motion, float32 (K, 4, h, w) px of a grid over it."""
        self.slots = [Slot(s.picture, s.choice, s.event) for s in self.slots]  # an iterator left may free its own yet
        self._frame_volume(volume)
        self._weigh()
        self._extract(photo)

    def _open_ring(self, opened: ExitStack) -> None:
        """Pinned memory: the ring's pictures, its choices, terms and scales of a pass, and one number."""
        picture, choice = 3 * self.layout.height * self.layout.width, ctypes.sizeof(FrameChoice)
        terms = 4 * (self.layout.num_frequencies - 1) * PASS
        sizes = [picture] * RING + [choice] * RING + [terms, 4 * PASS, 4]
        parts = [opened.enter_context(self.device.pinned(size)).array for size in sizes]
        events = [opened.enter_context(self.device.event()) for _ in range(RING + 1)]
        slots = zip(parts[:RING], parts[RING : 2 * RING], events, strict=False)
        self.slots = [Slot(*parts_of) for parts_of in slots]
        self.terms, self.scales, self.largest = (
            part.view(kind) for part, kind in zip(parts[2 * RING :], (np.int32, np.float32, np.float32), strict=True)
        )
        self.terms_read = events[RING]

    def launch(self, *launches: Launch) -> None:
        for launch in launches:
            self.kernels.launch(launch, self.stream)

    def _spectrum(self) -> dict[str, int]:
        h, w = self.layout.grid
        rows = -(-h * w // 16) * (self.layout.num_frequencies - 1) * 96
        return {"rows": self.at["spectrum"], "units": self.at["spectrum"] + rows}

    def blocks(self, out: str, frames: int) -> cuda.Blocks:
        h, w = self.layout.grid
        where = {"terms": self.at["terms"], "scales": self.at["scales"], "out": self.at[out]}
        sizes = {"pixels": h * w, "frequencies": self.layout.num_frequencies - 1, "frames": frames}
        return cuda.Blocks(**self._spectrum(), **where, **sizes)

    def _frame_volume(self, volume: Float | DeviceVolume) -> None:
        """The volume on the frame's grid, beginning at the photo: `resize_volume` and `start_from_photo`."""
        a, K = self.at, self.layout.num_frequencies
        (h, w), (rows, columns) = self.layout.grid, self.layout.volume_grid
        sharpening = 0.0, 0.0
        if isinstance(volume, DeviceVolume):
            self.stream.copy(a["volume"], volume.address, 16 * K * rows * columns)
        else:
            self.stream.copy_in(a["volume"], np.ascontiguousarray(volume, np.float32))
            if self.layout.is_measured:
                sharpening = sharpening_of(volume, (self.layout.height, self.layout.width))
        tables, (down, across) = self.layout.tables(sharpening), self.layout.extent
        tables.put(a["tables"], self.stream)
        self.stream.clear(a["largest"], 4)
        to_xy = w / (across * columns), h / (down * rows)
        framed, axes = a["framed_volume"], (tables.axis("rows"), tables.axis("columns"))
        self.launch(
            cuda.interpolate(cuda.Planes(a["volume"], framed, None, *axes, K, *to_xy)),
            cuda.largest(cuda.Largest(framed, a["largest"], 4 * h * w)),
            cuda.start(cuda.Turning(framed, None, a["largest"], h * w, K)),
        )
        self.stream.wait()  # what was copied is the caller's again

    def _weigh(self) -> None:
        """What is fixed for the scene: the blocked volume, who is in front, where anything ever moves."""
        a, K, (h, w) = self.at, self.layout.num_frequencies, self.layout.grid
        frames = self.layout.num_frames
        basis = reference.coefficients(np.arange(frames), frames, K, anchor=True)
        terms, scales = reference.terms(basis, K)
        for name, values in (("terms", terms), ("scales", scales)):
            self.stream.copy_in(a[name], values)
        self.stream.clear(a["largest"], 4)
        one = 2.0 ** reference.term_bits(K)
        self.launch(
            cuda.block(cuda.Packing(a["framed_volume"], *self._spectrum().values(), h * w, K - 1, one)),
            cuda.weight(self.blocks("weight", frames)),
            cuda.largest(cuda.Largest(a["weight"], a["largest"], h * w)),
        )
        maps = a["weight"], a["largest"], a["importance"], a["grid_activity"]
        self.launch(cuda.importance(cuda.Weights(*maps, h, w, REACH, WEIGHT_EXPONENT, REFERENCE_SIDE / max(h, w))))
        for j, (rows, columns, _) in enumerate(self.layout.levels):
            self.launch(cuda.resize(cuda.Map(a["importance"], a[f"importance{j}"], h, w, rows, columns, -math.inf)))
        self.launch(cuda.resize(cuda.Map(a["grid_activity"], a["activity_map"], h, w, *self.layout.padded, 0.0)))
        self.stream.wait()  # what was copied is the caller's again

    def _extract(self, photo: Pixels) -> None:
        """The photo as planes, and its features in float16."""
        a, photo = self.at, np.ascontiguousarray(photo)
        self.stream.copy_in(a["photo_bytes"], photo)
        self.launch(cuda.planes(self.picture("photo_bytes", "still")))
        outputs = {f"level{j}": a[f"pyramid{j}"] for j in range(len(self.layout.levels))}
        self.pyramid.bind(a["pyramid_workspace"], photo=a["still"], **outputs)
        self.pyramid.enqueue(self.stream)
        for j, (rows, columns, C) in enumerate(self.layout.levels):
            self.launch(cuda.halve(cuda.Halving(a[f"pyramid{j}"], a[f"features{j}"], rows * columns * C)))
            if j:
                maps = a["still"], a["importance0"], a[f"features{j}"]
                self.launch(cuda.behind(cuda.Behind(*maps, rows, columns, C, 2**j, DOUBT)))
        self.stream.wait()

    def picture(self, picture: str, planes: str, choice: int = 0) -> cuda.Picture:
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
        self._bytes = cuda.rgb(self.picture("picture", "frame", a["choice"]))
        inputs = {"motion": a["motion0"], **{name: a[name] for name in ("still", "activity", "frame")}}
        self.synthesis.bind(a["synthesis_workspace"], **inputs, **{f"level{j}": a[f"level{j}"] for j in levels})

    def enqueue_frame(self) -> None:
        self.stream.clear(*self._starts)
        self.launch(*self._splat)
        self.synthesis.enqueue(self.stream)
        self.launch(self._bytes)

    def _captured(self) -> Graph:
        """A graph of what was run once before, since engines may allocate at their first run."""
        self.stream.clear(self.at["motions"], 8 * PASS * math.prod(self.layout.grid))
        self.stream.clear(self.at["choice"], ctypes.sizeof(FrameChoice))
        self.enqueue_frame()
        self.stream.wait()
        return self.stream.capture(self.enqueue_frame) if self.synthesis.is_capturable else Replay(self.enqueue_frame)

    def close(self) -> None:
        """Releases the engines and all memory; a second call does nothing."""
        opened, self._opened = self._opened, ExitStack()
        with suppress(BackendError):  # which whoever waits for a frame hears of
            self.device.make_current()
            self.stream.wait()
        opened.close()
