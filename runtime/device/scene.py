"""A scene whose frames are made on a device: the next is under way while one is read, and a frame may stay there."""

from collections import deque
from collections.abc import Iterator

from ..rhythm import Double, Rhythm, natural_turns
from ..scene import Frame, Scene, check_number, frame_count
from ..spectrum import Float
from .frame import DeviceFrame
from .frame_path import Slot
from .layout import PASS
from .renderer import DeviceRenderer

AHEAD = 2  # frames under way while one is read


class DeviceScene(Scene):
    """As `Scene`, and `device_frame`, `device_frames`."""

    def __init__(self, renderer: DeviceRenderer, num_frames: int, fps: float, is_predicted: bool = False):
        super().__init__(renderer, renderer.volume, num_frames, fps, is_predicted)
        self._on_device = renderer

    @property
    def spectral_volume(self) -> Float:
        """As of `Scene`. One that was predicted here is copied to the host when first asked for, before `close`."""
        if self._volume is None:
            self._volume = self._on_device.read_volume()
        return self._volume

    def device_frame(self, t: float, magnify: float = 1.0, is_nv12: bool = False) -> DeviceFrame:
        """The frame at time `t` in the device's memory, valid until the scene's next frame; see `frame`.

        is_nv12  (3 H / 2, W), luma and chroma as video encoders want them, instead of (H, W, 3)
        """
        rhythm = Rhythm(natural_turns(self.num_frequencies, self.num_frames))
        basis = rhythm.basis([check_number("t", t)], check_number("magnify", magnify))
        return self._on_device.render_on_device(self._on_device.motions(basis)[0], is_nv12)

    def device_frames(
        self,
        seconds: float = 5.0,
        fps: float = 30.0,
        magnify: float = 1.0,
        speed: float = 1.0,
        loop: str = "exact",
        is_nv12: bool = False,
    ) -> Iterator[DeviceFrame]:
        """Frames of a video in the device's memory, each valid until the next; see `frames`. No crossfade."""
        if loop == "crossfade":
            raise ValueError("frames that stay on the device are not blended; choose another loop than crossfade")
        count = frame_count(seconds, fps)
        rhythm = self.rhythm(count, fps, speed, loop)
        for first in range(0, count, PASS):
            basis = rhythm.basis(range(first, min(first + PASS, count)), check_number("magnify", magnify))
            for motion in self._on_device.motions(basis):
                yield self._on_device.render_on_device(motion, is_nv12)

    def _frames(self, rhythm: Rhythm, shares: Double, magnify: float, out: Frame | None) -> Iterator[Frame]:
        if shares.any():
            yield from super()._frames(rhythm, shares, magnify, out)
            return
        under_way: deque[Slot] = deque()
        try:
            for first in range(0, len(shares), PASS):
                times = range(first, min(first + PASS, len(shares)))
                for motion in self._on_device.motions(rhythm.basis(times, magnify)):
                    under_way.append(self._on_device.submit(motion))
                    if len(under_way) > AHEAD:
                        yield self._collected(under_way.popleft(), out)
            while under_way:
                yield self._collected(under_way.popleft(), out)
        finally:
            for slot in under_way:  # the iterator was left early
                slot.is_free = True

    def _collected(self, slot: Slot, out: Frame | None) -> Frame:
        frame = self._frame_buffer(out)
        self._on_device.collect(slot, frame)
        return frame
