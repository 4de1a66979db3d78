"""Which scenes there are, how often, and how strongly they move."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .candles import candles
from .flowers import flowers
from .hung import hung
from .leaves import leaf_wall
from .objects import objects
from .scene import Scene, Stage
from .texture import Size
from .trees import tree

Build = Callable[[Stage], None]

KINDS: dict[str, tuple[Build, float]] = {
    "tree": (tree, 1.0),
    "leaves": (leaf_wall, 1.0),
    "flowers": (flowers, 1.0),
    "hung": (hung, 1.0),
    "candles": (candles, 0.6),
    "still": (objects, 0.35),
}


def build(seed: int, size: Size, kind: str | None) -> Scene:
    """The scene of a seed."""
    rng = np.random.default_rng(seed)
    names = list(KINDS)
    share = np.array([weight for _, weight in KINDS.values()])
    drawn = names[rng.choice(len(names), p=share / share.sum())]
    kind = kind or drawn
    if kind not in KINDS:
        raise ValueError(f"no scene kind {kind!r}; choose one of {', '.join(names)}")
    stage = Stage(rng, size)
    KINDS[kind][0](stage)
    _set_amplitude(stage)
    return Scene(stage, seed, kind)


def _set_amplitude(stage: Stage) -> None:
    """Scale all motion so that the faster things move as far as in the development clips."""
    strength = []
    for sprite in stage.sprites:
        total = np.abs(sprite.coefs[:4].sum(0)) if sprite.coefs.any() else np.zeros((2, 15))
        area = sprite.length**2
        if total.any():
            strength.append((float(np.sqrt(2 * (total**2).sum())), area))
    if not strength:
        return
    moves, areas = np.array(strength).T
    order = np.argsort(moves)
    reach = moves[order][np.searchsorted(np.cumsum(areas[order]), 0.9 * areas.sum())]
    wanted = np.exp(stage.rng.normal(np.log(1.0), 0.7)) * stage.size[0] / 256
    for sprite in stage.sprites:
        sprite.coefs = (sprite.coefs * (wanted / reach)).astype(np.complex64)
