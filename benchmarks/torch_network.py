"""A bundle's network in PyTorch, from its ONNX file: what frames are made with where no other engine runs."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as functional
from onnx import numpy_helper

from stillwave.runtime.signature import signature

TYPES = {1: torch.float32, 7: torch.int64, 9: torch.bool, 10: torch.float16, 6: torch.int32}


class TorchNetwork:
    """Calls the graph's nodes one by one, on the device its weights are on."""

    def __init__(self, network: bytes, device: str) -> None:
        graph = onnx.load_from_string(network).graph
        self.nodes = [node for node in graph.node if node.op_type != "Constant"]
        self.outputs = [value.name for value in graph.output]
        fixed = {w.name: w for w in graph.initializer}
        fixed |= {n.output[0]: n.attribute[0].t for n in graph.node if n.op_type == "Constant"}
        of_shapes = {name for node in self.nodes if node.op_type == "Resize" for name in node.input[1:]}
        self.weights = {}
        for name, values in fixed.items():
            tensor = torch.from_numpy(np.array(numpy_helper.to_array(values)))
            # what tells shapes stays with the processor, so that no node has to wait for the device
            is_of_shapes = tensor.dtype == torch.int64 or name in of_shapes
            self.weights[name] = tensor if is_of_shapes else tensor.to(device)
        self.attributes = [{a.name: onnx.helper.get_attribute_value(a) for a in node.attribute} for node in self.nodes]

    @torch.inference_mode()
    def __call__(
        self, inputs: Mapping[str, torch.Tensor], seen: Callable[[Any, list[Any], Any], None] | None = None
    ) -> dict[str, torch.Tensor]:
        """`seen` is told every node with what went in and came out."""
        values = {**self.weights, **inputs, "": None}
        for node, attributes in zip(self.nodes, self.attributes, strict=True):
            read = [values[name] for name in node.input]
            made = OPERATIONS[node.op_type](*read, **attributes)
            if seen is not None:
                seen(node, read, made)
            if isinstance(made, torch.Tensor):
                values[node.output[0]] = made
            else:
                values.update(zip(node.output, made, strict=True))
        return {name: values[name] for name in self.outputs}


class TorchEngine:
    """The contract of runtime/device/contract.py's DeviceEngine. Memory is torch's own, beside the block.

    is_graph  its nodes are a graph of torch's own for each set of addresses, launched in the caller's stream
    """

    workspace_bytes, is_capturable = 0, False

    def __init__(self, network: bytes, name: str, sizes: Mapping[str, int], is_graph: bool) -> None:
        self.inputs, self.outputs = signature(network, name, sizes)
        self._network: TorchNetwork | None = TorchNetwork(network, "cuda")
        self._is_graph, self._graphs = is_graph, dict[tuple[int, ...], Any]()

    def bind(self, workspace: int, **addresses: int) -> None:
        self._at = tuple(addresses[spec.name] for spec in self.inputs + self.outputs)
        self._bound = {spec.name: _at(addresses[spec.name], spec) for spec in self.inputs + self.outputs}

    def enqueue(self, stream: Any) -> None:
        with torch.cuda.stream(torch.cuda.ExternalStream(stream.handle)):
            if not self._is_graph:
                self._run()
                return
            if self._at not in self._graphs:
                self._graphs[self._at] = self._captured()
            self._graphs[self._at].replay()

    def _captured(self) -> Any:
        """Of nodes that ran before, since libraries set themselves up at their first run."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):
                self._run()
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        with torch.cuda.graph(graph, stream=side):
            self._run()
        torch.cuda.synchronize()
        return graph

    def _run(self) -> None:
        assert self._network is not None
        made = self._network({spec.name: self._bound[spec.name] for spec in self.inputs})
        for name, values in made.items():
            self._bound[name].copy_(values)

    def close(self) -> None:
        self._network, self._bound = None, {}
        self._graphs.clear()


class TorchEngines:
    """In the place of runtime/device/engines.py."""

    def __init__(self, backend: str, device: Any, stream: Any, memory_limit: int = 0, is_graph: bool = False) -> None:
        torch.cuda.init()
        self.is_graph = is_graph

    def open(self, network: bytes, name: str, sizes: Mapping[str, int], precision: str, profile: Any) -> TorchEngine:
        return TorchEngine(network, name, sizes, self.is_graph)


class _Memory:
    def __init__(self, address: int, shape: tuple[int, ...], dtype: str) -> None:
        typestr = np.dtype(dtype).str
        self.__cuda_array_interface__ = {"shape": shape, "typestr": typestr, "data": (address, False), "version": 3}


def _at(address: int, spec: Any) -> torch.Tensor:
    return torch.as_tensor(_Memory(address, spec.shape, spec.dtype), device="cuda")


def _conv(x: Any, weight: Any, bias: Any = None, *, strides: Any = (1, 1), pads: Any = (0,) * 4, **rest: Any) -> Any:
    if tuple(pads[:2]) != tuple(pads[2:]):
        x, pads = functional.pad(x, (pads[1], pads[3], pads[0], pads[2])), (0, 0)
    dilations, group = rest.get("dilations", (1, 1)), rest.get("group", 1)
    return functional.conv2d(x, weight, bias, tuple(strides), tuple(pads[:2]), tuple(dilations), group)


def _slice(x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    axes = range(len(starts)) if axes is None else axes.tolist()
    steps = [1] * len(starts) if steps is None else steps.tolist()
    index = [slice(None)] * x.dim()
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps, strict=True):
        index[axis] = slice(start, min(end, 2**31), step)
    return x[tuple(index)]


def _resize(x: Any, roi: Any = None, scales: Any = None, sizes: Any = None, **rest: Any) -> Any:
    size = [int(n) for n in (sizes if sizes is not None and sizes.numel() else x.shape * scales.numpy())][2:]
    if rest["mode"] == b"nearest":
        return functional.interpolate(x, size, mode="nearest")
    is_aligned = rest.get("coordinate_transformation_mode") == b"align_corners"
    return functional.interpolate(x, size, mode="bilinear", align_corners=is_aligned)


def _reshape(x: Any, shape: Any, allowzero: int = 0) -> Any:
    return x.reshape([x.shape[i] if n == 0 and not allowzero else n for i, n in enumerate(shape.tolist())])


def _axes(axes: Any) -> Any:
    return axes.tolist() if isinstance(axes, torch.Tensor) else axes


def _reduced(name: str) -> Any:
    def reduce(x: Any, axes: Any = None, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Any:
        return getattr(x, name)(_axes(axes), keepdim=bool(keepdims))

    return reduce


def _split(x: Any, split: Any = None, axis: int = 0, num_outputs: int = 0) -> Any:
    return x.split(split.tolist() if split is not None else -(-x.shape[axis] // num_outputs), axis)


def _norm_instances(x: Any, scale: Any, bias: Any, epsilon: float = 1e-5) -> Any:
    return functional.instance_norm(x, weight=scale, bias=bias, eps=epsilon)


def _norm_layer(x: Any, scale: Any, bias: Any = None, axis: int = -1, epsilon: float = 1e-5, **rest: Any) -> Any:
    return functional.layer_norm(x, x.shape[axis:], scale, bias, epsilon)


def _gemm(a: Any, b: Any, c: Any = None, *, alpha: float = 1.0, beta: float = 1.0, **transposed: int) -> Any:
    a, b = a.T if transposed.get("transA") else a, b.T if transposed.get("transB") else b
    return alpha * (a @ b) if c is None else alpha * (a @ b) + beta * c


def _unsqueeze(x: Any, axes: Any) -> Any:
    for axis in sorted(axes.tolist()):
        x = x.unsqueeze(axis)
    return x


def _depth_to_space(x: Any, blocksize: int, mode: bytes = b"DCR") -> Any:
    if mode == b"CRD":
        return functional.pixel_shuffle(x, blocksize)
    n, c, h, w = x.shape
    parts = x.reshape(n, blocksize, blocksize, c // blocksize**2, h, w)
    return parts.permute(0, 3, 4, 1, 5, 2).reshape(n, c // blocksize**2, h * blocksize, w * blocksize)


def _pool(x: Any, kernel_shape: Any, strides: Any = None, pads: Any = (0, 0, 0, 0), **rest: Any) -> Any:
    is_padded = bool(rest.get("count_include_pad", 0))
    return functional.avg_pool2d(x, kernel_shape, strides, tuple(pads[:2]), bool(rest.get("ceil_mode", 0)), is_padded)


def _shape(x: Any, start: int = 0, end: int | None = None) -> Any:
    return torch.tensor(x.shape[start:end])


def _expand(x: Any, shape: Any) -> Any:
    return x.expand(torch.broadcast_shapes(x.shape, tuple(shape.tolist())))


OPERATIONS: dict[str, Any] = {
    "Add": torch.add,
    "AveragePool": _pool,
    "Cast": lambda x, to, saturate=1: x.to(TYPES[to]),
    "Clip": lambda x, low=None, high=None: torch.clamp(x, low, high),
    "Concat": lambda *x, axis: torch.cat(x, axis),
    "Conv": _conv,
    "Cos": torch.cos,
    "DepthToSpace": _depth_to_space,
    "Div": lambda a, b: torch.div(a, b, rounding_mode=None if a.is_floating_point() else "trunc"),
    "Exp": torch.exp,
    "Expand": _expand,
    "Gemm": _gemm,
    "InstanceNormalization": _norm_instances,
    "LayerNormalization": _norm_layer,
    "LeakyRelu": lambda x, alpha=0.01: functional.leaky_relu(x, alpha),
    "MatMul": torch.matmul,
    "Mul": torch.mul,
    "Pow": torch.pow,
    "ReduceMean": _reduced("mean"),
    "ReduceSum": _reduced("sum"),
    "Relu": torch.relu,
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _shape,
    "Sigmoid": torch.sigmoid,
    "Sin": torch.sin,
    "Slice": _slice,
    "Softmax": lambda x, axis=-1: torch.softmax(x, axis),
    "Split": _split,
    "Sqrt": torch.sqrt,
    "Squeeze": lambda x, axes=None: x.squeeze(tuple(axes.tolist())) if axes is not None else x.squeeze(),
    "Sub": torch.sub,
    "Transpose": lambda x, perm: x.permute(perm),
    "Unsqueeze": _unsqueeze,
}
