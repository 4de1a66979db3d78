"""Int8 by Q/DQ: before convolutions that pay, symmetric, and only while the network stays close to itself."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from stillwave.export.calibration import recorded_samples
from stillwave.export.fp16 import half_precision
from stillwave.export.int8 import (
    convolutions_in_int8,
    outputs_of,
    quantised,
    quantised_alone,
    relative_error,
)
from stillwave.runtime.profile import ON_DEVICE

RNG = np.random.default_rng(0)
LAYERS = ("thin", "first", "grouped", "outlier", "last")
NONE, ALL = 200.0, -100.0  # dB: floors that no quantised layer meets, and that every one does


@pytest.fixture(scope="module")
def graph() -> onnx.ModelProto:
    """x (1, 3, h, w) -> thin (16) -> first -> grouped (depthwise) -> outlier -> last -> y (1, 16, h, w).

    One channel of what `outlier` reads is far larger than the others, and is weighted as far down.
    """
    weights = {name: RNG.standard_normal((16, 16, 3, 3), np.float32) / 12 for name in LAYERS}
    weights["thin"] = weights["thin"][:, :3]
    weights["grouped"] = weights["grouped"][:, :1] * 3
    weights["grouped"][0] *= 300
    weights["outlier"][:, 0] /= 300
    nodes, source = [], "x"
    for i, name in enumerate(LAYERS):
        group = {"group": 16} if name == "grouped" else {}
        nodes.append(helper.make_node("Conv", [source, name, "bias"], [f"conv{i}"], pads=[1, 1, 1, 1], **group))
        source = "y" if name == "last" else f"relu{i}"
        nodes.append(helper.make_node("LeakyRelu", [f"conv{i}"], [source], alpha=0.1))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, "h", "w"))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 16, "h", "w"))
    weights["bias"] = RNG.standard_normal(16, np.float32) / 10
    stored = [numpy_helper.from_array(weight, name) for name, weight in weights.items()]
    made = helper.make_graph(nodes, "toy", [x], [y], stored)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.fixture(scope="module")
def samples() -> list[dict[str, np.ndarray]]:
    return [{"x": RNG.standard_normal((1, 3, 12, 10), np.float32)} for _ in range(4)]


def layers_in_int8(model: onnx.ModelProto) -> set[str]:
    return {LAYERS[int(name.removeprefix("Conv.conv"))] for name in convolutions_in_int8(model)}


def db(graph, model, samples) -> float:
    return -10 * np.log10(relative_error(outputs_of(graph, samples), outputs_of(model, samples)))


def test_thin_and_grouped_convolutions_stay(graph, samples) -> None:
    assert layers_in_int8(quantised(graph, samples, ALL)) == {"first", "outlier", "last"}


def test_none_where_none_is_close_enough(graph, samples) -> None:
    model = quantised(graph, samples, NONE)
    assert layers_in_int8(model) == set()
    assert not {"QuantizeLinear", "DequantizeLinear"} & {node.op_type for node in model.graph.node}
    for want, found in zip(outputs_of(graph, samples), outputs_of(model, samples), strict=True):
        np.testing.assert_array_equal(found, want)


def test_the_most_harmful_is_left_out_first(graph, samples) -> None:
    model = quantised(graph, samples, 30)
    assert layers_in_int8(model) == {"first", "last"}
    assert db(graph, model, samples) >= 28
    assert db(graph, quantised(graph, samples, ALL), samples) < 28


def test_scales_are_symmetric_and_nothing_behind_a_convolution_is_quantised(graph, samples) -> None:
    model = quantised(graph, samples, ALL)
    values = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    convolutions = {output for node in model.graph.node if node.op_type == "Conv" for output in node.output}
    for node in model.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            assert values[node.input[2]].dtype == np.int8
            assert not values[node.input[2]].any()
            assert node.input[0] not in convolutions
    assert values["bias"].dtype == np.float32
    per_channel = [node for node in model.graph.node if node.op_type == "DequantizeLinear" and node.input[0] in values]
    assert [values[node.input[1]].shape for node in per_channel] == [(16,)] * 3


def test_the_rest_is_float16_with_its_scales(graph, samples) -> None:
    model = onnx.shape_inference.infer_shapes(half_precision(quantised(graph, samples, 30)), strict_mode=True)
    kinds = {weight.name: weight.data_type for weight in model.graph.initializer}
    kinds |= {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    for node in model.graph.node:
        if node.op_type == "Conv":
            assert {kinds[name] for name in node.input} == {TensorProto.FLOAT16}
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            assert kinds[node.input[1]] == TensorProto.FLOAT16
    assert layers_in_int8(model) == {"first", "last"}
    assert db(graph, model, samples) >= 28


def test_scales_that_float16_does_not_hold_leave_a_convolution_out(graph, samples) -> None:
    small = onnx.ModelProto.FromString(graph.SerializeToString())
    weight = next(w for w in small.graph.initializer if w.name == "last")
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1e-3), "last"))
    assert layers_in_int8(quantised(small, samples, ALL)) == {"first", "outlier"}


def test_chosen_layers_alone(graph, samples) -> None:
    assert layers_in_int8(quantised_alone(graph, samples, ["Conv.conv1"])) == {"first"}
    assert layers_in_int8(quantised_alone(graph, samples, [])) == set()


def test_what_is_given_is_not_changed(graph, samples) -> None:
    before = graph.SerializeToString(deterministic=True)
    quantised(graph, samples, 30)
    assert graph.SerializeToString(deterministic=True) == before


def test_samples_are_what_networks_are_fed(tmp_path) -> None:
    from stillwave.runtime.bundle import Bundle

    bundle = Bundle.open()
    photo = RNG.integers(0, 256, (60, 96, 3), np.uint8)
    samples = recorded_samples(bundle.folder, [photo])
    assert samples.keys() == set(ON_DEVICE)
    assert [len(samples[name]) for name in ("image_encoder", "denoiser", "pyramid", "synthesis")] == [1, 4, 1, 3]
    for name, runs in samples.items():
        for run in runs:
            assert run.keys() == bundle.manifest.networks[name].inputs.keys()
    times = [int(run["timestep"][0]) for run in samples["denoiser"]]
    assert times == sorted(times, reverse=True)
    assert len({run["motion"].tobytes() for run in samples["synthesis"]}) == 3
