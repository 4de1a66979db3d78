"""Every exported network builds with TensorRT-RTX, ahead of time, for desktop GPUs of four generations.

It shows that a builder accepts each graph, in either precision and at sizes in a range; not that it runs.
"""

import numpy as np
import onnx
import pytest

from stillwave.export import conversion
from stillwave.runtime.engine_builder import BuildRequest, build

pytest.importorskip("tensorrt_rtx", reason="needs TensorRT-RTX; pip install 'stillwave[tensorrt-rtx]'")

TARGETS = (75, 86, 89, 120)
NAMES = ("image_encoder", "denoiser", "decoder", "pyramid", "synthesis")


@pytest.fixture(params=["edge", "paper"])
def exported(request):
    """Networks and graphs, by name."""
    prefix = {"edge": "", "paper": "narrow_"}[request.param]
    return request.getfixturevalue(f"{prefix}networks"), request.getfixturevalue(f"{prefix}graphs")


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "int8"])
@pytest.mark.parametrize("name", NAMES)
def test_builds(exported, name, precision, monkeypatch) -> None:
    network, graph = exported[0][name], onnx.load_from_string(exported[1][name])
    sizes = {symbol: 3 if symbol == "n" else 2 for symbol in network.reference}
    samples = [{key: tensor.numpy() for key, tensor in network.example(sizes).items()}]
    for candidate in conversion.INT8_FLOOR_DB:
        monkeypatch.setitem(conversion.INT8_FLOOR_DB, candidate, -100.0)  # all that pays is quantised
    model = conversion.converted(graph, precision, name, samples)
    is_quantised = any(node.op_type == "QuantizeLinear" for node in model.graph.node)
    may_be = precision == "int8" and name in conversion.INT8_FLOOR_DB
    assert is_quantised <= may_be
    assert is_quantised or not may_be or name in ("pyramid", "synthesis")  # edge's are too small for it to pay
    profile = {symbol: (min(size, 2), size, size + 2) for symbol, size in network.reference.items()}
    engine, _ = build(BuildRequest("tensorrt-rtx", name, profile, TARGETS), model.SerializeToString())
    weights = sum(np.prod(weight.dims) for weight in model.graph.initializer)
    assert len(engine) > weights  # bytes; a weight takes one or two


def test_networks_are_all_there(networks, narrow_networks) -> None:
    assert networks.keys() == narrow_networks.keys() == {*NAMES, "decoder_gradient"}  # which no device runs
