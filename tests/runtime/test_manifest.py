"""What a bundle's manifest must say, and how it is refused."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundles import NETWORKS, edit, example_manifest, refused, written
from stillwave.runtime import bundle as bundle_module
from stillwave.runtime.bundle import (
    Bundle,
    FileRecord,
    file_records,
    write_manifest,
)
from stillwave.runtime.errors import BundleError


@pytest.fixture
def folder(tmp_path):
    return written(tmp_path / "bundle")


@pytest.mark.parametrize("path", [
    "/etc/passwd", "../decoder.onnx", "sub/../../decoder.onnx", "a\\b", "C:decoder.onnx", "", ".",
    "sub//decoder.onnx", "sub/", "./decoder.onnx", "manifest.json", "a\nb", "-rf",
])
def test_path_that_leaves_the_bundle(folder, path):
    def rename(value):
        value["files"][path] = value["files"].pop("decoder.onnx")

    edit(folder, rename)
    message = refused(folder, r"want files by plain paths inside the bundle, got")
    assert repr(path) in message


def nested(value, dotted):
    """The object of the manifest that holds the field of that dotted path, and its last name."""
    *parents, last = dotted.replace("decoder.onnx", "decoder/onnx").split(".")
    parents = [parent.replace("/", ".") for parent in parents]
    for parent in parents:
        value = value[parent]
    return value, last


@pytest.mark.parametrize("field", [
    "name", "scales", "schedule.steps", "networks.decoder.file", "files.decoder.onnx.bytes",
])
def test_missing_field(folder, field):
    def remove(value):
        record, last = nested(value, field)
        del record[last]

    edit(folder, remove)
    refused(folder, f"field {field.rpartition('.')[2]} is missing")


@pytest.mark.parametrize("field", ["surprise", "schedule.surprise", "networks.decoder.surprise"])
def test_unknown_field(folder, field):
    def add(value):
        record, last = nested(value, field)
        record[last] = 1

    edit(folder, add)
    refused(folder, "field 'surprise' is unknown")


@pytest.mark.parametrize(("field", "value", "match"), [
    ("name", 3, "name: want str, got 3"),
    ("num_frames", "150", "num_frames: want int, got '150'"),
    ("num_frames", 150.0, "num_frames: want int, got 150.0"),
    ("num_frames", True, "num_frames: want int, got True"),
    ("fps", None, "fps: want float, got None"),
    ("fps", 10**400, r"fps: want float, got 1000"),
    ("fps", -1, r"want fps of more than 0, got -1\.0"),
    ("grid", [256], r"grid: want tuple\[int, int\], got \[256\]"),
    ("grid", [256, 100], r"want grid of multiples of 32, got \(256, 100\)"),
    ("grid_multiple", 0, "want grid_multiple of 1 or more, got 0"),
    ("num_frequencies", 100, "want num_frequencies of 2 to 76, got 100"),
    ("scales", [1, 2], "want scales of 3 numbers"),
    ("scales", [1, "2", 3], r"scales\[1\]: want float, got '2'"),
    ("scales", [1, -2, 3], "want scales of 0 or more"),
    ("latent_std", [1, 1, 1, 0], "want latent_std of more than 0"),
    ("latent_mean", [], "want latent_mean of 4 numbers"),
    ("provenance", [], r"provenance: want dict\[str, object\], got \[\]"),
    ("schedule", None, "schedule: want an object, got None"),
    ("schedule.steps", 0, "schedule: want steps of 1 to train_steps = 1000, got 0"),
    ("schedule.beta_end", 1.5, r"schedule: want 0 < beta_start <= beta_end < 1"),
    ("networks.decoder.precision", "fp8", r"decoder: want precision of \('fp32', .*got 'fp8'"),
    ("networks.decoder.weights_bytes", -1, "decoder: want weights_bytes of 0 or more, got -1"),
    ("networks.decoder.workspace_bytes", -1, "decoder: want workspace_bytes of 0 or more, got -1"),
    ("networks.decoder.file", "other.onnx", "want the file of network decoder among files"),
    ("networks.decoder.inputs", {"x": {"dtype": "f", "shape": [.5]}}, r"\[0\]: want int | str"),
    ("files.decoder.onnx.bytes", -5, r"decoder\.onnx: want bytes of 0 or more, got -5"),
])
def test_wrong_field(folder, field, value, match):
    def change(manifest):
        record, last = nested(manifest, field)
        record[last] = value

    edit(folder, change)
    assert str(folder / "manifest.json") in refused(folder, match)


@pytest.mark.parametrize("digest", ["", "0" * 63, "G" * 64, "../../etc/passwd"])
def test_wrong_digest(folder, digest):
    edit(folder, lambda value: value["files"]["decoder.onnx"].update(sha256=digest))
    refused(folder, "want sha256 of 64 hexadecimal digits, got")


def test_other_format_version_is_named_even_if_nothing_else_is_known(folder):
    (folder / "manifest.json").write_text('{"format_version": 2, "shards": []}')
    refused(folder, "bundle format 2, this stillwave reads format 1; install the stillwave that")


@pytest.mark.parametrize(("content", "match"), [
    (b"", "not valid JSON"),
    (b"{", "not valid JSON"),
    (b"\xff\xfe", "not valid JSON"),
    (b"[]", "want an object"),
    (b'{"fps": NaN}', "NaN is not a number"),
    (b'{"fps": -Infinity}', "-Infinity is not a number"),
    (b'{"name": "a", "name": "b"}', "field 'name' appears twice"),
    (b"[" * 100_000, "not valid JSON"),
    (b'{"fps": ' + b"9" * 5000 + b"}", "not valid JSON|field"),
    (b" " * (1 << 20) + b"{}", r"manifest\.json: larger than 1,048,576 bytes"),
])
def test_malformed_manifest(folder, content, match):
    (folder / "manifest.json").write_bytes(content)
    refused(folder, match)


def test_infinity_by_overflow_is_refused(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"fps": 30.0', '"fps": 1e999'))
    refused(folder, "fps: want float, got inf")


@settings(max_examples=150)
@given(position=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_mutated_manifest_is_read_or_refused(tmp_path_factory, position, byte):
    folder = tmp_path_factory.mktemp("bundle", numbered=True)
    for name in NETWORKS:
        (folder / f"{name}.onnx").write_bytes(b"network")
    write_manifest(folder, example_manifest(folder))
    content = bytearray((folder / "manifest.json").read_bytes())
    content[position % len(content)] = byte
    (folder / "manifest.json").write_bytes(content)
    with suppress(BundleError):
        assert Bundle.open(folder).manifest.files == file_records(folder)


# --- writing ---


def test_manifest_of_other_files_is_not_written(folder):
    manifest = example_manifest(folder)
    (folder / "late.onnx").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"files is not what is there; use file_records"):
        write_manifest(folder, manifest)


def test_wrong_manifest_cannot_be_made(folder):
    with pytest.raises(ValueError, match="want scales of 3 numbers, got"):
        replace(example_manifest(folder), scales=(1.0,))
    with pytest.raises(ValueError, match="want sha256 of 64"):
        FileRecord("abc", 1)


def test_embedded_bundle_is_looked_for_beside_its_package():
    assert bundle_module.embedded_bundle().name == "edge"
    assert isinstance(bundle_module.embedded_bundle(), Path)
