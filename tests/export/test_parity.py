"""Networks that are exported wrongly are refused."""

import dataclasses

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from stillwave.export.fp16 import stored_as_half
from stillwave.export.graph import ExportError
from stillwave.export.parity import FLOOR_DB, check_parity, parity_db, signal_to_error_db


def with_first_weight(graph: bytes, change) -> bytes:
    """The graph with its first convolution's weight changed."""
    model = onnx.load_from_string(graph)
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    weight = next(w for w in model.graph.initializer if w.name == conv.input[1])
    weight.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(weight).copy()), weight.name))
    return model.SerializeToString()


def test_broken_network_is_refused_with_its_figure(networks, graphs) -> None:
    network = networks["pyramid"]
    broken = with_first_weight(graphs["pyramid"], lambda weight: weight * 1.05)
    found = parity_db(network, broken, {"h": 4, "w": 4})
    assert 20 < found < FLOOR_DB["fp16"]
    for form, floor in FLOOR_DB.items():
        message = rf"pyramid \({form}\): ONNX Runtime follows PyTorch to {found:.1f} dB, the floor is {floor:.0f} dB"
        with pytest.raises(ExportError, match=message):
            check_parity(network, broken, form, {"h": 4, "w": 4})


def test_not_a_number_is_refused(networks, graphs) -> None:
    broken = with_first_weight(graphs["pyramid"], lambda weight: weight * np.float32(np.nan))
    with pytest.raises(ExportError, match="to nan dB"):
        check_parity(networks["pyramid"], broken, "exact", {"h": 4, "w": 4})


def test_every_output_counts(networks, graphs) -> None:
    """The third level alone is wrong."""
    network = networks["pyramid"]

    class Changed(torch.nn.Module):
        def forward(self, photo):
            *levels, third = network.module(photo)
            return *levels, 1.1 * third

    changed = dataclasses.replace(network, module=Changed())
    assert parity_db(changed, graphs["pyramid"], {"h": 4, "w": 4}) < 30


def test_openvino_follows_too(network, graph, small) -> None:
    pytest.importorskip("openvino")
    assert parity_db(network, stored_as_half(onnx.load_from_string(graph)).SerializeToString(), small, "openvino") >= 50
    assert parity_db(network, graph, small, "openvino") >= FLOOR_DB["exact"]


@pytest.mark.parametrize(("error", "db"), [(0.1, 20), (0.01, 40), (0, float("inf"))])
def test_twenty_decibels_are_a_digit(error, db) -> None:
    signal = np.sin(np.arange(100.0))
    assert signal_to_error_db(signal, signal * (1 + error)) == pytest.approx(db)
