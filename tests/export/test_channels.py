"""Rewrites for engines that block channels: the same function, without the copies."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from stillwave.export.channels import blocked_channels
from stillwave.export.parity import parity_db

RNG = np.random.default_rng(0)


def model_of(nodes, inputs: dict, outputs: dict, **weights) -> onnx.ModelProto:
    def values(shapes):
        return [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()]

    initializers = [numpy_helper.from_array(w, n) for n, w in weights.items()]
    graph = helper.make_graph(nodes, "toy", values(inputs), values(outputs), initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def results(model: onnx.ModelProto, **shapes) -> list[np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    return session.run(None, {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()})


def joined(channels: list[int], outputs: dict | None = None, extra=()) -> onnx.ModelProto:
    """A 3 x 3 convolution with bias of concatenated inputs p0, p1, ..."""
    names = [f"p{i}" for i in range(len(channels))]
    nodes = [
        helper.make_node("Concat", names, ["all"], axis=1),
        helper.make_node("Conv", ["all", "weight", "bias"], ["y"], pads=[1, 1, 1, 1]),
        *extra,
    ]
    inputs = {name: (1, count, "h", "w") for name, count in zip(names, channels, strict=True)}
    weight = RNG.standard_normal((8, sum(channels), 3, 3), np.float32)
    outputs = outputs or {"y": (1, 8, "h", "w")}
    return model_of(nodes, inputs, outputs, weight=weight, bias=RNG.standard_normal(8, np.float32))


@pytest.mark.parametrize(
    ("channels", "found"),
    [
        ([16, 32], {"Conv": 2, "Add": 1}),
        ([16, 3, 32, 2, 1], {"Conv": 3, "Add": 2, "Concat": 1}),
        ([5, 16], {"Conv": 2, "Add": 1}),
        ([5, 6], {"Conv": 1, "Concat": 1}),
    ],
)
def test_convolutions_of_parts_add_up(channels, found) -> None:
    shapes = {f"p{i}": (1, count, 6, 7) for i, count in enumerate(channels)}
    model = joined(channels)
    expected = results(model, **shapes)[0]
    rewritten = blocked_channels(model)
    assert Counter(node.op_type for node in rewritten.graph.node) == found
    np.testing.assert_allclose(results(rewritten, **shapes)[0], expected, atol=1e-4)


def test_concatenation_that_others_read_stays() -> None:
    outputs = {"y": (1, 8, "h", "w"), "all": (1, 48, "h", "w")}
    assert blocked_channels(joined([16, 32], outputs)).graph.node[0].op_type == "Concat"
    reader = [helper.make_node("Relu", ["all"], ["z"])]
    outputs = {"y": (1, 8, "h", "w"), "z": (1, 48, "h", "w")}
    assert blocked_channels(joined([16, 32], outputs, reader)).graph.node[0].op_type == "Concat"


def test_convolutions_that_share_a_weight_share_its_parts() -> None:
    rng = np.random.default_rng(2)
    nodes = []
    for i in (0, 1):
        nodes.append(helper.make_node("Concat", [f"p{i}", f"q{i}"], [f"all{i}"], axis=1))
        nodes.append(helper.make_node("Conv", [f"all{i}", "weight"], [f"y{i}"]))
    shapes = {f"{name}{i}": (1, count, 4, 5) for i in (0, 1) for name, count in (("p", 16), ("q", 32))}
    weight = rng.standard_normal((8, 48, 1, 1), np.float32)
    model = model_of(nodes, shapes, {f"y{i}": (1, 8, 4, 5) for i in (0, 1)}, weight=weight)
    expected = results(model, **shapes)
    rewritten = blocked_channels(model)
    assert Counter(node.op_type for node in rewritten.graph.node) == {"Conv": 4, "Add": 2}
    assert sorted(numpy_helper.to_array(w).shape[1] for w in rewritten.graph.initializer) == [16, 32]
    for got, want in zip(results(rewritten, **shapes), expected, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-4)


def test_slices_of_a_channels_last_input_come_first() -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Slice", ["planes", "start", "end", "axis"], ["some"]),
        helper.make_node("Relu", ["planes"], ["y"]),
    ]
    outputs = {"some": (1, 3, "h", "w"), "y": (1, 8, "h", "w")}
    indices = {"start": np.array([2]), "end": np.array([5]), "axis": np.array([1])}
    model = model_of(nodes, {"x": (1, "h", "w", 8)}, outputs, **indices)
    expected = results(model, x=(1, 4, 5, 8))
    rewritten = blocked_channels(model)
    assert [node.op_type for node in rewritten.graph.node] == ["Transpose", "Slice", "Transpose", "Relu"]
    for want, found in zip(expected, results(rewritten, x=(1, 4, 5, 8)), strict=True):
        np.testing.assert_array_equal(found, want)


def test_networks_follow_as_before(network, graph, small) -> None:
    assert parity_db(network, blocked_channels(onnx.load_from_string(graph)).SerializeToString(), small) >= 100
