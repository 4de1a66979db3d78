"""The command line. Options are defined here; the work is in `commands/`, imported when needed."""

import argparse
import importlib
import json
import logging
import math
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import StillwaveError

if TYPE_CHECKING:
    from .commands.outcome import Outcome

EPILOG = """\
exit codes: 0 ok, 1 failed to write, 2 usage, 3 bad photo or motion, 4 bad bundle, 5 memory budget,
6 backend or package missing, 130 cancelled"""


def main() -> NoReturn:
    """The `stillwave` program."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that temporary files are removed
    try:
        try:
            code = run(sys.argv[1:])
        finally:
            sys.stdout.flush()  # now, while a closed pipe can be dealt with
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or exit complains too
        code = 1
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """One command from its arguments to its exit code; results on stdout, the rest on stderr."""
    args = _delegated(arguments) or parser().parse_args(arguments)
    level = logging.INFO if args.verbose else logging.WARNING
    logging.basicConfig(stream=sys.stderr, level=level, format="stillwave: %(message)s")
    try:
        command = importlib.import_module(f".commands.{args.command}", __package__)
        outcome: Outcome = command.run(args)
    except StillwaveError as error:
        return _failed(args, type(error).__name__, str(error), error.exit_code)
    except MemoryError:
        message = "the system is out of memory; lower --memory-budget or --size"
        return _failed(args, "BudgetError", message, 5)
    except KeyboardInterrupt:
        return _failed(args, "CancelledError", "cancelled", 130)
    print(json.dumps(outcome.result) if args.json else outcome.text)
    return outcome.exit_code


def _delegated(arguments: Sequence[str]) -> argparse.Namespace | None:
    """Training, measures and export read their own options: they are other packages, which need torch."""
    if arguments[:1] not in (["train"], ["evaluate"], ["export"]):
        return None
    return argparse.Namespace(
        command=arguments[0], arguments=arguments[1:], json=False, verbose=False
    )


def _failed(args: argparse.Namespace, kind: str, message: str, exit_code: int) -> int:
    print(f"stillwave: {message}", file=sys.stderr)
    if args.json:
        print(json.dumps({"error": {"type": kind, "message": message, "exit_code": exit_code}}))
    return exit_code


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="stillwave",
        description="One still photo becomes a looping video.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=ShowVersion, nargs=0, help="show the version and exit")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    photo, sampling, clip = _photo_options(), _sampling_options(), _clip_options()
    editing, engine, shared = _editing_options(), _engine_options(), _shared_options()

    commands.add_parser(
        "animate", parents=[photo, clip, sampling, editing, engine, shared], help="photo to looping video"
    )
    predict = commands.add_parser(
        "predict", parents=[photo, sampling, editing, engine, shared], help="photo to motion file"
    )
    predict.add_argument("-o", "--output", required=True, metavar="MOTION.npz")
    render = commands.add_parser(
        "render", parents=[photo, clip, editing, engine, shared], help="photo and motion file to video"
    )
    render.add_argument("--motion", required=True, metavar="MOTION.npz", help="from predict")
    explore = commands.add_parser(
        "explore", parents=[photo, sampling, editing, engine, shared],
        help="contact sheet of several seeds, to choose from",
    )  # fmt: skip
    explore.add_argument("-o", "--output", required=True, metavar="SHEET.png")
    explore.add_argument(
        "--count", type=whole(1, 64), default=6, help="seeds, from --seed on (default: %(default)s)"
    )
    look = commands.add_parser(
        "look", parents=[photo, sampling, editing, engine, shared],
        help="how a photo moves, as one picture",
    )  # fmt: skip
    look.add_argument("-o", "--output", required=True, metavar="LOOK.png")
    scene = commands.add_parser(
        "scene", parents=[photo, sampling, engine, shared], help="photo to a page that can be touched"
    )
    scene.add_argument("-o", "--output", required=True, metavar="SCENE.html")
    scene.add_argument(
        "--size", type=size, metavar="WxH", help="of the photo in it (default: its own, at most 1280)"
    )
    scene.add_argument("--motion", metavar="MOTION.npz", help="from predict, instead of predicting it")
    serve = commands.add_parser("serve", parents=[engine, shared], help="all of it in a browser, on this machine")
    serve.add_argument("--host", default="127.0.0.1", help="who can reach it (default: %(default)s, this machine)")
    serve.add_argument("--port", type=whole(0, 65535), default=8700, help="0: any (default: %(default)s)")
    plan = commands.add_parser(
        "plan", parents=[engine, shared], help="the memory that a size takes, before anything runs"
    )
    plan.add_argument(
        "--size", type=size, default="1280x720", metavar="WxH", help="default: %(default)s"
    )
    plan.add_argument("-o", "--output", metavar="PLAN.png", help="draw it, too")
    bundle = commands.add_parser("bundle", parents=[shared], help="look at a bundle, or verify it")
    bundle.add_argument("action", choices=("info", "verify"))
    bundle.add_argument("folder", nargs="?", help="default: the one installed with stillwave")
    _add_engine_command(commands, shared)
    commands.add_parser("doctor", parents=[shared], help="what works here, and what is missing")
    commands.add_parser("train", add_help=False, help="train the networks; alone: the stages")
    commands.add_parser("evaluate", add_help=False, help="measure motion or rendering against clips")
    commands.add_parser("export", add_help=False, help="a training run to a bundle")
    return top


def _add_engine_command(commands: Any, shared: argparse.ArgumentParser) -> None:
    engine = commands.add_parser("engine", parents=[shared], help="TensorRT engines: build, list, clear")
    add = engine.add_argument
    add("action", choices=("build", "list", "clear"))
    add("--backend", choices=("tensorrt", "tensorrt-rtx"), default="tensorrt-rtx", help="default: %(default)s")
    add("--bundle", metavar="FOLDER", help="default: the one installed")
    add("--network", action="append", metavar="NAME", help="only this one; may be repeated")
    add("--size", type=size, metavar="WxH", help="for frames of this size alone (default: any up to 1280)")
    add(
        "--target", type=targets, default=(), metavar="sm_86,sm_89",
        help="ahead of time, without a GPU, for these (TensorRT-RTX)",
    )
    add("--workspace", default="512MiB", help="most that a layer may use as scratch (default: %(default)s)")


def _photo_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("photo", metavar="PHOTO", help="JPEG, PNG, WebP, AVIF or HEIC")
    return options


def _clip_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "-o", "--output", required=True, metavar="OUT.mp4",
        help="its name chooses: .mp4 .webm .webp .avif .gif .apng, none for a folder of PNGs,"
        " ...MP.jpg for a motion photo (Android), .livephoto for a Live Photo (Apple)",
    )
    add = options.add_argument
    add(
        "--format",
        help="where the name does not say: mp4, webm, webp, avif, gif, apng, png, motion-photo, live-photo",
    )
    add("--codec", help="mp4: h264 or av1; webm: vp9 or av1 (default: the first)")
    add("--seconds", type=number(0.01, 3600), default=5.0, help="length (default: %(default)s)")
    add("--fps", type=number(0.1, 240), default=30.0, help="frames a second (default: %(default)s)")
    add(
        "--size", type=size, metavar="WxH",
        help="the photo is cropped to this shape (default: its own, at most 1280 on the long side)",
    )
    add("--magnify", type=number(-100, 100), default=1.0, help="of the motion (default: %(default)s)")
    add(
        "--speed", type=number(-100, 100), default=1.0,
        help="of the motion; 0.25 is slow motion (default: %(default)s)",
    )
    add(
        "--loop", choices=("exact", "guided", "crossfade", "none"), default="exact",
        help="how the end meets the start: rhythm adjusted, motion adjusted, faded, not at all"
        " (default: %(default)s)",
    )
    return options


def _sampling_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    add = options.add_argument
    add("--steps", type=whole(1, 1000), help="of denoising (default: the bundle's)")
    add(
        "--seed", type=whole(0, 2**63 - 1), default=0,
        help="another seed moves otherwise (default: %(default)s)",
    )
    return options


def _editing_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    add = options.add_argument
    add(
        "--gain", type=gains, default={}, metavar="K:FACTOR,...",
        help="of single frequencies in cycles a period, such as 1:0.5,4-15:2",
    )
    add("--wind", type=number(-100, 100), default=1.0, help="its strength (default: %(default)s)")
    add(
        "--wind-direction", type=number(-360, 360), metavar="DEGREES",
        help="it blows to, clockwise from the right; 90 is down",
    )
    add("--mask", metavar="MASK.png", help="what may move is white, what stays black")
    return options


def _engine_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--backend", default="auto", help="auto, cpu, openvino, ... (default: %(default)s)"
    )
    options.add_argument("--memory-budget", default="512MiB", help="default: %(default)s")
    options.add_argument(
        "--threads", type=whole(0, 1024), default=0, help="default: one for each core it may use"
    )
    options.add_argument("--bundle", metavar="FOLDER", help="default: the one installed")
    return options


def _shared_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--json", action="store_true", help="print the result as JSON")
    options.add_argument("-v", "--verbose", action="store_true", help="log more to stderr")
    return options


class ShowVersion(argparse.Action):
    """Reads the version when asked: importlib.metadata would slow every start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from importlib.metadata import version

        print(f"stillwave {version('stillwave')}")
        parser.exit()


def size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) > 0 and int(height) > 0):
        raise argparse.ArgumentTypeError(f"want WIDTHxHEIGHT such as 512x288, got {text!r}")
    return int(width), int(height)


def targets(text: str) -> tuple[int, ...]:
    found = [re.fullmatch(r"(?:sm_)?(\d{2,3})", part.strip()) for part in text.lower().split(",")]
    if not all(found):
        raise argparse.ArgumentTypeError(f"want compute capabilities such as sm_86,sm_89, got {text!r}")
    return tuple(sorted({int(match[1]) for match in found if match}))


def gains(text: str) -> dict[int, float]:
    found: dict[int, float] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,3})(?:-(\d{1,3}))?:(.+)", part)
        if match is None:
            raise argparse.ArgumentTypeError(f"want frequencies and factors such as 1:0.5,4-15:2, got {text!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        found |= dict.fromkeys(range(first, last + 1), number(-100, 100)(match[3]))
    return found


def number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"want a number of {low:g} to {high:g}, got {text!r}")
        return value

    return parse


def whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(
                f"want a whole number of {low} to {high}, got {text!r}"
            )
        return int(text)

    return parse
