"""Eight-bit convolutions, stated in the graph: Q/DQ before each, calibrated, and only where they do little harm.

Scales are symmetric, one a channel of weights and one a tensor of activations, as TensorRT wants them.
Nothing is quantised behind a convolution: the sum goes on in the precision of the rest.
"""

import logging
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from stillwave.runtime.engine import Array

from .calibration import Sample

LEAST_CHANNELS = 16  # in and out; of fewer, and of one a group, tensor cores make nothing
SMALLEST_SCALE = 2.0**-14  # of float16's normal range, which scales are stored in

OPTIONS = {
    "ActivationSymmetric": True,
    "WeightSymmetric": True,
    "QuantizeBias": False,
    "DedicatedQDQPair": True,
    "OpTypesToExcludeOutputQuantization": ["Conv"],
}


def quantised(graph: onnx.ModelProto, samples: Sequence[Sample], floor_db: float) -> onnx.ModelProto:
    """The float32 graph with as many convolutions in int8 as keep its outputs within `floor_db` of float32.

    The error of each is measured alone, and those with the least come first.
    """
    graph = _named(graph)
    candidates = [node.name for node in graph.graph.node if _pays(graph, node)]
    if not candidates:
        return graph
    every = _every_quantised(graph, samples, candidates)
    checked = samples[len(samples) // 2 :][:1]  # where noise and signal are alike, of a denoiser's
    expected = outputs_of(graph, checked)

    def error_of(names: Iterable[str]) -> float:
        model = with_only(every, graph, set(names))
        return relative_error(expected, outputs_of(model, checked))

    most = 10 ** (-floor_db / 10)
    if all(_scale_is_normal(every, name) for name in candidates) and error_of(candidates) <= most:
        return every
    errors = {name: error_of([name]) for name in candidates if _scale_is_normal(every, name)}
    order = sorted(errors, key=lambda name: errors[name])
    count = bisect_right(range(len(order) + 1), False, key=lambda n: error_of(order[:n]) > most) - 1
    return with_only(every, graph, set(order[:count]))


def quantised_alone(graph: onnx.ModelProto, samples: Sequence[Sample], names: Iterable[str]) -> onnx.ModelProto:
    """The float32 graph with the named convolutions in int8, such as `convolutions_in_int8` tells of another form."""
    graph, wanted = _named(graph), set(names)
    return with_only(_every_quantised(graph, samples, sorted(wanted)), graph, wanted) if wanted else graph


def convolutions_in_int8(model: onnx.ModelProto) -> list[str]:
    """Names of the convolutions that read what a DequantizeLinear makes."""
    made = {output for node in model.graph.node if node.op_type == "DequantizeLinear" for output in node.output}
    return [node.name for node in model.graph.node if node.op_type == "Conv" and node.input[0] in made]


def with_only(every: onnx.ModelProto, graph: onnx.ModelProto, names: set[str]) -> onnx.ModelProto:
    """The quantised graph in which only the named convolutions are; the others are as in `graph`."""
    model = onnx.ModelProto.FromString(every.SerializeToString())
    plain = {node.name: node for node in graph.graph.node}
    for node in model.graph.node:
        if node.op_type == "Conv" and node.name not in names:
            node.input[:] = plain[node.name].input
    known = {weight.name for weight in model.graph.initializer}
    weights = [*model.graph.initializer, *(w for w in graph.graph.initializer if w.name not in known)]
    nodes = _read_nodes(model)
    read = {name for node in nodes for name in node.input}
    del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(weight for weight in weights if weight.name in read)
    onnx.checker.check_model(model, full_check=True)
    return model


def outputs_of(model: onnx.ModelProto, samples: Iterable[Sample]) -> list[list[Array]]:
    """What ONNX Runtime makes of each sample, on one thread, operator by operator: nothing is fused."""
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # it takes longer than a run
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [session.run(None, sample) for sample in samples]


def relative_error(expected: Sequence[Sequence[Array]], found: Sequence[Sequence[Array]]) -> float:
    """Power of the error over that of the signal; the worst output counts."""
    worst = 0.0
    for wants, gots in zip(zip(*expected, strict=True), zip(*found, strict=True), strict=True):
        error = sum(np.square(got.astype(np.float64) - want).sum() for want, got in zip(wants, gots, strict=True))
        signal = sum(np.square(want.astype(np.float64)).sum() for want in wants)
        worst = max(worst, float(error / signal))
    return worst


def _every_quantised(graph: onnx.ModelProto, samples: Sequence[Sample], names: list[str]) -> onnx.ModelProto:
    logging.getLogger().setLevel(max(logging.ERROR, logging.getLogger().level))  # it advises on other targets
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "quantised.onnx"
        quantize_static(
            onnx.ModelProto.FromString(graph.SerializeToString()),  # it changes what it is given
            file,
            _Samples(samples),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=names,
            calibrate_method=CalibrationMethod.MinMax,
            calibration_providers=["CPUExecutionProvider"],
            extra_options=OPTIONS,
        )
        model = onnx.load(file)
    del model.metadata_props[:]
    model.producer_name, model.producer_version = graph.producer_name, graph.producer_version
    return model


class _Samples(CalibrationDataReader):
    def __init__(self, samples: Iterable[Sample]):
        self.rest = iter(samples)

    def get_next(self) -> Sample | None:
        return next(self.rest, None)


def _named(graph: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which every node is named, after what it makes: that is how layers are chosen."""
    graph = onnx.ModelProto.FromString(graph.SerializeToString())
    for node in graph.graph.node:
        node.name = f"{node.op_type}.{node.output[0]}"
    return graph


def _pays(graph: onnx.ModelProto, node: onnx.NodeProto) -> bool:
    weight = next((w for w in graph.graph.initializer if node.op_type == "Conv" and w.name == node.input[1]), None)
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    return weight is not None and groups == 1 and min(weight.dims[:2]) >= LEAST_CHANNELS


def _scale_is_normal(model: onnx.ModelProto, name: str) -> bool:
    """Whether float16 holds the scales of a convolution's input and weights without losing digits."""
    made = {output: node for node in model.graph.node for output in node.output}
    weights = {w.name: w for w in model.graph.initializer}
    conv = next(node for node in model.graph.node if node.name == name)
    scales = [numpy_helper.to_array(weights[made[source].input[1]]) for source in conv.input[:2]]
    return min(float(scale.min()) for scale in scales) >= SMALLEST_SCALE


def _read_nodes(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes that some output depends on, in their order."""
    wanted = {value.name for value in model.graph.output}
    nodes = []
    for node in reversed(model.graph.node):
        if wanted & set(node.output):
            wanted.update(node.input)
            nodes.append(node)
    return nodes[::-1]
