"""Figures and contact sheet of the procedural scenes: python -m stillwave.model.scenes --help."""

from __future__ import annotations

import argparse
import time

import cv2
import numpy as np
from numpy.typing import NDArray

from .kinds import KINDS
from .scene import Scene
from .stats import statistics, table

Pixels = NDArray[np.uint8]
COLUMNS = 6
TILE = (160, 100)


def motion_map(volume: NDArray[np.float32]) -> Pixels:
    """RMS amplitude as a picture (h, w, 3) uint8, BGR: black 0, white 2 px or more."""
    amplitude = np.sqrt(2 * np.square(volume[1:]).sum((0, 1)))
    return cv2.applyColorMap(np.clip(amplitude * 127, 0, 255).astype(np.uint8), cv2.COLORMAP_INFERNO)


def tile(scene: Scene) -> Pixels:
    """Photo over its motion map, labelled."""
    photo = cv2.resize(scene.photo()[..., ::-1], TILE, interpolation=cv2.INTER_AREA)
    both = np.vstack([photo, cv2.resize(motion_map(scene.spectral_volume()), TILE)])
    label = f"{scene.kind} {scene.seed}"
    return cv2.putText(both, label, (4, TILE[1] + 12), cv2.FONT_HERSHEY_PLAIN, 0.8, (255,) * 3, 1)


def sheet(path: str, seed: int, rows: int, kind: str | None) -> None:
    """Write a contact sheet: kinds in turn unless one is given."""
    names = [kind] if kind else list(KINDS)
    count = rows * COLUMNS
    tiles = [tile(Scene.random(seed + i, kind=names[i % len(names)])) for i in range(count)]
    lines = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, count, COLUMNS)]
    cv2.imwrite(path, np.vstack(lines))


def main() -> None:
    parser = argparse.ArgumentParser(prog="stillwave.model.scenes", description=__doc__)
    parser.add_argument("--stats", type=int, metavar="N", help="figures of N scenes and the clips'")
    parser.add_argument("--sheet", metavar="OUT.png", help="contact sheet: photos and motion maps")
    parser.add_argument("--rows", type=int, default=5, help="rows of the sheet (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="first seed (default 0)")
    parser.add_argument("--kind", choices=list(KINDS), help="only this kind of scene")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.stats:
        seeds = range(options.seed, options.seed + options.stats)
        start = time.process_time()
        volumes = [Scene.random(s, kind=options.kind).spectral_volume() for s in seeds]
        taken = (time.process_time() - start) / options.stats
        print(table(statistics(volumes)), f"seconds a scene         {taken:9.3f}", sep="\n")
    if options.sheet:
        sheet(options.sheet, options.seed, options.rows, options.kind)


if __name__ == "__main__":
    main()
