"""A network as ONNX: standard operators only, strongly typed, symbolic height and width."""

import logging
import warnings

import onnx
import torch
from torch.export import Dim

from stillwave.runtime.engine import factor_and_symbol

from .networks import Network, Shape

OPSET = 20

# What every target has: no scatter, no Fourier transform, nothing of our own.
OPERATORS = frozenset(
    """
    Add AveragePool Cast Clip Concat Conv Cos DepthToSpace DequantizeLinear Div Exp Expand Gemm
    InstanceNormalization LayerNormalization LeakyRelu MatMul MaxPool Mul Pow QuantizeLinear ReduceMean ReduceSum Relu
    Reshape Resize Shape Sigmoid Sin Slice Softmax Split Sqrt Squeeze Sub Transpose Unsqueeze
    """.split()  # noqa: SIM905
)


class ExportError(Exception):
    """A network whose exported form would not be the network, or not run everywhere."""


def graph_from_network(network: Network) -> onnx.ModelProto:
    """The network as a float32 graph with the names and symbolic shapes it states."""
    # unequal, and more than one, so that the tracer takes none of them for a constant
    sizes = {symbol: n for n, symbol in enumerate(network.reference, start=3)}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, we do not
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)`", FutureWarning)
        warnings.filterwarnings("ignore", "# The axis name", UserWarning)
        program = torch.onnx.export(
            network.module,
            tuple(network.example(sizes).values()),
            input_names=list(network.inputs),
            output_names=list(network.outputs),
            dynamic_shapes=tuple(_dynamic(shape) for shape in network.inputs.values()),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    _restate(model, network)
    onnx.checker.check_model(model, full_check=True)
    check_operators(model)
    return model


def check_operators(model: onnx.ModelProto) -> None:
    """Refuse a graph with an operator that some target engine lacks."""
    strange = {node.op_type for node in model.graph.node if node.op_type not in OPERATORS}
    strange |= {f"{node.domain}.{node.op_type}" for node in model.graph.node if node.domain}
    if strange:
        raise ExportError(
            f"{model.graph.name}: {', '.join(sorted(strange))} cannot run everywhere; "
            f"write the module with {', '.join(sorted(OPERATORS))}"
        )


def _dynamic(shape: Shape) -> dict[int, object]:
    """Symbolic dimensions as torch.export wants them: axis -> factor * Dim."""
    dims = {}
    for axis, dimension in enumerate(shape):
        if isinstance(dimension, str):
            factor, symbol = factor_and_symbol(dimension)
            dims[axis] = factor * Dim(symbol)
    return dims


def _restate(model: onnx.ModelProto, network: Network) -> None:
    """Our own shape symbols in place of the exporter's, and none of its notes to itself."""
    graph = model.graph
    stated = {**network.inputs, **network.outputs}
    for value in [*graph.input, *graph.output]:
        for dim, want in zip(value.type.tensor_type.shape.dim, stated[value.name], strict=True):
            if isinstance(want, str):
                dim.dim_param = want
    for node in graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for values in (graph.input, graph.output, graph.initializer):
        for value in values:
            value.ClearField("metadata_props")
    graph.ClearField("value_info")
    graph.ClearField("metadata_props")
    model.ClearField("metadata_props")
    model.ClearField("functions")
    model.producer_name, graph.name = "stillwave", network.name
