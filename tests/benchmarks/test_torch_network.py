"""The bundle's networks in PyTorch, node by node, against ONNX Runtime."""

import importlib.util
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from stillwave.export.conversion import converted
from stillwave.export.fp16 import float_weights
from stillwave.runtime.bundle import Bundle
from stillwave.runtime.engine import shape_at

path = Path(__file__).parents[2] / "benchmarks" / "torch_network.py"
spec = importlib.util.spec_from_file_location("torch_network", path)
torch_network = importlib.util.module_from_spec(spec)
spec.loader.exec_module(torch_network)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", ["image_encoder", "denoiser", "decoder", "pyramid", "synthesis"])
def test_agrees_with_onnx_runtime(name, precision):
    bundle, rng = Bundle.open(), np.random.default_rng(0)
    network, record = bundle.network_bytes(name), bundle.manifest.networks[name]
    if precision == "fp16":
        graph = float_weights(onnx.load_from_string(network))
        network = converted(graph, precision, name, []).SerializeToString()
    sizes = defaultdict(lambda: 3)
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    types = {given.name: np.float16 if "float16" in given.type else np.float32 for given in session.get_inputs()}
    inputs = {n: rng.random(shape_at(t.shape, sizes)).astype(types[n]) for n, t in record.inputs.items()}
    names = [output.name for output in session.get_outputs()]
    want = dict(zip(names, session.run(names, inputs), strict=True))
    got = torch_network.TorchNetwork(network, "cpu")({n: torch.from_numpy(values) for n, values in inputs.items()})
    for n in names:
        np.testing.assert_allclose(got[n].numpy(), want[n], rtol=2e-2, atol=2e-2 * np.abs(want[n]).max())
        assert np.abs(got[n].numpy() - want[n]).mean() < 1e-3 * np.abs(want[n]).max()


@pytest.mark.parametrize("name", ["image_encoder", "denoiser", "decoder", "pyramid", "synthesis"])
def test_nothing_crosses_to_or_from_the_device_while_it_runs(name, monkeypatch):
    """Such a copy cannot be captured in a graph, and has every node wait."""
    bundle = Bundle.open()
    network = torch_network.TorchNetwork(bundle.network_bytes(name), "cpu")
    record, sizes = bundle.manifest.networks[name], defaultdict(lambda: 3)
    inputs = {n: torch.zeros(shape_at(t.shape, sizes)) for n, t in record.inputs.items()}

    def unmoved(tensor, to):
        assert isinstance(to, torch.dtype)
        return moved(tensor, to)

    def told(tensor):
        assert tensor.dtype == torch.int64, "a device's tensor is read by the processor"
        return listed(tensor)

    moved, listed = torch.Tensor.to, torch.Tensor.tolist
    floats = [values for values in network.weights.values() if values.dtype == torch.float32]
    assert floats
    for method, watched in (("to", unmoved), ("tolist", told), ("cpu", None), ("item", None)):
        monkeypatch.setattr(torch.Tensor, method, watched)
    network(inputs)
