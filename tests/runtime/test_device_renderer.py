"""The path on a device, on the emulated one (no GPU): the CUDA kernels, run by the processor, and ONNX Runtime.

Everything but the driver and the speed is real, so frames must be the processor's own, bit for bit.
"""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from emulator.device import array_at

from stillwave import kernels
from stillwave.runtime import Edit
from stillwave.runtime.device.renderer import RING


@pytest.mark.parametrize("size", [(160, 96), (158, 94), (130, 78)])
def test_frames_are_those_of_the_processor(animator, on_device, photo, swaying, size):
    with animator.scene(photo, swaying, size=size) as want, on_device.scene(photo, swaying, size=size) as got:
        for t, magnify in ((0.0, 1.0), (37.5, 1.0), (75.0, 9.0), (20.0, 0.0)):
            np.testing.assert_array_equal(got.frame(t, magnify=magnify), want.frame(t, magnify=magnify))


@pytest.mark.parametrize("loop", ["exact", "guided", "crossfade"])
def test_clips_are_those_of_the_processor(animator, on_device, photo, swaying, loop):
    """Several passes, with frames under way."""
    with animator.scene(photo, swaying, size=(80, 48)) as want, on_device.scene(photo, swaying, size=(80, 48)) as got:
        clips = [list(scene.frames(seconds=19 / 30, speed=1.3, loop=loop)) for scene in (want, got)]
    assert len(clips[0]) == len(clips[1]) == 19
    np.testing.assert_array_equal(clips[1], clips[0])


def test_touch_is_that_of_the_processor(animator, on_device, photo, swaying):
    with animator.scene(photo, swaying) as want, on_device.scene(photo, swaying) as got:
        for scene in (want, got):
            scene.drag(104, 48, 3, 1)
        np.testing.assert_array_equal(got.step(0.1), want.step(0.1))
        for scene in (want, got):
            scene.release()
        for dt in (0.05, 0.2, 9.0, 60.0):  # at the end it fades to the photo
            np.testing.assert_array_equal(got.step(dt), want.step(dt))


def test_motion_is_predicted_as_by_the_processor(animator, on_device, photo):
    for seed in (0, 1):  # the second runs the graph of the first
        np.testing.assert_array_equal(on_device.predict(photo, seed), animator.predict(photo, seed))
    np.testing.assert_array_equal(on_device.predict(photo, 2, steps=1), animator.predict(photo, 2, steps=1))


def test_nothing_but_paces_leaves_the_device_between_photo_and_frame(animator, on_device, photo, monkeypatch):
    """The volume is made, framed and weighed there, and copied when it is asked for."""
    stream, taken = on_device._device.stream, []
    copy_out = stream.copy_out
    monkeypatch.setattr(stream, "copy_out", lambda host, at: (taken.append(host.nbytes), copy_out(host, at)))
    with animator.analyze(photo, seed=3) as want, on_device.analyze(photo, seed=3) as got:
        np.testing.assert_array_equal(got.frame(37.5), want.frame(37.5))
        np.testing.assert_array_equal(list(got.frames(seconds=5, fps=2)), list(want.frames(seconds=5, fps=2)))
        assert set(taken) == {8 * 150, photo.nbytes}
        on_device.predict(photo, seed=4)  # the scene's own volume stays
        np.testing.assert_array_equal(got.spectral_volume, want.spectral_volume)
        assert got.spectral_volume is got.spectral_volume
    with on_device.analyze(photo, seed=3) as unasked:
        pass
    with pytest.raises(ValueError, match="this scene is closed"):
        _ = unasked.spectral_volume


def test_a_measured_motion_starts_as_on_the_processor(animator, on_device, photo, swaying):
    """S_0 says where the photo lies in the swing."""
    measured = swaying.copy()
    measured[0, 0] = 0.3 * measured[1, 1]
    with animator.scene(photo, measured) as want, on_device.scene(photo, measured) as got:
        np.testing.assert_array_equal(got.frame(20.0), want.frame(20.0))


def test_edited_motions_are_those_of_the_processor(animator, on_device, photo):
    """Edits are the host's."""
    edit = Edit(gains={1: 2.0}, wind=1.5)
    with animator.analyze(photo, edit=edit) as want, on_device.analyze(photo, edit=edit) as got:
        np.testing.assert_array_equal(got.frame(37.5), want.frame(37.5))


def test_a_frame_is_one_graph(on_device, emulated, photo, swaying):
    with on_device.scene(photo, swaying) as scene:
        emulated.launched.clear()
        frames = list(scene.frames(seconds=10 / 30))
    assert len(frames) == 10
    assert emulated.launched == ["motion"] * 2  # of a pass; all else was captured before


def test_memory_is_one_block_each_and_stays(on_device, emulated, photo, swaying):
    with on_device.scene(photo, swaying) as scene:
        assert len(emulated.blocks) == 1
        before = emulated.memory()
        for _ in scene.frames(seconds=20 / 30):
            assert emulated.memory() == before
        with on_device.scene(photo, swaying, size=(80, 48)) as other:
            assert len(emulated.blocks) == 2
            np.testing.assert_array_equal(other.frame(5.0), other.frame(5.0))
    assert len(emulated.blocks) == 1  # of the scene closed last, for another of its size
    on_device.close()
    assert not emulated.blocks


def test_another_photo_of_a_size_takes_the_memory_engines_and_graph_of_the_last(
    animator, on_device, emulated, photo, swaying, monkeypatch
):
    other, opened, captures = photo[::-1].copy(), [], []
    stages = on_device._device
    open_engine, capture = stages._open_engine, stages.stream.capture
    monkeypatch.setattr(stages, "_open_engine", lambda name, *of: (opened.append(name), open_engine(name, *of))[1])
    monkeypatch.setattr(stages.stream, "capture", lambda calls: (captures.append(calls), capture(calls))[1])
    with on_device.analyze(photo, seed=1) as first:
        path, block = first._renderer.path, first._renderer.path.block
        left = first.frames(seconds=1)
        next(left)
    assert (len(opened), len(captures)) == (5, 2)
    emulated.total_bytes = sum(block.nbytes for block in emulated.blocks)  # there is no room for a second
    with animator.analyze(other, seed=2) as want, on_device.analyze(other, seed=2) as got:
        assert got._renderer.path is path
        slots = [got._renderer.submit(0) for _ in range(RING)]
        left.close()  # frees no frame of this scene
        assert not any(slot.is_free for slot in slots)
        for slot in slots:
            got._renderer.collect(slot, np.empty_like(photo))
        np.testing.assert_array_equal(list(got.frames(seconds=1)), list(want.frames(seconds=1)))
        with pytest.raises(ValueError, match="this scene is closed"):
            first.frame(1.0)
    assert (len(opened), len(captures)) == (5, 2)
    emulated.total_bytes = 2**31
    with on_device.scene(photo, swaying, size=(80, 48)) as small:
        assert small._renderer.path is not path
        assert block not in emulated.blocks


def test_frames_in_pinned_memory_where_the_device_shares_the_hosts(
    animator, on_device, emulated, photo, swaying, monkeypatch
):
    """As on Jetson: the last kernel writes to where the host reads, and nothing is copied out."""
    emulated.is_integrated = True
    with animator.scene(photo, swaying) as want, on_device.scene(photo, swaying) as scene:
        monkeypatch.setattr(on_device._device.stream, "copy_out", None)
        np.testing.assert_array_equal(scene.frame(37.5), want.frame(37.5))


def test_frames_that_stay_on_the_device(on_device, photo, swaying):
    with on_device.scene(photo, swaying) as scene:
        want = scene.frame(37.5)
        frame = scene.device_frame(37.5)
        interface = frame.__cuda_array_interface__
        assert (interface["shape"], interface["typestr"], interface["version"]) == ((96, 160, 3), "|u1", 3)
        assert interface["stream"] == on_device._device.stream.handle  # whose consumer waits for it
        np.testing.assert_array_equal(array_at(interface["data"][0], interface["shape"], np.uint8), want)
        taken = np.from_dlpack(frame)
        np.testing.assert_array_equal(taken, want)
        frame.__dlpack__()  # a capsule that nobody takes
        waited = []
        watched = dataclasses.replace(frame, event=SimpleNamespace(wait=lambda: waited.append(1)))
        for stream, waits in ((None, 1), (1, 2), (0x5000, 3), (-1, 3)):  # -1: the consumer sees to it
            watched.__dlpack__(stream=stream, max_version=(1, 0), dl_device=frame.__dlpack_device__(), copy=False)
            assert len(waited) == waits
        for wanted in ({"copy": True}, {"dl_device": (2, 7)}):
            with pytest.raises(BufferError, match="is handed out where it is"):
                frame.__dlpack__(**wanted)
        planes = array_at(scene._renderer.path.at["frame"], (3, 96, 160)).copy()
        nv12 = np.from_dlpack(scene.device_frame(37.5, is_nv12=True))
        np.testing.assert_array_equal(nv12, kernels.nv12_from_planes(planes))
        clip = [np.from_dlpack(frame).copy() for frame in scene.device_frames(seconds=9 / 30)]
        np.testing.assert_array_equal(clip, list(scene.frames(seconds=9 / 30)))
        with pytest.raises(ValueError, match="are not blended; choose another loop"):
            next(scene.device_frames(loop="crossfade"))


def test_frames_on_their_way_are_limited_and_freed(on_device, photo, swaying):
    with on_device.scene(photo, swaying, size=(80, 48)) as scene:
        clip = scene.frames(seconds=1)
        next(clip)
        clip.close()
        slots = [scene._renderer.submit(0) for _ in range(RING)]
        with pytest.raises(ValueError, match=rf"{RING} frames are on their way; collect one"):
            scene.frame(1.0)
        for slot in slots:
            scene._renderer.collect(slot, np.empty((48, 80, 3), np.uint8))
        scene.frame(1.0)
