"""How closely an exported network follows the PyTorch module it came from."""

from collections.abc import Mapping

import numpy as np
import torch

from stillwave.runtime.engine import engine_for

from .graph import ExportError
from .networks import Network

# Signal to error, dB: 20 dB is a decimal digit. float32 graphs reach 115 and more, networks stored
# with float16 weights 71 to 88, float16 arithmetic, on a CPU, 54 to 90. int8 has a floor for each
# network (conversion.py), chosen for what frames show of it.
FLOOR_DB = {"exact": 100.0, "fp32": 60.0, "fp16": 45.0}


def parity_db(network: Network, onnx_bytes: bytes, sizes: Mapping[str, int], backend: str = "cpu") -> float:
    """Signal-to-error ratio of an engine's outputs against PyTorch's; the worst output counts."""
    example = network.example(sizes)
    with torch.no_grad():
        expected = network.module(*example.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    with engine_for(backend, onnx_bytes, network.name, sizes=sizes, threads=1) as engine:
        inputs = {s.name: example[s.name].numpy() for s in engine.inputs}
        outputs = {s.name: np.empty(s.shape, s.dtype) for s in engine.outputs}
        engine.bind(**inputs, **outputs)
        engine.run()
    pairs = zip(expected, outputs.values(), strict=True)
    return min(signal_to_error_db(want.numpy(), found) for want, found in pairs)


def signal_to_error_db(expected: np.ndarray, actual: np.ndarray) -> float:
    error = np.square(actual.astype(np.float64) - expected).mean()
    signal = np.square(expected.astype(np.float64)).mean()
    return float(10 * np.log10(signal / error)) if error else float("inf")


def check_parity(network: Network, onnx_bytes: bytes, form: str, sizes: Mapping[str, int]) -> float:
    """The parity in dB, or `ExportError` where it is below the floor of that form."""
    found = parity_db(network, onnx_bytes, sizes)
    if not found >= FLOOR_DB[form]:  # nor when it is not a number
        raise ExportError(
            f"{network.name} ({form}): ONNX Runtime follows PyTorch to {found:.1f} dB, the floor is "
            f"{FLOOR_DB[form]:.0f} dB; see what its export changed"
        )
    return found
