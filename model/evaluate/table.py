"""Rows of numbers as text."""

import numpy as np

Row = dict[str, float]


def mean_row(rows: list[Row]) -> Row:
    """Mean of each measure over the rows that have it."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    found = {key: [row[key] for row in rows if key in row and not np.isnan(row[key])] for key in keys}
    return {key: float(np.mean(values)) if values else float("nan") for key, values in found.items()}


def print_table(rows: dict[str, Row], with_mean: bool = True) -> None:
    """One line a row, then their mean."""
    columns = list(next(iter(rows.values())))
    print(f"{'':<22}" + "".join(f"{c:>16}" for c in columns))
    shown = [*rows.items(), *([("mean", mean_row(list(rows.values())))] if with_mean else [])]
    for name, row in shown:
        print(f"{name:<22}" + "".join(f"{row[c]:16.3f}" for c in columns))
