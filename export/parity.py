"""How closely an exported network follows the PyTorch module it came from."""

from collections.abc import Mapping

import numpy as np
import torch

from stillwave.runtime.engine import engine_for, shape_at

from .graph import ExportError
from .networks import Network

FLOOR_DB = {"fp32": 90.0, "stored": 50.0, "fp16": 40.0}  # signal to error; 20 dB is one decimal


def parity_db(network: Network, onnx_bytes: bytes, sizes: Mapping[str, int]) -> float:
    """Signal-to-error ratio in dB of ONNX Runtime's outputs against PyTorch's; the worst output counts."""
    example = network.example(sizes)
    with torch.no_grad():
        expected = network.module(*example.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    with engine_for("cpu", onnx_bytes, network.name, threads=1) as engine:
        inputs = {s.name: example[s.name].numpy().astype(s.dtype) for s in engine.inputs}
        outputs = {s.name: np.empty(shape_at(s.shape, sizes), s.dtype) for s in engine.outputs}
        engine.bind(**inputs, **outputs)
        engine.run()
    return min(
        signal_to_error_db(want.numpy(), outputs[n])
        for n, want in zip(outputs, expected, strict=True)
    )


def signal_to_error_db(expected: np.ndarray, actual: np.ndarray) -> float:
    error = np.square(actual.astype(np.float64) - expected).mean()
    signal = np.square(expected.astype(np.float64)).mean()
    return float("inf") if error == 0 else float(10 * np.log10(max(signal, 1e-30) / error))


def check_parity(network: Network, onnx_bytes: bytes, form: str, sizes: Mapping[str, int]) -> float:
    """The parity in dB, or `ExportError` where it is below the floor of that form."""
    found = parity_db(network, onnx_bytes, sizes)
    if not found >= FLOOR_DB[form]:
        raise ExportError(
            f"{network.name} ({form}): parity with PyTorch is {found:.1f} dB, the floor is {FLOOR_DB[form]:.0f} dB; not exported"
        )
    return found
