"""Folders of arrays that several processes fill."""

import os
import subprocess
import sys

import numpy as np

from stillwave.model.arrays import write_arrays


def test_arrays_come_back(tmp_path):
    write_arrays(tmp_path / "0000001.npz", source="scene", features=np.arange(6.0).reshape(2, 3))
    with np.load(tmp_path / "0000001.npz") as sample:
        assert str(sample["source"]) == "scene"
        assert np.array_equal(sample["features"], [[0, 1, 2], [3, 4, 5]])
    assert [path.name for path in tmp_path.iterdir()] == ["0000001.npz"]


def test_what_is_half_written_is_not_listed(tmp_path, monkeypatch):
    seen = []

    def save_and_look(file, **arrays):
        file.write(b"half")
        seen.extend(tmp_path.glob("*.npz"))

    monkeypatch.setattr(np, "savez", save_and_look)
    write_arrays(tmp_path / "0000001.npz", features=np.zeros(3))
    assert not seen
    assert (tmp_path / "0000001.npz").read_bytes() == b"half"


def test_two_processes_may_write_the_same(tmp_path, monkeypatch):
    path = tmp_path / "0000001.npz"
    other = f"from stillwave.model.arrays import *; write_arrays(Path({str(path)!r}), features=[7.0])"
    save = np.savez

    def save_while_another_does(file, **arrays):
        subprocess.run([sys.executable, "-c", other], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        save(file, **arrays)

    monkeypatch.setattr(np, "savez", save_while_another_does)
    write_arrays(path, features=[7.0])
    with np.load(path) as sample:
        assert sample["features"] == 7
