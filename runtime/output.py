"""Outputs that appear whole or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import EncodeError

PREFIX = ".stillwave-"


def check_output(path: str | os.PathLike[str], is_folder: bool = False) -> Path:
    """The file or new folder that an output at `path` will be, links followed, or `EncodeError`.

    Cheap: made to be asked before the work whose result the output will hold.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise EncodeError(f"{path}: there is no folder {target.parent}; create it first")
    if not os.access(target.parent, os.W_OK):
        raise EncodeError(f"{path}: folder {target.parent} is not writable; choose another")
    if is_folder and target.exists():
        raise EncodeError(f"{path} exists; remove it, or name a folder that does not")
    if target.exists() and not is_folder and not target.is_file():
        raise EncodeError(f"{path} is not a regular file; choose another name")
    return target


@contextmanager
def atomic_output(path: str | os.PathLike[str], is_folder: bool = False) -> Iterator[Path]:
    """A temporary path beside `path`; what is there when the block ends well is renamed to `path`.

    Otherwise it is removed, and after a kill the next output to the same folder removes it.
    """
    target = check_output(path, is_folder)
    _sweep(target.parent)
    temporary = target.parent / f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        yield temporary
        _commit(temporary, target)
    finally:
        _remove(temporary)


def _commit(temporary: Path, target: Path) -> None:
    try:
        for file in sorted(temporary.iterdir()) if temporary.is_dir() else [temporary]:
            with file.open("r+b") as opened:
                os.fsync(opened.fileno())
        os.replace(temporary, target)
        if os.name == "posix":
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        raise EncodeError(f"{target}: cannot be written: {error.strerror}") from error


def _sweep(folder: Path) -> None:
    if os.name != "posix":  # elsewhere os.kill ends the process that it asks about
        return
    for stale in folder.glob(f"{PREFIX}*-*"):
        pid = stale.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and not _is_running(int(pid)):
            _remove(stale)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
