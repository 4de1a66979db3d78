"""Learning curves of a run as one picture: every loss and part of it, of every stage, over the steps.

`stillwave train curves RUN -o curves.png`
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stillwave.runtime.contact_sheet import INK, PAPER
from stillwave.runtime.errors import StillwaveError
from stillwave.runtime.output import atomic_output

PANEL, MARGIN, COLUMNS = (360, 220), 44, 4
RAW, SMOOTH = (190, 205, 222), (40, 92, 160)
WINDOW = 0.04  # of a curve, that a point of the smooth one is the mean of


class LogError(StillwaveError):
    """A training log that can't be drawn."""

    exit_code = 3


def read_log(path: Path) -> dict[str, np.ndarray]:
    """Columns of a stage's log by name, (N,) each."""
    with path.open(newline="") as file:
        head, *rows = csv.reader(file)
    try:
        values = np.array(rows, float)
    except ValueError as error:
        raise LogError(f"{path} is damaged: {error}; delete the line, or the file") from error
    if not len(values):
        raise LogError(f"{path} has no steps yet; train longer")
    return dict(zip(head, values.T, strict=True))


def smoothed(values: np.ndarray) -> np.ndarray:
    """Mean of what is around each point; fewer at the ends."""
    kernel = np.ones(max(1, int(WINDOW * len(values))) | 1)
    return np.convolve(values, kernel, "same") / np.convolve(np.ones_like(values), kernel, "same")


def draw_panel(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    title: str,
    x: np.ndarray,
    y: np.ndarray,
    is_log_across: bool = False,
    limits: tuple[float, float] | None = None,
) -> None:
    """One curve, its middle 98 % filling the panel if there are no limits, logarithmic where it spans a decade."""
    font = ImageFont.load_default(12)
    left, top = corner[0] + MARGIN, corner[1] + 24
    width, height = PANEL[0] - MARGIN - 12, PANEL[1] - 48
    is_log = not limits and y.min() > 0 and np.percentile(y, 99) > 10 * np.percentile(y, 1)
    scaled = np.log10(y) if is_log else y
    low, high = limits or np.percentile(scaled, [1, 99])
    span = max(high - low, 1e-9)
    draw.text((left, corner[1] + 4), f"{title}: {smoothed(y)[-1]:.4g}", INK, font)
    for value in (low, high):
        at = top + height * (1 - (value - low) / span)
        draw.text((left - 4, at), f"{10**value if is_log else value:.3g}", INK, font, anchor="rm")
    draw.rectangle((left, top, left + width, top + height), outline=(220, 224, 230))
    draw.text((left, top + height + 4), f"{x[0]:.0f}", INK, font)
    draw.text((left + width, top + height + 4), f"{x[-1]:.0f} steps", INK, font, anchor="ra")
    along = np.log(x) if is_log_across else x
    across = left + width * (along - along[0]) / max(along[-1] - along[0], 1)
    for curve, colour in ((scaled, RAW), (smoothed(scaled), SMOOTH)):
        down = top + height * (1 - np.clip((curve - low) / span, 0, 1))
        draw.line(list(zip(across.tolist(), down.tolist(), strict=True)), colour, 1 if colour == RAW else 2)


def curves(logs: dict[str, dict[str, np.ndarray]]) -> Image.Image:
    """A row of panels for each stage."""
    rows = []
    for stage, log in logs.items():
        names = [name for name in log if name not in ("step", "seconds")]
        for i in range(0, len(names), COLUMNS):
            rows.append([(f"{stage} {name}", log["step"], log[name]) for name in names[i : i + COLUMNS]])
    image = Image.new("RGB", (COLUMNS * PANEL[0], len(rows) * PANEL[1]), PAPER)
    draw = ImageDraw.Draw(image)
    for j, row in enumerate(rows):
        for i, (title, x, y) in enumerate(row):
            draw_panel(draw, (i * PANEL[0], j * PANEL[1]), title, x, y)
    return image


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="stillwave train curves", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="PNG")
    args = parser.parse_args(arguments)
    logs = {path.stem: read_log(path) for path in sorted(args.run.glob("*.csv"))}
    if not logs:
        raise LogError(f"{args.run}: no logs of training in it; name the folder given as --run")
    with atomic_output(args.output) as partial:
        curves(logs).save(partial, "PNG")


if __name__ == "__main__":
    main()
