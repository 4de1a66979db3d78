"""`python benchmarks/formats.py`: what writing a file costs beyond encoding it.

Our writer (thread, buffers, container, sync, rename) and the bare encoder of PyAV or Pillow, with the
same options, take turns at the same frames: the photo, panned to and fro. Processor time of all
threads. A busy machine slows whatever runs beside it, processor time too, so each turn is a pair side by side,
first one way round and then the other, and the overhead is the median of the pairs' ratios. GIF is left out:
what we give to Pillow, dithered and indexed, is most of its work.
"""

import argparse
import io
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import numpy.typing as npt
from machine import FOLDER, machine, result_path, write_result
from PIL import Image

from stillwave.runtime import VideoWriter, read_photo
from stillwave.runtime.animated_image import WEBP_OPTIONS
from stillwave.runtime.cli import size as size_from_text
from stillwave.runtime.formats import codec_of
from stillwave.runtime.motion_photo import JPEG_QUALITY
from stillwave.runtime.movie import CODECS, encoder_name, import_av

Frames = list[npt.NDArray[np.uint8]]
NAMES = {
    "mp4": "a.mp4",
    "mp4 av1": "a.mp4",
    "webm": "a.webm",
    "avif": "a.avif",
    "motion-photo": "aMP.jpg",
    "live-photo": "a.livephoto",
    "webp": "a.webp",
    "apng": "a.apng",
    "png": "a",
}


def main() -> None:
    args = parser().parse_args()
    frames = panned(args.photo, args.size, args.frames)
    rows = {}
    print(f"{'format':<14}{'bare ms':>10}{'ours ms':>10}{'overhead':>10}{'KiB':>9}   a frame; {args.frames} of them")
    for name in args.formats:
        rows[name] = row = compare(name, frames, args.turns)
        print(f"{name:<14}{row['bare_ms']:>10.2f}{row['ours_ms']:>10.2f}{row['overhead']:>10.1%}{row['kib']:>9.0f}")
    if args.json:
        settings = {"photo": args.photo.name, "size": args.size, "frames": args.frames, "turns": args.turns}
        write_result(args.json, {"machine": machine(), "settings": settings, "formats": rows})


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = options.add_argument
    add("--formats", nargs="+", default=list(NAMES), choices=list(NAMES), metavar="FORMAT", help=", ".join(NAMES))
    add("--photo", type=Path, default=FOLDER.parent / "examples" / "dandelion.jpg", help="default: %(default)s")
    add("--size", type=size_from_text, default="512x288", metavar="WxH", help="default: %(default)s")
    add("--frames", type=int, default=60, help="default: %(default)s")
    add("--turns", type=int, default=7, help="default: %(default)s")
    kept = result_path("formats")
    add("--json", type=Path, nargs="?", const=kept, metavar="FILE", help=f"without FILE: results/{kept.name}")
    return options


def panned(photo: Path, size: tuple[int, int], num_frames: int) -> Frames:
    wide = read_photo(photo, (size[0] + 32, size[1]))
    shifts = np.round(16 + 16 * np.sin(2 * np.pi * np.arange(num_frames) / 30)).astype(int)
    return [np.ascontiguousarray(wide[:, shift : shift + size[0]]) for shift in shifts]


def compare(name: str, frames: Frames, turns: int) -> dict[str, float]:
    format, _, codec = name.partition(" ")
    codec = codec_of(format, codec or None) or ""
    bare_turns, our_turns = [], []
    for turn in range(turns + 1):
        with tempfile.TemporaryDirectory() as folder:
            path, bare = Path(folder, NAMES[name]), Path(folder, "bare")
            sides = [
                (our_turns, lambda path=path: write(path, frames, codec)),
                (bare_turns, lambda bare=bare: write_bare(bare, format, frames, codec)),
            ]
            for times, call in sides if turn % 2 else reversed(sides):
                times.append(cpu_s(call))
            kib = sum(file.stat().st_size for file in [path, *path.glob("*")] if file.is_file()) / 1024
    bare_s, ours_s = median(bare_turns[1:]), median(our_turns[1:])  # the first turn warms up
    overhead = median([ours / bare for ours, bare in zip(our_turns[1:], bare_turns[1:], strict=True)]) - 1
    per_frame = 1e3 / len(frames)
    return {
        "bare_ms": round(bare_s * per_frame, 3),
        "ours_ms": round(ours_s * per_frame, 3),
        "overhead": round(overhead, 4),
        "kib": round(kib),
    }


def cpu_s(call: Callable[[], None]) -> float:
    started = process_time()
    call()
    return process_time() - started


def write(path: Path, frames: Frames, codec: str) -> None:
    height, width, _ = frames[0].shape
    with VideoWriter(path, (width, height), 30, codec=codec or None) as writer:
        for frame in frames:
            writer.write(frame)


def write_bare(path: Path, format: str, frames: Frames, codec: str) -> None:
    """The same pictures with the same options and nothing else: no thread, buffers, container of ours, sync."""
    if "photo" in format:
        Image.fromarray(frames[0]).save(path, "JPEG", quality=JPEG_QUALITY)
        path = path.with_suffix(".movie")
    if codec:
        return encode_movie(path, {"motion-photo": "mp4", "live-photo": "mov"}.get(format, format), frames, codec)
    kind, options = ("WEBP", WEBP_OPTIONS) if format == "webp" else ("PNG", {})
    for frame in frames:
        file = io.BytesIO()
        Image.fromarray(frame).save(file, kind, **options)
        path.write_bytes(file.getvalue())


def encode_movie(path: Path, container: str, frames: Frames, codec: str) -> None:
    av = import_av(codec)
    from av.video.reformatter import VideoReformatter

    name, reformat = encoder_name(av, codec), VideoReformatter().reformat
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(name, rate=Fraction(30), options=CODECS[codec].encoders[name])
        stream.height, stream.width, _ = frames[0].shape
        stream.pix_fmt = "yuv420p"
        stream.codec_context.max_b_frames, stream.codec_context.thread_count = 0, 1
        for i, frame in enumerate(frames):
            rgb = av.VideoFrame.from_ndarray(frame, "rgb24")
            picture = reformat(rgb, format="yuv420p", dst_colorspace="ITU709")
            picture.pts, picture.time_base = i, Fraction(1, 30)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))


if __name__ == "__main__":
    main()
