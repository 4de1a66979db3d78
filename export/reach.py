"""How far a network sees, found by feeding it rows that are not numbers."""

import numpy as np
import torch

from stillwave.runtime.engine import factor_and_symbol, shape_at

from .graph import ExportError
from .networks import Network, Shape

FARTHEST = 128  # cells of the network's largest stride


def reach_rows(network: Network) -> int:
    """Rows at full size, beyond the edge of what is given, that spoil those within.

    Not-a-number passes through every sum, product and maximum: what is still a number saw none.
    """
    row = max(_rows(shape)[1] for shape in network.inputs.values())  # of full size in a cell
    cells = 4
    while cells <= FARTHEST:
        reach = max(_spoilt(network, cells, row, from_above) for from_above in (True, False))
        if reach < cells * row:
            return reach
        cells *= 2
    raise ExportError(f"{network.name} sees more than {FARTHEST * row} rows; it cannot be tiled")


def _spoilt(network: Network, cells: int, row: int, from_above: bool) -> int:
    """Of as many cells given and not given, the given rows in which some output is not a number."""
    sizes = {"h": 2 * cells, "w": 1}
    inputs = []
    for shape in network.inputs.values():
        axis, factor = _rows(shape)
        values = torch.zeros(shape_at(shape, sizes))
        values.narrow(axis, 0 if from_above else cells * factor, cells * factor).fill_(torch.nan)
        inputs.append(values)
    with torch.no_grad():
        outputs = network.module(*inputs)
    reach = 0
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    for values, shape in zip(outputs, network.outputs.values(), strict=True):
        axis, factor = _rows(shape)
        is_spoilt = np.isnan(values.numpy()).any(tuple(i for i in range(4) if i != axis))
        given = is_spoilt[cells * factor :] if from_above else is_spoilt[: cells * factor][::-1]
        reach = max(reach, (int(given.nonzero()[0].max()) + 1) * row // factor if given.any() else 0)
    return reach


def _rows(shape: Shape) -> tuple[int, int]:
    """The axis of rows, and how many rows a cell has."""
    for axis, dimension in enumerate(shape):
        if isinstance(dimension, str) and factor_and_symbol(dimension)[1] == "h":
            return axis, factor_and_symbol(dimension)[0]
    raise ValueError(f"no rows in {shape}")
