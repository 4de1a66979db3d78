"""Engines, what opening costs, whole frames, a photo's whole loop, a soak and power, by one backend of a session."""

from collections.abc import Callable
from contextlib import nullcontext
from time import perf_counter
from typing import Any

import numpy as np
from gpu_bench import Bench, summary
from gpu_machine import Power
from gpu_session import Session

from stillwave.runtime.budget import DECODER_BATCH
from stillwave.runtime.device.contract import Replay
from stillwave.runtime.engine import sizes_of
from stillwave.runtime.profile import profiles
from stillwave.runtime.spectrum import motion_grid, network_grid

SIZE = (512, 288)
GRID = network_grid(*SIZE)
SEED_PHOTO = 0


def photo(size: tuple[int, int] = SIZE) -> Any:
    """Smooth colours and noise: what it shows does not change the times."""
    rng, (width, height) = np.random.default_rng(SEED_PHOTO), size
    y, x = np.mgrid[:height, :width] / 40
    waves = np.stack([np.sin(a * x + b * y) for a, b in rng.uniform(0.3, 1.5, (3, 2))], 2)
    return (120 + 70 * waves + rng.normal(0, 8, waves.shape)).clip(0, 255).astype(np.uint8)


def engine_times(session: Session, backend: str) -> dict[str, Any]:
    """One run of each network at the usual sizes, on whatever its memory holds; and how long it took to open, the
    first time with its building, where none was kept.
    """
    found: dict[str, Any] = {}
    bench = session.bench
    with session.animator(backend) as animator:
        stages, manifest = animator._device, animator.manifest
        height, width, cells = SIZE[1], SIZE[0], (manifest.latent_channels, GRID[1] // 8, GRID[0] // 8)
        shapes = {
            "image_encoder": ("photo", (1, 3, 2 * GRID[1], 2 * GRID[0])),
            "denoiser": ("latents", (manifest.num_frequencies - 1, *cells)),
            "decoder": ("latents", (DECODER_BATCH, *cells)),
            "pyramid": ("photo", (1, 3, height, width)),
            "synthesis": ("still", (1, 3, height, width)),
        }
        for name, (tensor, shape) in shapes.items():
            record = manifest.networks[name]
            sizes = sizes_of(record.inputs[tensor].shape, shape)
            network, profile = animator.bundle.network_bytes(name), profiles(manifest)[name]
            opened_ms = []
            for _ in range(2):
                start = perf_counter()
                engine = stages.engines.open(network, name, sizes, record.precision, profile)
                opened_ms.append(round(1e3 * (perf_counter() - start), 2))
                if len(opened_ms) == 1:
                    engine.close()
            own_stream, bench.stream = bench.stream, stages.stream
            try:
                found[name] = {"first_opened_ms": opened_ms[0], "opened_ms": opened_ms[1]}
                found[name] |= _engine_times(bench, engine)
            finally:
                bench.stream = own_stream
                engine.close()
    return found


def _engine_times(bench: Bench, engine: Any) -> dict[str, Any]:
    addresses = {spec.name: _zeros(bench, spec) for spec in engine.inputs + engine.outputs}
    engine.bind(bench.space(engine.workspace_bytes), **addresses)

    def call() -> None:
        engine.enqueue(bench.stream)

    start = perf_counter()
    call()
    bench.stream.wait()
    first_run_ms = round(1e3 * (perf_counter() - start), 2)  # TensorRT-RTX makes its kernels now
    times = bench.graph_us(call) if engine.is_capturable else summary(bench.times_us(call))
    return times | {
        "first_run_ms": first_run_ms,
        "workspace_bytes": engine.workspace_bytes,
        "is_graph": engine.is_capturable,
    }


def _zeros(bench: Bench, spec: Any) -> int:
    nbytes = int(np.prod(spec.shape)) * np.dtype(spec.dtype).itemsize
    address = bench.space(nbytes)
    bench.stream.clear(address, nbytes)
    return address


def frame_times(session: Session, backend: str, frames: int = 300) -> dict[str, Any]:
    """A frame asked for and waited for; frames of a clip, some under way while one is read; without a graph too."""
    with session.animator(backend) as animator:
        volume = animator.predict(photo())
        with animator.scene(photo(), volume) as scene:
            out = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
            result = {"latency, graph": _latency(scene, out, frames), "clip, graph": _clip(scene, out, frames)}
            result["on the device, graph"] = _on_device(scene, frames)
            path = scene._renderer.path
            result["is_one_graph"] = not isinstance(path.graph, Replay)
            path.graph = Replay(path.enqueue_frame)
            result["latency, no graph"] = _latency(scene, out, frames)
            result["clip, no graph"] = _clip(scene, out, frames)
            result["block_bytes"] = path.block.nbytes
    return result


def _latency(scene: Any, out: Any, frames: int) -> dict[str, float]:
    taken = []
    for i in range(frames + 2):
        start = perf_counter()
        scene.frame(0.37 * i, out=out)
        taken.append(1e6 * (perf_counter() - start))
    return summary(taken[2:])


def _clip(scene: Any, out: Any, frames: int) -> dict[str, float]:
    list(scene.frames(seconds=2 / 30, out=out))
    start = perf_counter()
    for _ in scene.frames(seconds=frames / 30, fps=30, out=out):
        pass
    return {"us_per_frame": round(1e6 * (perf_counter() - start) / frames, 2), "frames": frames}


def _on_device(scene: Any, frames: int) -> dict[str, float]:
    for frame in scene.device_frames(seconds=2 / 30):
        frame.wait()
    start = perf_counter()
    for frame in scene.device_frames(seconds=frames / 30, fps=30):  # noqa: B007
        pass
    frame.wait()
    return {"us_per_frame": round(1e6 * (perf_counter() - start) / frames, 2), "frames": frames}


def loop_times(session: Session, backend: str, repeats: int = 5, frames: int = 150) -> dict[str, Any]:
    """From a photo's pixels to a loop in the host's memory, everything opened before; where the time goes; and
    without graphs.
    """
    pixels = photo()
    with session.animator(backend) as animator:
        result: dict[str, Any] = _loop(animator, pixels, repeats, frames)
        planes, noise, _ = animator._inputs(pixels, 0)
        given = planes, noise, GRID, motion_grid(*SIZE), 4
        volumes = [_ms(lambda: animator._device.predict(*given)) for _ in range(repeats + 1)][1:]
        result["volume_ms"] = round(float(np.median(volumes)), 2)  # of analyze: the networks and what follows them
        analysis, path = animator._device._analysis, animator._device._spare
        analysis.graph, path.graph = Replay(analysis._enqueue_steps), Replay(path.enqueue_frame)
        return result | {"no graph": _loop(animator, pixels, repeats, frames)}


def _loop(animator: Any, pixels: Any, repeats: int, frames: int) -> dict[str, float]:
    taken, loop = [], np.empty((frames, SIZE[1], SIZE[0], 3), np.uint8)
    for i in range(repeats + 1):
        marks = [perf_counter()]
        with animator.analyze(pixels, seed=i) as scene:
            marks.append(perf_counter())
            for j, frame in enumerate(scene.frames(seconds=frames / 30)):
                loop[j] = frame
        marks.append(perf_counter())
        taken.append(1e3 * np.diff(marks))
    analyze, made = (round(float(ms), 2) for ms in np.median(taken[1:], axis=0))
    return {"analyze_ms": analyze, "frames_ms": made, "photo_to_loop_ms": round(analyze + made, 2)}


def _ms(call: Callable[[], Any]) -> float:
    start = perf_counter()
    call()
    return 1e3 * (perf_counter() - start)


def opening_times(session: Session, backend: str) -> dict[str, float]:
    """What a photo costs beyond its loop: an animator, the engines and the graphs of a size, and of another."""
    found, out = {}, np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    start = perf_counter()
    with session.animator(backend) as animator:
        found["animator"] = 1e3 * (perf_counter() - start)
        for name in ("first volume", "second volume"):
            found[name] = _ms(lambda: animator.predict(photo(), seed=1))
        volume = animator.predict(photo())

        def scene(of: Any) -> None:
            animator.scene(of, volume).close()

        found |= {name: _ms(lambda: scene(photo())) for name in ("first scene", "second scene")}
        other = photo((SIZE[0] - 64, SIZE[1] - 36))
        found |= {name: _ms(lambda: scene(other)) for name in ("scene of another size", "and again")}
        with animator.scene(photo(), volume) as opened:
            found["first frame"] = _ms(lambda: opened.frame(1.0, out=out))
            found["scene beside one that is open"] = _ms(lambda: scene(photo()))
    return {f"{name}, ms": round(ms, 2) for name, ms in found.items()}


def soak(session: Session, backend: str, frames: int, most_s: float = 70, beside: Any = None) -> dict[str, Any]:
    """Device memory after the first hundred frames and after the last, and whether a frame is still the same.

    beside  entered while the frames are made
    """
    with session.animator(backend) as animator, animator.scene(photo(), animator.predict(photo())) as scene:
        device, out = animator._device.device, np.empty((SIZE[1], SIZE[0], 3), np.uint8)
        first = scene.frame(41.0).copy()
        with beside or nullcontext():
            used, start, done = [], perf_counter(), 0
            while done < frames and perf_counter() - start < most_s:
                for _ in scene.frames(seconds=min(100, frames) / 30, out=out):
                    done += 1
                used.append(device.memory()[1] - device.memory()[0])
            took = perf_counter() - start
        is_same = bool(np.array_equal(scene.frame(41.0), first))
    grown = used[-1] - used[0]
    if grown > 0 or not is_same:
        raise AssertionError(f"device memory grew by {grown} bytes, frames are{'' if is_same else ' not'} the same")
    return {"frames": done, "seconds": round(took, 1), "grown_bytes": grown, "is_last_frame_as_the_first": is_same}


def energy(session: Session, backend: str) -> dict[str, float]:
    """Joules of a frame, while clips run as fast as they go for ten seconds."""
    power = Power(session.device.index)
    done = soak(session, backend, 10**9, most_s=10, beside=power)
    watts = power.mean_w
    joules = watts * done["seconds"] / done["frames"]
    return {"mean_w": round(watts, 2), "mj_per_frame": round(1e3 * joules, 3), "samples": len(power.samples_w)}
