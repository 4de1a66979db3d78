"""Bundles as they are written, with the edge preset and random weights."""

import shutil

import onnx
import pytest
import torch

from stillwave.export import __main__ as command
from stillwave.export import writer
from stillwave.export.graph import ExportError, graph_from_network
from stillwave.model.presets import EDGE
from stillwave.runtime.bundle import Bundle, RenderRecord
from stillwave.runtime.engine import engine_for


@pytest.fixture(scope="module")
def exported(graphs):
    """The writer with the export itself, which is slow, already done."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "graph_from_network", lambda network: onnx.load_from_string(graphs[network.name]))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory, exported, weights):
    folder = tmp_path_factory.mktemp("bundles") / "edge"
    folder.mkdir()
    (folder / "stale.onnx").write_text("of an earlier export")
    writer.write_bundle(folder, EDGE, weights, {"weights": "random", "seed": 0})
    return folder


def test_opens_with_every_network(folder, networks) -> None:
    bundle = Bundle.open(folder)
    assert list(folder.parent.iterdir()) == [folder]
    assert bundle.manifest.networks.keys() == networks.keys()
    for name, record in bundle.manifest.networks.items():
        with engine_for("cpu", bundle.network_bytes(name), name, threads=1) as engine:
            for specs, records in ((engine.inputs, record.inputs), (engine.outputs, record.outputs)):
                assert {s.name: (s.dtype, s.shape) for s in specs} == {
                    n: (r.dtype, r.shape) for n, r in records.items()
                }


def test_says_what_it_is(folder, weights) -> None:
    manifest = Bundle.open(folder).manifest
    assert (manifest.name, manifest.preset, manifest.licence) == ("edge", "edge", "Apache-2.0")
    assert manifest.provenance["seed"] == 0
    assert manifest.provenance["versions"].keys() == {"torch", "onnx", "onnxruntime"}
    assert min(manifest.provenance["parity_db"].values()) > 60
    assert manifest.provenance["parity_db"]["image_encoder"] > 100
    assert manifest.render == RenderRecord(feature_multiple=4, halo=20, weight_exponent=3.0)
    assert manifest.scales == tuple(weights.scales)
    assert manifest.latent_std == (1.0,) * 4


def test_networks_run_in_the_workspace_they_state(folder, networks) -> None:
    bundle = Bundle.open(folder)
    for name, record in bundle.manifest.networks.items():
        arena_bytes = record.weights_bytes + record.workspace_bytes
        assert 1 << 20 < arena_bytes < 64 << 20
        weights = sum(p.numel() for p in networks[name].module.parameters())
        assert 4 * weights < record.weights_bytes < 6 * weights + (4 << 20)
        sizes = networks[name].largest
        with engine_for(
            "cpu", bundle.network_bytes(name), name, sizes=sizes, threads=2, arena_bytes=arena_bytes
        ) as engine:
            example = networks[name].example(sizes)
            outputs = {s.name: example[next(iter(example))].new_empty(s.shape).numpy() for s in engine.outputs}
            engine.bind(**{n: tensor.numpy() for n, tensor in example.items()}, **outputs)
            engine.run()
        assert all(output.any() for output in outputs.values())


def test_weights_fit_the_wheel(folder) -> None:
    assert sum(path.stat().st_size for path in folder.iterdir()) < 40e6


def test_failed_export_leaves_the_bundle_that_was_there(monkeypatch, folder, exported, weights) -> None:
    def fail(*_):
        raise ExportError("parity")

    before = (folder / "manifest.json").read_bytes()
    monkeypatch.setattr(writer, "check_parity", fail)
    with pytest.raises(ExportError):
        writer.write_bundle(folder, EDGE, weights, {})
    assert (folder / "manifest.json").read_bytes() == before
    Bundle.open(folder)


def test_provenance_is_the_runs_own(tmp_path) -> None:
    assert command.provenance_of(None) == {"weights": "random"}
    assert command.provenance_of(tmp_path) == {"weights": "trained"}
    (tmp_path / "provenance.json").write_text('{"data": "procedural"}')
    assert command.provenance_of(tmp_path) == {"weights": "trained", "data": "procedural"}


@pytest.mark.parametrize("arguments", [["-o", "x"], ["run", "--random-weights", "-o", "x"]])
def test_command_wants_a_run_or_random_weights(monkeypatch, capsys, arguments) -> None:
    monkeypatch.setattr("sys.argv", ["export", *arguments])
    with pytest.raises(SystemExit, match="2"):
        command.main()
    assert "give a training run, or --random-weights, or --from BUNDLE" in capsys.readouterr().err


def test_rendering_alone_can_be_replaced(monkeypatch, folder, weights, tmp_path) -> None:
    monkeypatch.setattr(writer, "graph_from_network", graph_from_network)  # not the kept ones
    copy = tmp_path / "edge"
    shutil.copytree(folder, copy)
    before = Bundle.open(copy).manifest
    with torch.no_grad():
        weights.renderer.synthesis.gates.weigh.bias += 1
    try:
        after = writer.replace_rendering(copy, EDGE, weights.renderer, {"data": "other clips"})
    finally:
        with torch.no_grad():
            weights.renderer.synthesis.gates.weigh.bias -= 1
    assert Bundle.open(copy).manifest == after
    changed = {name for name in before.files if before.files[name] != after.files[name]}
    assert changed == {"synthesis.onnx"}  # the pyramid's weights are the same
    assert after.provenance["data"] == "other clips"
    assert (after.render, after.scales, after.name) == (before.render, before.scales, before.name)


def test_the_image_encoder_alone_can_be_replaced(monkeypatch, folder, weights, tmp_path) -> None:
    monkeypatch.setattr(writer, "graph_from_network", graph_from_network)  # not the kept ones
    copy = tmp_path / "edge"
    shutil.copytree(folder, copy)
    before = Bundle.open(copy).manifest
    gain = weights.image_encoder.amplitude.gain
    gain *= 2
    try:
        after = writer.replace_image_encoder(copy, EDGE, weights.image_encoder, {})
    finally:
        gain /= 2
    changed = {name for name in before.files if before.files[name] != after.files[name]}
    assert changed == {"image_encoder.onnx"}
    assert (after.render, after.scales, after.name) == (before.render, before.scales, before.name)
