"""Engines are found by their key alone, whole, the user's own, and private; anything else is refused by name."""

import dataclasses
import multiprocessing
import os
import stat
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwave.runtime.engine_cache import MAGIC, EngineCache, EngineKey, default_folder
from stillwave.runtime.errors import EngineCacheError

KEY = EngineKey("pyramid", "ab" * 32, "fp16", "tensorrt-rtx", "1.7.1", "", (86, 89), "h=4..72..320 w=128")
ENGINE = bytes(range(256)) * 4
OTHERS = {
    "name": "synthesis",
    "sha256": "cd" * 32,
    "precision": "fp32",
    "backend": "tensorrt",
    "version": "1.7.2",
    "device": "NVIDIA H200",
    "capabilities": (87,),
    "profile": "h=72 w=128",
}


@pytest.fixture
def cache(tmp_path) -> EngineCache:
    return EngineCache(tmp_path / "user" / "engines")


@pytest.fixture
def path(cache):
    return cache.keep(KEY, ENGINE)


def test_what_is_kept_is_found(cache) -> None:
    assert cache.find(KEY) is None
    assert cache.headers() == []
    cache.keep(KEY, ENGINE)
    assert cache.find(KEY) == ENGINE
    assert [(header.key, header.bytes) for header in cache.headers()] == [(KEY, len(ENGINE))]
    cache.keep(KEY, ENGINE[1:])
    assert cache.find(KEY) == ENGINE[1:]


@pytest.mark.parametrize("field", OTHERS)
def test_every_field_of_the_key_counts(cache, path, field) -> None:
    other = dataclasses.replace(KEY, **{field: OTHERS[field]})
    assert other.digest() != KEY.digest()
    assert cache.find(other) is None


def test_one_field_each_is_tried() -> None:
    assert OTHERS.keys() == {field.name for field in dataclasses.fields(EngineKey)}


def test_engine_for_several_capabilities_serves_each(cache, path) -> None:
    assert cache.find(dataclasses.replace(KEY, capabilities=(89,))) == ENGINE
    assert cache.find(dataclasses.replace(KEY, capabilities=(86, 87))) is None


def test_folder_and_file_are_private(cache, path) -> None:
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in cache.folder.iterdir()] == [f"{KEY.digest()}.engine"]  # no temporary file is left


@pytest.mark.parametrize("mode", [0o620, 0o604])
def test_file_open_to_others_is_refused(cache, path, mode) -> None:
    path.chmod(mode)
    with pytest.raises(EngineCacheError, match=rf"{path.name}: is open to other users \(mode {mode:04o}\); remove it"):
        cache.find(KEY)


def test_folder_open_to_others_is_refused(cache, path) -> None:
    cache.folder.chmod(0o770)
    for use in (lambda: cache.find(KEY), lambda: cache.keep(KEY, ENGINE), cache.headers, cache.clear):
        with pytest.raises(EngineCacheError, match=r"engines: is open to other users \(mode 0770\)"):
            use()


def test_another_users_file_is_refused(cache, path, monkeypatch) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(EngineCacheError, match=rf"engines: belongs to user {owner}, not to {owner + 1}; remove it"):
        cache.find(KEY)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_given_away_is_refused(cache, path) -> None:
    os.chown(path, 12345, -1)
    with pytest.raises(EngineCacheError, match=r"\.engine: belongs to user 12345"):
        cache.find(KEY)


def test_links_are_not_followed(cache, path, tmp_path) -> None:
    moved = path.rename(tmp_path / "elsewhere.engine")
    path.symlink_to(moved)
    with pytest.raises(EngineCacheError, match=r"\.engine: cannot be opened"):
        cache.find(KEY)
    path.unlink()
    folder = cache.folder.rename(tmp_path / "engines-elsewhere")
    cache.folder.symlink_to(folder)
    with pytest.raises(EngineCacheError, match=r"engines: is not a folder \(links are not followed\)"):
        cache.keep(KEY, ENGINE)


@given(st.data())
def test_every_flipped_bit_is_refused(tmp_path_factory, data) -> None:
    cache = EngineCache(tmp_path_factory.mktemp("user") / "engines")
    path = cache.keep(KEY, ENGINE)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with pytest.raises(EngineCacheError, match=path.name):
        cache.find(KEY)


@pytest.mark.parametrize("content", [b"", MAGIC, MAGIC + b"{}\n", MAGIC + b"[1]\nengine", b"ftrt" * 100])
def test_other_files_are_refused(cache, path, content) -> None:
    path.write_bytes(content)
    with pytest.raises(EngineCacheError, match="stillwave engine clear"):
        cache.find(KEY)
    assert cache.clear() == 1


def test_truncated_engine_is_refused(cache, path) -> None:
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(EngineCacheError, match="is damaged: its hash is not the one it was kept with; remove it with"):
        cache.find(KEY)


def test_engine_under_another_keys_name_is_refused(cache, path) -> None:
    other = dataclasses.replace(KEY, sha256="cd" * 32)
    path.rename(cache.folder / f"{other.digest()}.engine")
    with pytest.raises(EngineCacheError, match="holds the engine of another key"):
        cache.find(other)


def test_clear_removes_every_engine_and_nothing_else(cache, path) -> None:
    cache.keep(dataclasses.replace(KEY, name="synthesis"), ENGINE)
    (cache.folder / "note.txt").write_text("mine")
    assert cache.clear() == 2
    assert cache.clear() == 0
    assert [p.name for p in cache.folder.iterdir()] == ["note.txt"]


def test_full_disk_is_a_cache_error(cache, monkeypatch) -> None:
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EngineCacheError, match=r"could not be kept: .*No space left on device"):
        cache.keep(KEY, ENGINE)
    assert cache.find(KEY) is None


def _build_slowly(folder, log) -> None:
    cache = EngineCache(folder)
    with cache.building(KEY):
        if cache.find(KEY) is None:
            with open(log, "a") as file:
                file.write("built\n")
            time.sleep(0.2)  # a second builder is waiting by now, and must still find it
            cache.keep(KEY, ENGINE)


@pytest.mark.skipif(os.name != "posix", reason="without file locks each builds its own")
def test_one_of_several_builders_builds(cache, tmp_path) -> None:
    spawn = multiprocessing.get_context("spawn")
    log = tmp_path / "log"
    builders = [spawn.Process(target=_build_slowly, args=(cache.folder, log)) for _ in range(3)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
        assert builder.exitcode == 0
    assert log.read_text() == "built\n"
    assert cache.find(KEY) == ENGINE


def test_folder_is_the_users(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "stillwave" / "engines"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".cache" / "stillwave" / "engines"
