"""Networks as ONNX: same function, stated names and shapes, common operators."""

import onnx
import pytest
import torch
from onnx import TensorProto
from torch import nn

from stillwave.export.graph import ExportError, check_operators, graph_from_network
from stillwave.export.networks import Network
from stillwave.export.parity import check_parity
from stillwave.runtime.signature import signature


def test_follows_pytorch_at_other_sizes(network, graph, small) -> None:
    larger = {symbol: size + 2 for symbol, size in small.items()}
    for sizes in (small, larger):
        assert check_parity(network, graph, "exact", sizes) >= 100


def test_states_names_and_symbols(network, graph) -> None:
    inputs, outputs = signature(graph, network.name, {})
    assert {s.name: s.shape for s in inputs} == network.inputs
    assert {s.name: s.shape for s in outputs} == network.outputs


def test_uses_common_operators_and_float32(network, graph) -> None:
    model = onnx.load_from_string(graph)
    check_operators(model)
    assert {o.domain: o.version for o in model.opset_import} == {"": 20}
    assert {w.data_type for w in model.graph.initializer} <= {TensorProto.FLOAT, TensorProto.INT64}


def test_holds_nothing_of_the_machine_it_was_made_on(network, graph) -> None:
    model = onnx.load_from_string(graph)
    assert model.producer_name == "stillwave"
    assert not model.metadata_props
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    for weights in model.graph.initializer:
        weights.ClearField("raw_data")  # any bytes, those of a file's name among them
    rest = model.SerializeToString()
    assert b"/site-packages/" not in rest
    assert b".py" not in rest


def toy(module: nn.Module) -> Network:
    return Network("toy", module, {"x": (1, 4, "h", "w")}, {"y": (1, 4, "h", "w")}, {"h": 8, "w": 8}, {"h": 8, "w": 8})


class Scatter(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.scatter_add(1, torch.zeros_like(x, dtype=torch.int64), x)


def test_operator_that_engines_lack_is_refused() -> None:
    with pytest.raises(ExportError, match=r"toy: .*Scatter.* cannot run everywhere; write the module with Add"):
        graph_from_network(toy(Scatter()))


def test_own_domain_is_refused() -> None:
    model = onnx.load_from_string(graph_from_network(toy(nn.ReLU())).SerializeToString())
    model.graph.node[0].domain = "com.microsoft"
    with pytest.raises(ExportError, match=r"com\.microsoft\.Relu"):
        check_operators(model)
