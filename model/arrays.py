"""Files of arrays in a folder that several processes fill and read at once."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt


def write_arrays(path: Path, **arrays: npt.ArrayLike) -> None:
    """`path`.npz, whole as soon as it has that name; two may write the same one."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)
    unfinished.replace(path)
