"""Half precision: weights stored as float16 and cast when loaded, for CPUs."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALLEST_STORED = 256  # values; biases and gains below this stay float32


def stored_as_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same float32 graph with its large weights stored as float16, a Cast behind each.

    Engines fold the casts when they load, so arithmetic and speed are those of float32.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < SMALLEST_STORED:
            continue
        name = weight.name
        half = numpy_helper.to_array(weight).astype(np.float16)
        weight.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [weight.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
