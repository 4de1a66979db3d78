"""Engines are built in a process of their own: a builder that crashes or is killed for memory is an error here.

`python -m stillwave.runtime.engine_builder` reads a request (a line of JSON, then the network) on stdin,
tells its progress in lines of JSON on stdout, and leaves the engine in the file it was told.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import errors
from .errors import BackendError, StillwaveError
from .profile import Profile

CHILD = (sys.executable, "-m", __name__)
KILLED = 9  # signal.SIGKILL, which Windows lacks
Told = Callable[[str, int, int], None]  # phase, steps done, steps in all

MEMORY = (
    "the system is out of memory, it seems: lower --workspace, build for one --target or fewer networks at a time,"
    " or close other programs"
)


@dataclass(frozen=True)
class BuildRequest:
    """What to build; see trt_build.py. The network's bytes go beside it."""

    backend: str
    name: str
    profile: Profile
    targets: tuple[int, ...] = ()
    workspace_bytes: int = 0
    device: int = 0
    timing: bytes = field(default=b"", repr=False)


def build(request: BuildRequest, network: bytes, told: Told | None = None) -> tuple[bytes, bytes]:
    """The engine and new timings from a child process, or a `BackendError` that says how the child ended."""
    with tempfile.TemporaryDirectory(prefix="stillwave-build-") as folder:  # 0700
        text = json.dumps({**asdict(request), "timing": request.timing.hex(), "folder": folder}) + "\n"
        errors_file = Path(folder) / "errors"
        with errors_file.open("wb") as stderr:
            child = subprocess.Popen(CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
            try:
                refusal = _converse(child, text.encode() + network, told)
                code = child.wait()
            finally:
                child.kill()  # when this process is interrupted; one that has ended is left alone
                child.wait()
        if refusal is not None:
            raise refusal
        if code:
            raise BackendError(_how_it_ended(request, code, errors_file.read_text(errors="replace")))
        return (Path(folder) / "engine").read_bytes(), (Path(folder) / "timing").read_bytes()


def _converse(child: "subprocess.Popen[bytes]", message: bytes, told: Told | None) -> StillwaveError | None:
    """Hands the request over and listens to the end; what the builder refused, in its own words, if it did."""
    assert child.stdin is not None
    assert child.stdout is not None
    refusal = None
    with child.stdin as to_child, child.stdout as from_child:
        try:
            to_child.write(message)
            to_child.close()
        except BrokenPipeError:
            return None  # it has ended; its exit tells more
        for line in from_child:
            said = json.loads(line)
            if "refusal" in said:
                refusal = getattr(errors, said["kind"])(said["refusal"])
            elif told is not None:
                told(said["phase"], said["done"], said["steps"])
    return refusal


def _how_it_ended(request: BuildRequest, code: int, said: str) -> str:
    what = f"{request.name}: the builder of {request.backend}"
    if code == -KILLED:
        return f"{what} was killed; {MEMORY}"
    last = said.strip().splitlines()[-1:] or ["it said nothing"]
    if code < 0:
        return f"{what} crashed (signal {-code}): {last[0]}; try another precision, and report it with the bundle"
    if "MemoryError" in last[0] or "bad_alloc" in last[0]:
        return f"{what} ended with {last[0]}; {MEMORY}"
    return f"{what} failed (exit {code}): {last[0]}"


def main() -> None:
    """The child: one request, one engine."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no part of the conversation

    def say(**said: object) -> None:
        print(json.dumps(said), file=channel, flush=True)

    def told(phase: str, done: int, steps: int) -> None:
        say(phase=phase, done=done, steps=steps)

    request = json.loads(sys.stdin.buffer.readline())
    network, folder = sys.stdin.buffer.read(), Path(request.pop("folder"))
    try:
        engine, timing = _build_here(request, network, told)
    except StillwaveError as error:
        say(refusal=str(error), kind=type(error).__name__)
        return
    (folder / "timing").write_bytes(timing)
    (folder / "engine").write_bytes(engine)


def _build_here(request: dict[str, object], network: bytes, told: Told) -> tuple[bytes, bytes]:
    from .device.contract import open_device
    from .trt_build import built_engine
    from .trt_library import trt_library

    asked = BuildRequest(**{**request, "timing": bytes.fromhex(str(request["timing"]))})  # type: ignore[arg-type]
    library = trt_library(asked.backend)
    with nullcontext() if asked.targets else open_device(asked.device):  # its context is what is measured in
        return built_engine(
            library, network, asked.name, asked.profile, tuple(asked.targets), asked.workspace_bytes, asked.timing, told
        )  # fmt: skip


if __name__ == "__main__":
    main()
