"""Inputs and outputs of a network, read from its ONNX bytes: the same for every backend.

Backends differ in what they tell: OpenVINO drops the symbols of shapes. This reads the few fields
of the protobuf that name them, and skips everything else.
"""

from collections.abc import Iterator, Mapping

from .engine import Dimension, TensorSpec, factor_and_symbol
from .errors import BundleError

Specs = tuple[TensorSpec, ...]
Fields = Iterator[tuple[int, int, memoryview]]

DTYPES = {1: "float32", 7: "int64", 10: "float16"}  # onnx.TensorProto.DataType
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # protobuf wire types
GRAPH, INPUT, OUTPUT = 7, 11, 12  # of ModelProto, GraphProto, GraphProto


def signature(network: bytes, name: str, sizes: Mapping[str, int]) -> tuple[Specs, Specs]:
    """Inputs and outputs of the network; `sizes` replaces the symbols it knows."""
    try:
        graph = _child(memoryview(network), GRAPH)
        inputs = tuple(_spec(value, sizes) for value in _children(graph, INPUT))
        outputs = tuple(_spec(value, sizes) for value in _children(graph, OUTPUT))
    except (IndexError, KeyError, ValueError) as error:
        raise BundleError(f"{name}: these {len(network):,} bytes are no ONNX network") from error
    return inputs, outputs


def _spec(value: memoryview, sizes: Mapping[str, int]) -> TensorSpec:
    """Of a ValueInfoProto: name 1, type 2; its tensor type 1: elem_type 1, shape 2, its dims 1."""
    tensor = _child(_child(value, 2), 1)
    dtype = next((number for field, number, _ in _fields(tensor) if field == 1), 0)
    shape = tuple(_dimension(dim, sizes) for dim in _children(_child(tensor, 2), 1))
    return TensorSpec(_text(_child(value, 1)), DTYPES[dtype], shape)


def _dimension(dim: memoryview, sizes: Mapping[str, int]) -> Dimension:
    """Of a Dimension: dim_value 1 or dim_param 2."""
    for field, number, _ in _fields(dim):
        if field == 1:
            return number
    text = _text(_child(dim, 2))
    factor, symbol = factor_and_symbol(text)
    return factor * sizes[symbol] if symbol in sizes else text


def _text(content: memoryview) -> str:
    return bytes(content).decode()


def _child(message: memoryview, wanted: int) -> memoryview:
    for content in _children(message, wanted):
        return content
    raise ValueError(f"no field {wanted}")


def _children(message: memoryview, wanted: int) -> Iterator[memoryview]:
    return (content for field, _, content in _fields(message) if field == wanted)


def _fields(message: memoryview) -> Fields:
    """Number, integer value and bytes of each field of a protobuf message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, start = 0, at
        if key & 7 == VARINT:
            number, at = _varint(message, at)
        elif key & 7 == BYTES:
            length, start = _varint(message, at)
            at = start + length
        elif key & 7 in (FIXED64, FIXED32):
            at += 8 if key & 7 == FIXED64 else 4
        else:
            raise ValueError(f"wire type {key & 7}")
        if at > len(message):
            raise ValueError("the message ends within a field")
        yield key >> 3, number, message[start:at]


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number at `at`, seven bits a byte, and where it ends."""
    number = 0
    for shift in range(0, 70, 7):
        number |= (message[at] & 127) << shift
        at += 1
        if message[at - 1] < 128:
            return number, at
    raise ValueError("a number of more than ten bytes")
