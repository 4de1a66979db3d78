"""A network as ONNX: standard operators only, strongly typed, symbolic height and width."""

import logging
import warnings
from collections import Counter

import onnx
import torch
from torch.export import Dim

from .networks import Network, Shape

OPSET = 20

# What every target engine has: no scatter, no Fourier transform, no custom operator.
OPERATORS = frozenset(
    "Add AveragePool Cast Clip Concat Conv Cos DepthToSpace Div Expand Gemm InstanceNormalization LayerNormalization "
    "LeakyRelu MatMul MaxPool Mul Relu Reshape Resize Shape Sigmoid Sin Slice Softmax SpaceToDepth Split Squeeze Sub "
    "Transpose Unsqueeze".split()
)


class ExportError(Exception):
    """A network whose exported form is not the network."""


def graph_from_network(network: Network) -> onnx.ModelProto:
    """The network as a float32 ONNX graph with the names and symbolic shapes it states."""
    sizes = {symbol: n + 1 for n, symbol in enumerate(network.reference, start=2)}
    with warnings.catch_warnings():
        # raised inside torch.onnx by its own use of torch
        warnings.filterwarnings("ignore", "`isinstance\\(treespec, LeafSpec\\)`", FutureWarning)
        warnings.filterwarnings("ignore", "# The axis name", UserWarning)
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
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
    _state_shapes(model, network)
    _check_operators(model, network.name)
    return model


def _dynamic(shape: Shape) -> dict[int, object]:
    """torch.export's form of a symbolic shape."""
    dims = {}
    for axis, dimension in enumerate(shape):
        if isinstance(dimension, str):
            factor, _, symbol = dimension.rpartition("*")
            dims[axis] = int(factor or 1) * Dim(symbol)
    return dims


def _state_shapes(model: onnx.ModelProto, network: Network) -> None:
    """Write our symbols over those the exporter made up, and drop what only the exporter needs."""
    graph = model.graph
    for values, shapes in ((graph.input, network.inputs), (graph.output, network.outputs)):
        for value in values:
            for dim, want in zip(value.type.tensor_type.shape.dim, shapes[value.name], strict=True):
                if isinstance(want, str):
                    dim.dim_param = want
    del graph.value_info[:]
    for node in graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del graph.metadata_props[:], model.metadata_props[:], model.functions[:]
    model.producer_name, graph.name = "stillwave", network.name
    onnx.checker.check_model(model)


def _check_operators(model: onnx.ModelProto, name: str) -> None:
    found = Counter(node.op_type for node in model.graph.node)
    strange = sorted(found.keys() - OPERATORS)
    if strange or any(node.domain for node in model.graph.node):
        raise ExportError(
            f"{name}: operators {strange} are not on the list every engine has; rewrite the module without them"
        )
