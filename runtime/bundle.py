"""Bundles: a manifest and networks, read, verified, refused.

The only contract between export and runtime. Every byte is hashed before any parser sees it, and a
network is handed out as the very bytes whose hash was right.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import BundleError
from .manifest import (
    MANIFEST_NAME,
    FileRecord,
    Manifest,
    NetworkRecord,
    RenderRecord,
    ScheduleRecord,
    TensorRecord,
    manifest_from_json,
)
from .output import atomic_output
from .records import json_from_record

__all__ = [
    "Bundle",
    "FileRecord",
    "Manifest",
    "NetworkRecord",
    "RenderRecord",
    "ScheduleRecord",
    "TensorRecord",
    "embedded_bundle",
    "file_records",
    "write_manifest",
]

MAX_MANIFEST_BYTES = 1 << 20
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Bundle:
    """A folder found to be exactly what its manifest says."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: str | os.PathLike[str] | None = None) -> "Bundle":
        """The verified bundle in `folder`, by default the embedded one, or a `BundleError`."""
        folder = embedded_bundle() if folder is None else Path(folder)
        if not folder.is_dir():
            raise BundleError(f"{folder}: no such folder; a bundle is a folder of networks")
        found = dict(_files_in(folder))
        if MANIFEST_NAME not in found:
            raise BundleError(f"{folder}: has no {MANIFEST_NAME}; is it a bundle?")
        if found.pop(MANIFEST_NAME) > MAX_MANIFEST_BYTES:
            raise BundleError(f"{folder / MANIFEST_NAME}: larger than {MAX_MANIFEST_BYTES:,} bytes")
        path = folder / MANIFEST_NAME
        bundle = cls(folder, manifest_from_json(_content(path, MAX_MANIFEST_BYTES), str(path)))
        bundle._verify(found)
        return bundle

    def network_bytes(self, name: str) -> bytes:
        """The ONNX file of network `name`, read once: what is returned is what was hashed."""
        if name not in self.manifest.networks:
            known = ", ".join(self.manifest.networks)
            raise BundleError(f"{self.folder}: has no network {name!r}, only {known}")
        file = self.manifest.networks[name].file
        content = _content(self.folder / file, self.manifest.files[file].bytes)
        self._check(file, len(content), hashlib.sha256(content).hexdigest())
        return content

    def _verify(self, found: dict[str, int]) -> None:
        files = self.manifest.files
        for name in sorted(files.keys() - found.keys()):
            raise BundleError(f"{self.folder / name}: missing; get the bundle again")
        for name in sorted(found.keys() - files.keys()):
            raise BundleError(f"{self.folder / name}: not in the manifest; remove it")
        for name, num_bytes in found.items():  # cheap, so before anything is hashed
            self._check(name, num_bytes, files[name].sha256)
        for name in files:
            self._check(name, *_size_and_hash(self.folder / name))

    def _check(self, name: str, num_bytes: int, sha256: str) -> None:
        want = self.manifest.files[name]
        if num_bytes != want.bytes:
            raise BundleError(
                f"{self.folder / name}: want {want.bytes:,} bytes, got {num_bytes:,};"
                " get the bundle again"
            )
        if sha256 != want.sha256:
            raise BundleError(
                f"{self.folder / name}: want sha256 {want.sha256[:12]}..., got {sha256[:12]}...;"
                " it was changed or damaged, get the bundle again"
            )


def embedded_bundle() -> Path:
    """The folder of the bundle that was installed with stillwave."""
    import stillwave.bundles

    return Path(stillwave.bundles.__path__[0]) / "edge"


def file_records(folder: Path) -> dict[str, FileRecord]:
    """Size and hash of every file of a bundle being made, its manifest excepted."""
    names = sorted(name for name, _ in _files_in(folder) if name != MANIFEST_NAME)
    return {
        name: FileRecord(bytes=num_bytes, sha256=sha256)
        for name in names
        for num_bytes, sha256 in [_size_and_hash(folder / name)]
    }


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Completes a bundle. The same manifest is written as the same bytes."""
    if manifest.files != file_records(folder):
        raise BundleError(f"{folder}: manifest.files is not what is there; use file_records")
    with atomic_output(folder / MANIFEST_NAME) as path:
        path.write_text(json_from_record(manifest), encoding="utf-8", newline="\n")


def _files_in(folder: Path, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Path within the bundle and size of every file; links and devices are refused."""
    with os.scandir(folder) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                yield from _files_in(Path(entry.path), f"{prefix}{entry.name}/")
            elif stat.S_ISREG(status.st_mode):
                yield prefix + entry.name, status.st_size
            else:
                kind = "a link" if stat.S_ISLNK(status.st_mode) else "not a regular file"
                raise BundleError(f"{entry.path}: is {kind}; bundles hold plain files only")


def _content(path: Path, max_bytes: int) -> bytes:
    """At most one byte more than `max_bytes`, which is enough to know that it is too much."""
    try:
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from error


def _size_and_hash(path: Path) -> tuple[int, str]:
    digest, num_bytes = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                num_bytes += len(chunk)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from error
    return num_bytes, digest.hexdigest()
