"""Warped features -> frame, as renderer.py, with everything on the device: see frame_path.py.

Motion is made for a pass of frames at once, since the volume is then read once. Frames leave through a ring of
pinned memory.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from stillwave.kernels import cuda, reference
from stillwave.kernels.cuda import FrameChoice

from ..errors import BackendError, BudgetError
from ..spectrum import Float
from .frame import CUDA, DeviceFrame
from .frame_path import RING, FramePath, Pixels, Slot
from .volume import DeviceVolume


class DeviceRenderer:
    """Frames of one photo, made on a path that is its own until it is closed.

    photo      uint8 (H, W, 3)
    volume     float32 (K, 4, h, w) px of the grid over the photo, on the host or of an analysis on the device
    give_back  told the path when this is closed and the path is good for another photo

    After an error of the device it is closed, and the path with it: make another.
    """

    def __init__(
        self,
        path: FramePath,
        photo: Pixels,
        volume: Float | DeviceVolume,
        give_back: Callable[[FramePath], None],
    ) -> None:
        self.path, self.layout, self.photo, self._give_back = path, path.layout, photo, give_back
        self.volume = None if isinstance(volume, DeviceVolume) else volume
        self._turn, self._is_open = 0, True
        try:
            path.begin(photo, volume)
        except BaseException:
            path.close()
            raise

    def read_volume(self) -> Float:
        """A copy of the volume on the photo's grid, where the layout keeps it."""
        volume = np.empty((self.layout.num_frequencies, 4, *self.layout.volume_grid), np.float32)
        with self._closing_on_error():
            self.path.stream.copy_out(volume, self.path.at["volume"])
            self.path.stream.wait()
        return volume

    @contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        if not self._is_open:
            raise ValueError("this scene is closed, by an error of its device or by close(); make another")
        try:
            self.path.device.make_current()  # this may be another thread than the last
            yield
        except (BackendError, BudgetError):
            self._is_open = False
            self.path.close()
            raise

    def motions(self, basis: Float) -> range:
        """Makes up to PASS displacements, of a basis (n, 2K); valid until the next call; see rhythm.py."""
        n = len(basis)
        with self._closing_on_error():
            self.path.terms_read.wait()
            terms, scales = reference.terms(basis, self.layout.num_frequencies)
            flat = terms.view(np.int32).ravel()
            self.path.terms[: flat.size], self.path.scales[:n] = flat, scales
            self.path.stream.copy_in(self.path.at["terms"], self.path.terms[: flat.size])
            self.path.stream.copy_in(self.path.at["scales"], self.path.scales[:n])
            self.path.terms_read.record(self.path.stream)
            self.path.launch(cuda.motion(self.path.blocks("motions", n)))
        return range(n)

    def farthest(self, motion: int) -> float:
        """The largest part of a displacement, px of the grid."""
        numbers = 2 * math.prod(self.layout.grid)
        with self._closing_on_error():
            self.path.stream.clear(self.path.at["largest"], 4)
            values = self.path.at["motions"] + 4 * numbers * motion
            self.path.launch(cuda.largest(cuda.Largest(values, self.path.at["largest"], numbers)))
            self.path.stream.copy_out(self.path.largest, self.path.at["largest"])
            self.path.stream.wait()
        return float(self.path.largest[0])

    def submit(self, motion: int, liveliness: float = 1.0) -> Slot:
        """Starts a frame on its way to the host; `collect` it."""
        slot = self._free_slot()
        with self._closing_on_error():
            is_direct = self.path.device.is_integrated  # the device writes to the host's memory, nothing is copied
            self._choose(slot, motion, liveliness, slot.picture.ctypes.data if is_direct else 0)
            if not is_direct:
                self.path.stream.copy_out(slot.picture, self.path.at["picture"])
            slot.event.record(self.path.stream)
        slot.is_free = False
        return slot

    def _free_slot(self) -> Slot:
        """The one used longest ago: the device has read its choice."""
        for i in range(RING):
            slot = self.path.slots[(self._turn + i) % RING]
            if slot.is_free:
                self._turn = (self._turn + i + 1) % RING
                with self._closing_on_error():
                    slot.event.wait()
                return slot
        raise ValueError(f"{RING} frames are on their way; collect one, or close other iterators over frames")

    def _choose(self, slot: Slot, motion: int, liveliness: float, picture: int) -> None:
        slot.choice[:] = np.frombuffer(bytes(FrameChoice(picture, motion, liveliness)), np.uint8)
        self.path.stream.copy_in(self.path.at["choice"], slot.choice)
        self.path.graph.launch(self.path.stream)

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
                self.path.launch(cuda.nv12(self.path.picture("nv12", "frame")))
            slot.event.record(self.path.stream)
        name, shape = ("nv12", (H * 3 // 2, W)) if is_nv12 else ("picture", (H, W, 3))
        kind = getattr(self.path.device, "dlpack_kind", CUDA)
        return DeviceFrame(self.path.at[name], shape, self.path.device.index, self.path.stream.handle, slot.event, kind)

    def close(self) -> None:
        """Gives the path back; a second call does nothing."""
        if self._is_open:
            self._is_open = False
            self._give_back(self.path)
