"""A memory plan as a picture: steps to the right, the arena's bytes downwards."""

import colorsys
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFont

from .memory import Buffer, Plan, format_bytes

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

WIDTH, HEIGHT = 1280, 720
LEFT, TOP, RIGHT, BOTTOM = 96, 72, 24, 24
FONT_SIZE = 15
INK, PAPER, GRID = (38, 42, 48), (255, 255, 255), (226, 229, 233)
GOLDEN_RATIO = 0.618034  # successive hues stay far apart


def plan_picture(plan: Plan) -> Image.Image:
    """Every buffer as a rectangle: as wide as it lives, as high as it is large."""
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(FONT_SIZE)
    num_steps = 1 + max((b.last_step for b in plan.buffers), default=0)
    step_width = (WIDTH - LEFT - RIGHT) / num_steps
    byte_height = (HEIGHT - TOP - BOTTOM) / max(plan.nbytes, 1)

    def x_at(step: int) -> float:
        return LEFT + step * step_width

    def y_at(offset: float) -> float:
        return TOP + offset * byte_height

    peak = format_bytes(plan.peak_live_bytes)
    title = f"arena {format_bytes(plan.nbytes)}, most in use at one step {peak}"
    draw.text((LEFT, 12), title, INK, font)
    _draw_axes(draw, font, plan, num_steps, x_at, y_at)
    for index, buffer in enumerate(sorted(plan.buffers, key=lambda b: plan.offsets[b.name])):
        top = plan.offsets[buffer.name]
        left, right = x_at(buffer.first_step) + 1, x_at(buffer.last_step + 1) - 1
        box = left, y_at(top), right, max(y_at(top) + 1, y_at(top + buffer.nbytes) - 1)
        _draw_buffer(draw, font, buffer, box, index)
    return image


def _draw_axes(
    draw: ImageDraw.ImageDraw,
    font: Font,
    plan: Plan,
    num_steps: int,
    x_at: Callable[[int], float],
    y_at: Callable[[float], float],
) -> None:
    for step in range(num_steps):
        draw.line((x_at(step), TOP, x_at(step), HEIGHT - BOTTOM), GRID)
        name = _shortened(draw, font, plan.step_name(step), x_at(1) - x_at(0) - 6)
        draw.text((x_at(step) + 3, TOP - FONT_SIZE - 6), name, INK, font)
    for tick in range(5):
        offset = plan.nbytes * tick / 4
        draw.line((LEFT, y_at(offset), WIDTH - RIGHT, y_at(offset)), GRID)
        draw.text((LEFT - 8, y_at(offset)), format_bytes(int(offset)), INK, font, anchor="rm")


def _draw_buffer(
    draw: ImageDraw.ImageDraw,
    font: Font,
    buffer: Buffer,
    box: tuple[float, float, float, float],
    index: int,
) -> None:
    left, top, right, bottom = box
    red, green, blue = colorsys.hls_to_rgb(index * GOLDEN_RATIO % 1, 0.78, 0.6)
    colour = round(255 * red), round(255 * green), round(255 * blue)
    draw.rectangle(box, fill=colour, outline=INK)
    if bottom - top > FONT_SIZE + 2:
        width, middle = right - left - 12, (left + 6, (top + bottom) / 2)
        label = f"{buffer.name}  {format_bytes(buffer.nbytes)}"
        if draw.textlength(label, font) > width:
            label = _shortened(draw, font, buffer.name, width)
        draw.text(middle, label, INK, font, anchor="lm")


def _shortened(draw: ImageDraw.ImageDraw, font: Font, text: str, width: float) -> str:
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(text + "…", font) > width:
        text = text[:-1]
    return text + "…" if text else ""
