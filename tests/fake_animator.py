"""Stands in for an animator where commands are tested: it records what they ask, and computes nothing."""

from types import SimpleNamespace

import numpy as np

from stillwave.runtime import read_photo
from stillwave.runtime.memory import Buffer, place


class FakeScene:
    """Grey frames that grow brighter. `trouble` is raised in the middle."""

    size = (64, 48)
    trouble = None

    def frames(self, seconds, fps, magnify, speed, out, loop):
        for i in range(round(seconds * fps)):
            if i == 3 and self.trouble is not None:
                raise self.trouble
            out[:] = i
            yield out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class FakeProof(FakeScene):
    num_frames, fps = 150, 30.0
    photo = np.zeros((48, 64, 3), np.uint8)
    spectral_volume = np.full((16, 4, 24, 32), 0.5, np.float32)

    def frame(self, t, out=None, preview=False):
        return np.zeros((48, 64, 3), np.uint8)


class FakeAnimator:
    """Records what the commands ask of an animator; none of it is computed."""

    manifest = SimpleNamespace(num_frames=150, fps=30.0)

    def __init__(self, *arguments):
        self.calls = [arguments]
        type(self).last = self

    def analyze(self, *arguments):
        self.calls.append(arguments)
        return FakeScene()

    def scene(self, *arguments):
        self.calls.append(arguments)
        return FakeProof()

    def predict(self, pixels, seed, steps):
        self.calls.append((pixels.shape, seed, steps))
        return np.full((16, 4, 24, 32), 0.5, np.float32)

    def stages(self, size):
        return {"read": {"process": 1 << 20, "photo": 1 << 19}, "render": {"arena": 300}}

    def read(self, photo):
        return read_photo(photo)

    def plan(self, size):
        self.calls.append((size,))
        return place([Buffer("photo", 100, 0, 1), Buffer("frame", 200, 1, 1)], ("read", "render"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass
