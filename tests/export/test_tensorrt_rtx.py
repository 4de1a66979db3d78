"""Every exported network builds with TensorRT-RTX, ahead of time, for desktop GPUs of four generations.

It shows that a builder accepts each graph, of either precision and at sizes in a range; not that it runs.
"""

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from stillwave.export.conversion import converted
from stillwave.export.graph import graph_from_network
from stillwave.export.networks import Network, networks_of, random_weights
from stillwave.model import resnet
from stillwave.model.presets import EDGE, PAPER
from stillwave.runtime.engine_builder import BuildRequest, build

pytest.importorskip("tensorrt_rtx", reason="needs TensorRT-RTX; pip install 'stillwave[tensorrt-rtx]'")

TARGETS = (75, 86, 89, 120)
NARROW = replace(
    PAPER,
    autoencoder_channels=(16, 16, 32),
    denoiser_channels=(16, 32, 32),
    denoiser_blocks=1,
    denoiser_attention=(False, True, True),
    pyramid_channels=(16, 16, 32),
)
SHALLOW = tuple((channels, 1, stride) for channels, _, stride in resnet.STAGES)
NAMES = ("image_encoder", "denoiser", "decoder", "pyramid", "synthesis")


@pytest.fixture(scope="module", params=["edge", "paper"])
def exported(request) -> dict[str, tuple[Network, onnx.ModelProto]]:
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resnet, "STAGES", SHALLOW)
        preset = {"edge": EDGE, "paper": NARROW}[request.param]
        networks = networks_of(preset, random_weights(preset))
        assert {network.name for network in networks} == set(NAMES)
        return {network.name: (network, graph_from_network(network)) for network in networks}


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "int8"])
@pytest.mark.parametrize("name", NAMES)
def test_builds(exported, name, precision, monkeypatch) -> None:
    network, graph = exported[name]
    sizes = {symbol: 3 if symbol == "n" else 2 for symbol in network.reference}
    samples = [{key: tensor.numpy() for key, tensor in network.example(sizes).items()}]
    monkeypatch.setitem(converted.__globals__["INT8_FLOOR_DB"], name, -100.0)  # all that pays is quantised
    model = converted(graph, precision, name, samples)
    quantised = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    assert bool(quantised) == (precision == "int8")
    profile = {symbol: (min(size, 2), size, size + 2) for symbol, size in network.reference.items()}
    engine, _ = build(BuildRequest("tensorrt-rtx", name, profile, TARGETS), model.SerializeToString())
    weights = sum(np.prod(weight.dims) for weight in model.graph.initializer)
    assert len(engine) > weights  # bytes; a weight takes one or two
