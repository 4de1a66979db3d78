import json
import os

import pytest

from bundles import NETWORKS, example_manifest, refused, written
from stillwave.runtime import bundle as bundle_module
from stillwave.runtime.bundle import (
    Bundle,
    write_manifest,
)
from stillwave.runtime.errors import BundleError


@pytest.fixture
def folder(tmp_path):
    return written(tmp_path / "bundle")


def test_what_was_written_is_read_back(folder):
    bundle = Bundle.open(folder)
    assert bundle.manifest == example_manifest(folder)
    for name in NETWORKS:
        assert bundle.network_bytes(name) == (folder / f"{name}.onnx").read_bytes()


def test_manifest_bytes_are_deterministic_and_sorted(folder):
    first = (folder / "manifest.json").read_bytes()
    write_manifest(folder, Bundle.open(folder).manifest)
    assert (folder / "manifest.json").read_bytes() == first
    assert list(json.loads(first)) == sorted(json.loads(first))
    assert first.endswith(b"}\n")


def test_files_may_lie_in_subfolders(folder):
    (folder / "int8").mkdir()
    (folder / "int8/decoder.onnx").write_bytes(b"network")
    manifest = Bundle.open(bundle_with(folder)).manifest
    assert manifest.files["int8/decoder.onnx"].bytes == 7


def bundle_with(folder):
    write_manifest(folder, example_manifest(folder))
    return folder


def test_a_linked_folder_is_followed(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    assert Bundle.open(tmp_path / "link").manifest.name == "example"


# --- refused: files ---


def test_no_folder_and_no_manifest(folder, tmp_path):
    refused(tmp_path / "none", r"none: no such folder")
    refused(folder / "decoder.onnx", r"decoder\.onnx: no such folder")
    (folder / "manifest.json").unlink()
    refused(folder, r"has no manifest\.json; is it a bundle\?")


def test_missing_file(folder):
    (folder / "decoder.onnx").unlink()
    refused(folder, r"decoder\.onnx: missing; get the bundle again")


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "sub/engine.plan", "decoder.onnx.data"])
def test_extra_file(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"")
    refused(folder, rf"{name}: not in the manifest; remove it")


def test_truncated_file(folder):
    os.truncate(folder / "decoder.onnx", 2999)
    refused(folder, r"decoder\.onnx: want 3,000 bytes, got 2,999; get the bundle again")


def test_oversized_file(folder):
    with (folder / "decoder.onnx").open("ab") as file:
        file.write(b"x")
    refused(folder, r"decoder\.onnx: want 3,000 bytes, got 3,001; get the bundle again")


@pytest.mark.parametrize("position", [0, 1500, 2999])
@pytest.mark.parametrize("bit", [0, 7])
def test_flipped_bit(folder, position, bit):
    content = bytearray((folder / "decoder.onnx").read_bytes())
    content[position] ^= 1 << bit
    (folder / "decoder.onnx").write_bytes(content)
    refused(folder, r"decoder\.onnx: want sha256 \w+\.\.\., got \w+\.\.\.; it was changed")


def test_linked_file(folder, tmp_path):
    (folder / "decoder.onnx").rename(tmp_path / "elsewhere.onnx")
    (folder / "decoder.onnx").symlink_to(tmp_path / "elsewhere.onnx")
    refused(folder, r"decoder\.onnx: is a link; bundles hold plain files only")


def test_linked_subfolder_and_manifest(folder, tmp_path):
    (folder / "sub").symlink_to(tmp_path, target_is_directory=True)
    refused(folder, "sub: is a link")
    (folder / "sub").unlink()
    (folder / "manifest.json").rename(tmp_path / "manifest.json")
    (folder / "manifest.json").symlink_to(tmp_path / "manifest.json")
    refused(folder, r"manifest\.json: is a link")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_named_pipe(folder):
    (folder / "decoder.onnx").unlink()
    os.mkfifo(folder / "decoder.onnx")
    refused(folder, r"decoder\.onnx: is not a regular file")


def test_network_changed_after_opening(folder):
    bundle = Bundle.open(folder)
    content = bytearray((folder / "decoder.onnx").read_bytes())
    content[10] ^= 1
    (folder / "decoder.onnx").write_bytes(content)
    assert len(bundle.network_bytes("denoiser")) == 3000
    with pytest.raises(BundleError, match=r"decoder\.onnx: want sha256"):
        bundle.network_bytes("decoder")
    (folder / "decoder.onnx").write_bytes(b"x" * 5000)
    with pytest.raises(BundleError, match=r"decoder\.onnx: want 3,000 bytes, got 3,001"):
        bundle.network_bytes("decoder")
    (folder / "decoder.onnx").unlink()
    with pytest.raises(BundleError, match=r"decoder\.onnx: cannot be read: No such file"):
        bundle.network_bytes("decoder")


def test_unknown_network_lists_the_known(folder):
    with pytest.raises(BundleError, match="has no network 'pyramid', only decoder, denoiser"):
        Bundle.open(folder).network_bytes("pyramid")


def test_missing_embedded_bundle_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_module, "embedded_bundle", lambda: tmp_path / "edge")
    refused(None, "edge: no such folder")
