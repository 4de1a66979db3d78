"""A bundle in another precision, of the bundle alone."""

import numpy as np
import onnx
import pytest

from stillwave.export import __main__ as command
from stillwave.export import conversion
from stillwave.export.conversion import convert_bundle
from stillwave.export.fp16 import float_weights, stored_as_half
from stillwave.export.graph import ExportError
from stillwave.export.int8 import outputs_of, relative_error
from stillwave.runtime import Animator
from stillwave.runtime.bundle import Bundle
from stillwave.runtime.profile import ON_DEVICE


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    y, x = np.mgrid[0:64, 0:96] / 9
    return np.stack([128 + 90 * np.sin(x * a) * np.cos(y / a) for a in (0.7, 1.0, 1.3)], 2).astype(np.uint8)


@pytest.fixture(scope="module")
def recorded(photo):
    """Samples of the embedded bundle, recorded once."""
    samples = conversion.recorded_samples(Bundle.open().folder, [photo])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion, "recorded_samples", lambda *_: samples)
        patch.setattr(conversion, "weights_and_workspace_bytes", lambda *_: (1 << 25, 1 << 26))  # slow
        yield samples


def test_float_weights_undo_what_stored_as_half_did(networks, graphs) -> None:
    model = onnx.load_from_string(graphs["pyramid"])
    again = float_weights(stored_as_half(model))
    assert [node.op_type for node in again.graph.node] == [node.op_type for node in model.graph.node]
    sample = {name: tensor.numpy() for name, tensor in networks["pyramid"].example({"h": 4, "w": 4}).items()}
    assert relative_error(outputs_of(model, [sample]), outputs_of(again, [sample])) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_frames_stay_close(tmp_path, recorded, photo, precision, monkeypatch) -> None:
    """Of the shipped bundle, whatever it is; benchmarks/precision.py has figures."""
    if precision == "int8":  # no search, which is slow
        monkeypatch.setattr(conversion, "INT8_FLOOR_DB", {"pyramid": -100.0, "synthesis": -100.0})
        monkeypatch.setattr(conversion, "MARGIN_DB", 0.0)
    source = Bundle.open()
    manifest = convert_bundle(source, tmp_path / "converted", precision)
    assert {network.precision for network in manifest.networks.values()} == {precision}
    assert manifest.name == "converted"
    assert manifest.provenance["parity_db"].keys() == set(ON_DEVICE)
    assert manifest.scales == source.manifest.scales
    frames = []
    for folder in (source.folder, tmp_path / "converted"):
        with Animator(folder, "cpu", "2GiB", threads=1) as animator, animator.analyze(photo) as scene:
            frames.append(scene.frame(40.0).astype(np.float64))
    error = np.square(frames[0] - frames[1]).mean()
    assert 10 * np.log10(255**2 / max(error, 1e-9)) > {"fp16": 45, "int8": 38}[precision]


def test_too_far_from_float32_is_refused(tmp_path, recorded, monkeypatch) -> None:
    monkeypatch.setitem(conversion.FLOOR_DB, "fp16", 300.0)
    with pytest.raises(ExportError, match=r"decoder \(fp16\) follows float32 to \d+\.\d dB, the floor is 300 dB"):
        convert_bundle(Bundle.open(), tmp_path / "converted", "fp16")
    assert not (tmp_path / "converted").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--from", "bundle", "-o", "x"], "give a training run, or --random-weights, or --from BUNDLE"),
        (["--from", "bundle", "-o", "x"], "--from BUNDLE makes fp16 or int8 of it"),
    ],
)
def test_command_wants_one_source_and_a_precision(capsys, arguments, message) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert message in capsys.readouterr().err
