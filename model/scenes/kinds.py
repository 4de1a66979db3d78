"""Which scenes there are, and how often."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .animals import animal
from .branches import branches
from .candles import candles
from .flowers import flowers
from .grass import meadow
from .hung import flag, hung
from .leaves import leaf_wall
from .objects import clutter, objects
from .potted import pot_plant
from .stage import Stage
from .strands import strands
from .texture import Size
from .trees import tree
from .water import water_plants

Build = Callable[[Stage], None]

KINDS: dict[str, tuple[Build, float]] = {
    "tree": (tree, 1.3),
    "leaves": (leaf_wall, 2.0),
    "flowers": (flowers, 2.0),
    "branches": (branches, 1.5),
    "meadow": (meadow, 1.0),
    "hung": (hung, 1.5),
    "flag": (flag, 0.3),
    "candles": (candles, 0.9),
    "potted": (pot_plant, 0.9),
    "water": (water_plants, 0.5),
    "strands": (strands, 0.3),
    "animal": (animal, 0.3),
    "still": (objects, 1.1),
}

CLUTTERED = ("tree", "meadow", "flag", "hung", "potted", "water", "animal", "still")


def build(seed: int, size: Size, kind: str | None) -> tuple[Stage, str]:
    """The stage of a seed, set, and its kind (drawn unless given)."""
    rng = np.random.default_rng(seed)
    names = list(KINDS)
    share = np.array([weight for _, weight in KINDS.values()])
    drawn = names[rng.choice(len(names), p=share / share.sum())]
    kind = kind or drawn
    if kind not in KINDS:
        raise ValueError(f"no scene kind {kind!r}; choose one of {', '.join(names)}")
    stage = Stage(rng, size)
    KINDS[kind][0](stage)
    if kind in CLUTTERED and rng.random() < 0.35:
        clutter(stage, indoors=kind in ("potted", "animal", "still"))
    return stage, kind
