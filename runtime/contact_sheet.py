"""Several motions of one photo side by side, to choose from."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Pixels = npt.NDArray[np.uint8]

GAP, LABEL, FONT_SIZE, MOST_COLUMNS = 8, 26, 16, 4
INK, PAPER = (38, 42, 48), (255, 255, 255)


@dataclass(frozen=True)
class Proof:
    """One motion: pictures of the same size under each other, and what to call it."""

    label: str
    pictures: tuple[Pixels, ...]


def contact_sheet(proofs: list[Proof]) -> Image.Image:
    """All proofs in a grid, about twice as wide as high."""
    height, width = proofs[0].pictures[0].shape[:2]
    tall = LABEL + len(proofs[0].pictures) * (height + GAP)
    columns = min(len(proofs), MOST_COLUMNS, max(1, math.ceil(math.sqrt(2 * len(proofs) * tall / width))))
    rows = math.ceil(len(proofs) / columns)
    sheet = Image.new("RGB", (GAP + columns * (width + GAP), GAP + rows * (tall + GAP)), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE)
    for i, proof in enumerate(proofs):
        left, top = GAP + i % columns * (width + GAP), GAP + i // columns * (tall + GAP)
        draw.text((left, top + 2), proof.label, INK, font)
        for j, picture in enumerate(proof.pictures):
            sheet.paste(Image.fromarray(picture), (left, top + LABEL + j * (height + GAP)))
    return sheet
