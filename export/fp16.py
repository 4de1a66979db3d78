"""Half precision, two ways: weights only, for CPUs; the arithmetic too, for GPUs."""

from collections import defaultdict

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALLEST_STORED = 1024  # values; biases, gains and fixed filters below this stay float32

# Statistics, powers and angles need more than 11 bits or the range of 8 exponent bits.
FLOAT_OPERATORS = frozenset(
    [
        "InstanceNormalization",
        "LayerNormalization",
        "Softmax",
        "ReduceMean",
        "ReduceSum",
        "Exp",
        "Pow",
        "Sqrt",
        "Sin",
        "Cos",
    ]
)
# What feeds only those, or an output, is float32 with them, up to the next operator worth halving.
HEAVY_OPERATORS = frozenset({"Conv", "MatMul", "Gemm"})
# How many inputs share the type of the output, where not all do: a Resize's scales stay float32.
TYPED_INPUTS = {"Resize": 1, "Shape": 0}
FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def stored_as_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same float32 graph with its large weights stored as float16, a Cast behind each.

    Engines fold the casts when they load: half the file, the speed and memory of float32.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type == FLOAT and np.prod(weight.dims) >= SMALLEST_STORED:
            name, stored = weight.name, f"{weight.name}.half"
            half = numpy_helper.to_array(weight).astype(np.float16)
            weight.CopyFrom(numpy_helper.from_array(half, stored))
            casts.append(helper.make_node("Cast", [stored], [name], to=FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def float_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph whose weights `stored_as_half` stored: float32 again, and no Cast behind them."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    stored = {weight.name: weight for weight in model.graph.initializer if weight.data_type == HALF}
    nodes = []
    for node in model.graph.node:
        weight = stored.get(node.input[0]) if node.op_type == "Cast" else None
        if weight is None:
            nodes.append(node)
        else:
            values = numpy_helper.to_array(weight).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(values, node.output[0]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def half_precision(model: onnx.ModelProto) -> onnx.ModelProto:
    """A strongly typed graph: float16 throughout, but float32 statistics, angles, inputs, outputs.

    Every change of type is a Cast in the graph, which is what TensorRT 10.12 and later want. Scales of
    Q/DQ are float16 too: what they dequantise to has their type.
    """
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    graph = _TypedGraph(model.graph)
    for node, kind in _kinds(model.graph):
        graph.add(node, kind)
    graph.finish()
    onnx.checker.check_model(model, full_check=True)
    return model


class _TypedGraph:
    """The nodes of a graph again, with a Cast wherever the type of a value is not what is wanted."""

    def __init__(self, graph: onnx.GraphProto):
        self.graph = graph
        self.nodes: list[onnx.NodeProto] = []
        self.weights = {w.name: w for w in graph.initializer if w.data_type == FLOAT}
        self.kinds = {value.name: FLOAT for value in graph.input}
        values = [*graph.value_info, *graph.output]
        self.floats = {v.name for v in values if v.type.tensor_type.elem_type == FLOAT}
        self.converted: dict[tuple[str, int], str] = {}

    def add(self, node: onnx.NodeProto, kind: int) -> None:
        """The node with its float inputs and outputs of this kind."""
        for i, name in enumerate(node.input[: TYPED_INPUTS.get(node.op_type)]):
            node.input[i] = self._as(name, kind)
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.i == FLOAT:
                attribute.i = kind
        self.kinds.update((name, kind) for name in node.output if name in self.floats)
        self.nodes.append(node)

    def _as(self, name: str, kind: int) -> str:
        """The name of this value in this kind; values that are no floats keep their own."""
        if name not in self.weights and self.kinds.get(name, kind) == kind:
            return name
        key = (name, kind)
        if key not in self.converted:
            self.converted[key] = f"{name}.{TensorProto.DataType.Name(kind).lower()}"
            if name in self.weights:
                dtype = helper.tensor_dtype_to_np_dtype(kind)
                values = numpy_helper.to_array(self.weights[name]).astype(dtype)
                self.graph.initializer.append(numpy_helper.from_array(values, self.converted[key]))
            else:
                self.nodes.append(helper.make_node("Cast", [name], [self.converted[key]], to=kind))
        return self.converted[key]

    def finish(self) -> None:
        """Outputs float32 under their own names, and only what is used."""
        for value in self.graph.output:
            if self.kinds[value.name] == HALF:
                half = f"{value.name}.float16"
                for node in self.nodes:
                    for names in (node.input, node.output):
                        for i, name in enumerate(names):
                            if name == value.name:
                                names[i] = half
                self.nodes.append(helper.make_node("Cast", [half], [value.name], to=FLOAT))
        used = {name for node in self.nodes for name in node.input}
        kept = [weight for weight in self.graph.initializer if weight.name in used]
        del self.graph.node[:], self.graph.initializer[:], self.graph.value_info[:]
        self.graph.node.extend(self.nodes)
        self.graph.initializer.extend(kept)


def _kinds(graph: onnx.GraphProto) -> list[tuple[onnx.NodeProto, int]]:
    """Every node, in order, with the precision it computes in."""
    readers: dict[str, list[int]] = defaultdict(list)
    for value in graph.output:
        readers[value.name].append(FLOAT)
    kinds = []
    for node in reversed(graph.node):
        wanted = {kind for name in node.output for kind in readers[name]}
        follows = node.op_type not in HEAVY_OPERATORS and wanted == {FLOAT}
        kind = FLOAT if node.op_type in FLOAT_OPERATORS or follows else HALF
        for name in node.input[: TYPED_INPUTS.get(node.op_type)]:
            readers[name].append(kind)
        kinds.append((node, kind))
    return kinds[::-1]
