"""Reading inputs and outputs out of ONNX bytes."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from stillwave.runtime.engine import TensorSpec
from stillwave.runtime.errors import BundleError
from stillwave.runtime.signature import signature


def model_bytes() -> bytes:
    """Two inputs and an output of several types, with everything else a file may hold around them."""
    inputs = [
        helper.make_tensor_value_info("photo", TensorProto.FLOAT, (1, 300, "64*h", "w"), doc_string="a note"),
        helper.make_tensor_value_info("count", TensorProto.INT64, ()),
    ]
    outputs = [helper.make_tensor_value_info("half", TensorProto.FLOAT16, ("n",))]
    weight = helper.make_tensor("weight", TensorProto.FLOAT, (4,), [1.0, 2.0, 3.0, 4.0])
    nodes = [helper.make_node("Cast", ["weight"], ["half"], to=TensorProto.FLOAT16)]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, [weight])
    return helper.make_model(graph, producer_name="test").SerializeToString()


NETWORK = model_bytes()


def test_names_types_and_shapes() -> None:
    inputs, outputs = signature(NETWORK, "some", {})
    assert inputs == (TensorSpec("photo", "float32", (1, 300, "64*h", "w")), TensorSpec("count", "int64", ()))
    assert outputs == (TensorSpec("half", "float16", ("n",)),)


def test_sizes_replace_the_symbols_they_know() -> None:
    inputs, outputs = signature(NETWORK, "some", {"h": 3, "n": 2})
    assert inputs[0].shape == (1, 300, 192, "w")
    assert outputs[0].shape == (2,)


@given(st.integers(0, len(NETWORK) - 1))
def test_truncated_file_is_refused_or_read(length) -> None:
    try:
        inputs, _ = signature(NETWORK[:length], "some", {})
    except BundleError:
        return
    assert all(spec.name in ("photo", "count") for spec in inputs)


@given(st.binary(max_size=200))
def test_noise_never_raises_anything_else(noise) -> None:
    with contextlib.suppress(BundleError):
        signature(noise, "noise", {})


def test_type_that_engines_do_not_carry_is_refused() -> None:
    value = [helper.make_tensor_value_info("x", TensorProto.STRING, (1,))]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["x"])], "graph", value, value)
    with pytest.raises(BundleError, match="no ONNX network"):
        signature(helper.make_model(graph).SerializeToString(), "text", {})
