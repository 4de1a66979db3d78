"""Engines built here, for this user: a private folder of files that are only ever found by their key.

A TensorRT engine is machine code: whoever can write one runs as whoever loads it. So the folder is 0700
and its files 0600, both the user's own, and the key and hash at the head of a file are compared before
the rest is handed to anyone. Hashes catch damage; against other users the permissions stand.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

from .errors import BundleError, EncodeError, EngineCacheError
from .output import atomic_output
from .records import json_value, record_from_json

MAGIC = b"stillwave engine 1\n"
SUFFIX = ".engine"
MAX_HEADER_BYTES = 1 << 16
CLEAR = "remove it with `stillwave engine clear`, it is built again when it is needed"


@dataclass(frozen=True)
class EngineKey:
    """All that an engine depends on. Another value of any field is another engine.

    name          of the network, and its file's sha256
    backend       "tensorrt" or "tensorrt-rtx", and its version
    device        name of the GPU; "" where any of these compute capabilities runs it
    capabilities  87 for 8.7
    profile       the sizes it was built for, as text; see profile.py
    """

    name: str
    sha256: str
    precision: str
    backend: str
    version: str
    device: str
    capabilities: tuple[int, ...]
    profile: str

    def digest(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:32]

    def serves(self, wanted: "EngineKey") -> bool:
        """Whether an engine of this key is one of the wanted key: the same, or for more capabilities."""
        is_same = replace(self, capabilities=wanted.capabilities) == wanted
        return is_same and set(wanted.capabilities) <= set(self.capabilities)


@dataclass(frozen=True)
class Header:
    """What stands before an engine in its file: its key, and what the rest of the file must be."""

    key: EngineKey
    sha256: str
    bytes: int


class EngineCache:
    """The engines in a folder, which is made when the first is kept."""

    def __init__(self, folder: str | os.PathLike[str] | None = None):
        self.folder = Path(folder) if folder is not None else default_folder()

    def find(self, key: EngineKey) -> bytes | None:
        """The engine of this key, or None; what is there and not right is an `EngineCacheError`."""
        path = self._path(key)
        if not path.exists():
            path = next((self._path(h.key) for h in self.headers() if h.key.serves(key)), path)
        if not path.exists():
            return None
        header, content = _read(self.folder, path)
        if not header.key.serves(key):
            raise EngineCacheError(f"{path}: holds the engine of another key; {CLEAR}")
        return content

    def keep(self, key: EngineKey, engine: bytes) -> Path:
        """Where the engine now is, whole; it replaces one of the same key."""
        private_folder(self.folder)
        path = self._path(key)
        header = Header(key, hashlib.sha256(engine).hexdigest(), len(engine))
        try:
            with atomic_output(path) as temporary, _created(temporary) as file:
                file.write(MAGIC + json.dumps(asdict(header)).encode() + b"\n")
                file.write(engine)
        except (EncodeError, OSError) as error:
            raise EngineCacheError(f"{path}: the engine could not be kept: {error}") from error
        return path

    @contextmanager
    def building(self, key: EngineKey) -> Iterator[None]:
        """One process at a time builds the engine of a key; the others wait here, then find it.

        Where the system has no file locks, each builds its own, and the last is kept.
        """
        try:
            import fcntl
        except ImportError:
            yield
            return
        private_folder(self.folder)
        with _created(self.folder / f"{key.digest()}.lock", exclusive=False) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def headers(self) -> list[Header]:
        """What is said of every engine there; an `EngineCacheError` names the first that is not right."""
        if not self.folder.exists():
            return []
        return [_header(self.folder, path) for path in sorted(self.folder.glob(f"*{SUFFIX}"))]

    def clear(self) -> int:
        """Removes every engine, right or not, and returns how many there were."""
        if not self.folder.exists():
            return 0
        _check_private(self.folder, os.lstat(self.folder), is_folder=True)
        paths = list(self.folder.glob(f"*{SUFFIX}"))
        for path in [*paths, *self.folder.glob("*.lock")]:
            path.unlink(missing_ok=True)
        return len(paths)

    def _path(self, key: EngineKey) -> Path:
        return self.folder / f"{key.digest()}{SUFFIX}"


def default_folder() -> Path:
    """Engines of this user: $XDG_CACHE_HOME/stillwave/engines, or in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stillwave" / "engines"


def private_folder(folder: Path) -> Path:
    """The folder, made 0700 where it is missing, or `EngineCacheError` where it is not private."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        status = os.lstat(folder)
    except OSError as error:
        raise EngineCacheError(
            f"{folder}: cannot be made: {error.strerror}; set XDG_CACHE_HOME to a folder of yours"
        ) from error
    _check_private(folder, status, is_folder=True)
    return folder


def _check_private(path: Path, status: os.stat_result, is_folder: bool = False) -> None:
    """Refuses what is a link, of the wrong kind, another user's, or open to others."""
    if not (stat.S_ISDIR if is_folder else stat.S_ISREG)(status.st_mode):
        kind = "folder" if is_folder else "regular file"
        raise EngineCacheError(f"{path}: is not a {kind} (links are not followed); remove it")
    if os.name != "posix":  # elsewhere a profile's folders are the user's own
        return
    if status.st_uid != os.geteuid():
        raise EngineCacheError(f"{path}: belongs to user {status.st_uid}, not to {os.geteuid()}; remove it")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise EngineCacheError(f"{path}: is open to other users (mode {mode:04o}); remove it, or chmod go= {path}")


@contextmanager
def _created(path: Path, exclusive: bool = True) -> Iterator[BinaryIO]:
    flags = os.O_CREAT | os.O_WRONLY | (os.O_EXCL if exclusive else 0) | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        yield file


def _header(folder: Path, path: Path) -> Header:
    return _opened(folder, path, with_content=False)[0]


def _read(folder: Path, path: Path) -> tuple[Header, bytes]:
    header, content = _opened(folder, path, with_content=True)
    if len(content) != header.bytes or hashlib.sha256(content).hexdigest() != header.sha256:
        raise EngineCacheError(f"{path}: is damaged: its hash is not the one it was kept with; {CLEAR}")
    return header, content


def _opened(folder: Path, path: Path, with_content: bool) -> tuple[Header, bytes]:
    """Checked on the open file, so that what was checked is what is read."""
    _check_private(folder, os.lstat(folder), is_folder=True)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise EngineCacheError(f"{path}: cannot be opened: {error.strerror}; {CLEAR}") from error
    with os.fdopen(descriptor, "rb") as file:
        _check_private(path, os.fstat(file.fileno()))
        if file.read(len(MAGIC)) != MAGIC:
            raise EngineCacheError(f"{path}: is no engine of this stillwave; {CLEAR}")
        try:
            header = record_from_json(Header, json_value(file.readline(MAX_HEADER_BYTES), str(path)), str(path))
        except BundleError as error:
            raise EngineCacheError(f"{path}: is damaged: {error}; {CLEAR}") from error
        return header, file.read() if with_content else b""
