"""Half precision: weights alone, and the whole graph strongly typed."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from stillwave.export.fp16 import FLOAT_OPERATORS, half_precision, stored_as_half
from stillwave.export.parity import FLOOR_DB, parity_db
from stillwave.export.writer import STORED_AS_FLOAT
from stillwave.runtime.signature import signature

MANY_BYTES = 1 << 16  # of weights; of fewer there is nothing to save
FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def test_stored_weights_follow_and_halve_the_file(network, graph, small) -> None:
    stored = stored_as_half(onnx.load_from_string(graph)).SerializeToString()
    assert parity_db(network, stored, small) >= (50 if network.name in STORED_AS_FLOAT else FLOOR_DB["fp32"])
    weights = 4 * sum(p.numel() for p in network.module.parameters())
    if weights > MANY_BYTES:
        assert len(graph) - len(stored) > 0.45 * weights
    assert signature(stored, network.name, {}) == signature(graph, network.name, {})


def test_casts_are_gone_once_loaded(tmp_path, network, graph) -> None:
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    options.log_severity_level = 3  # it warns that the file fits only machines like this one
    stored = stored_as_half(onnx.load_from_string(graph)).SerializeToString()
    ort.InferenceSession(stored, options, providers=["CPUExecutionProvider"])
    loaded = onnx.load(tmp_path / "loaded.onnx")
    assert HALF not in {w.data_type for w in loaded.graph.initializer}
    weights = {w.name for w in loaded.graph.initializer}
    assert not any(n.op_type == "Cast" and n.input[0] in weights for n in loaded.graph.node)


def test_half_follows_with_the_same_signature(network, graph, small) -> None:
    half = half_precision(onnx.load_from_string(graph)).SerializeToString()
    # random gates of the synthesis are far from saturated, and filters of all sizes cancel
    assert parity_db(network, half, small) >= (40 if network.name == "synthesis" else FLOOR_DB["fp16"])
    assert signature(half, network.name, {}) == signature(graph, network.name, {})


def test_half_is_strongly_typed(network, graph) -> None:
    """Heavy arithmetic in float16, statistics in float32, no operator fed both."""
    model = onnx.shape_inference.infer_shapes(half_precision(onnx.load_from_string(graph)), strict_mode=True)
    kinds = {w.name: w.data_type for w in model.graph.initializer}
    for value in [*model.graph.input, *model.graph.value_info, *model.graph.output]:
        kinds[value.name] = value.type.tensor_type.elem_type
    for node in model.graph.node:
        fed = {kinds[n] for n in node.input if n and kinds[n] in (FLOAT, HALF)}
        if node.op_type in ("Conv", "MatMul", "Gemm"):
            assert fed == {HALF}, node.name
        elif node.op_type in FLOAT_OPERATORS:
            assert fed == {FLOAT}, node.name
        elif node.op_type not in ("Cast", "Resize"):
            assert len(fed) <= 1, node.name


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_sums_of_powers_stay_in_range(scale) -> None:
    """sqrt(sum x^2) leaves the range of float16 at both ends, and is computed in float32."""
    nodes = [
        helper.make_node("Mul", ["x", "x"], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "axes"], ["power"]),
        helper.make_node("Sqrt", ["power"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(n, FLOAT, s) for n, s in (("x", (1, 8)), ("y", (1, 1))))
    axes = numpy_helper.from_array(np.array([1]), "axes")
    graph = helper.make_graph(nodes, "norm", [x], [y], [axes])
    model = half_precision(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    values = np.full((1, 8), scale, np.float32)
    assert session.run(None, {"x": values})[0].item() == pytest.approx(scale * 8**0.5, rel=2e-3)
