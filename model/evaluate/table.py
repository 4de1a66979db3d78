"""Rows of numbers as text."""

import numpy as np


def print_table(rows: dict[str, dict[str, float]]) -> None:
    """One line a row, then their mean."""
    columns = list(next(iter(rows.values())))
    print(f"{'':<22}" + "".join(f"{c:>16}" for c in columns))
    mean = {c: float(np.nanmean([row[c] for row in rows.values()])) for c in columns}
    for name, row in [*rows.items(), ("mean", mean)]:
        print(f"{name:<22}" + "".join(f"{row[c]:16.3f}" for c in columns))
