"""How a scene moves, as still pictures: figures 2 and 5 of the paper for one's own photo."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from .contact_sheet import FONT_SIZE, INK, PAPER, Proof
from .motion_picture import colours_from_motion, farthest_time, motion_at, motion_map
from .photo import Pixels, resize
from .scene import Scene
from .spectrum import Float

MODES = 3
MARGIN = 36
BAR = (72, 120, 168)


def look(scene: Scene) -> list[Proof]:
    """Panels of the scene's size: photo, farthest motion, amplitude, a line over time, spectrum, modes."""
    volume, photo = scene.spectral_volume, scene.photo
    small = resize(photo, volume.shape[:1:-1])
    power = (volume[1:].astype(np.float64) ** 2).sum(1)  # (K-1, h, w)
    amplitude = np.sqrt(2 * power.sum(0))
    motion = motion_at(volume, farthest_time(volume, scene.num_frames), scene.num_frames)
    row = int(amplitude.max(1).argmax() * scene.size[1] / len(amplitude))
    panels = [
        ("photo, and the row of the slice", _with_row(photo, row)),
        ("farthest motion, hue is direction", _with_wheel(_map(small, motion, scene))),
        (f"amplitude, RMS up to {amplitude.max():.1f} px of {volume.shape[3]}", _heat(amplitude, scene)),
        ("X-t slice, time goes down", slice_over_time(scene, row)),
        ("power of each frequency, Hz", spectrum_picture(power, scene)),
    ]
    for k in 1 + np.argsort(-power.sum((1, 2)))[:MODES]:
        hertz = k * scene.fps / scene.num_frames
        panels.append((f"mode of {hertz:.1f} Hz", _map(small, mode_shape(volume[k]), scene)))
    return [Proof(label, (picture,)) for label, picture in panels]


def slice_over_time(scene: Scene, row: int) -> Pixels:
    """One row of the picture (paper figure 5) over one period, stretched to the frame's height."""
    out = np.empty_like(scene.photo)
    lines = [scene.frame(float(t), out, preview=True)[row].copy() for t in range(scene.num_frames)]
    return resize(np.stack(lines), scene.size)


def mode_shape(slice_: Float) -> Float:
    """A mode at the phase at which it is largest on the whole: (4, h, w) -> (h, w, 2) px."""
    xy = (slice_[0::2] + 1j * slice_[1::2]).transpose(1, 2, 0)
    phase = np.angle((xy**2).sum()) / 2
    shape: Float = (xy * np.exp(-1j * phase)).real.astype(np.float32)
    return shape


def spectrum_picture(power: npt.NDArray[np.float64], scene: Scene) -> Pixels:
    """Bars of the mean power (K-1, h, w) of every frequency, in decades below the strongest."""
    width, height = scene.size
    image = Image.new("RGB", (width, height), PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(FONT_SIZE * 2 // 3)
    margin = min(MARGIN, min(width, height) // 4)
    decades = np.log10(power.mean((1, 2)) / max(float(power.mean((1, 2)).max()), 1e-12) + 1e-3) / 3 + 1
    step = (width - 2 * margin) / len(power)
    bottom = height - margin
    for i, share in enumerate(decades):
        left = margin + i * step
        top = bottom - max(0.0, share) * (height - 2 * margin)
        draw.rectangle((left, top, left + step, bottom), BAR, outline=PAPER)
        if i % 2 == 0:
            hertz = (i + 1) * scene.fps / scene.num_frames
            draw.text((left + step / 2, bottom + 4), f"{hertz:.1f}", INK, font, anchor="mt")
    for decade in range(4):
        y = bottom - (1 - decade / 3) * (height - 2 * margin)
        draw.line((margin - 4, y, margin, y), INK)
        draw.text((margin - 6, y), f"1e-{decade}" if decade else "1", INK, font, anchor="rm")
    return np.asarray(image)


def _map(small: Pixels, motion: Float, scene: Scene) -> Pixels:
    farthest = float(np.percentile(np.linalg.norm(motion, axis=-1), 99))
    return resize(motion_map(small, motion, farthest), scene.size)


def _heat(amplitude: npt.NDArray[np.float64], scene: Scene) -> Pixels:
    """Black, red, yellow, white."""
    share = amplitude / max(float(amplitude.max()), 1e-9)
    heat = np.stack([(3 * share - i).clip(0, 1) for i in range(3)], 2)
    return resize(np.rint(255 * heat).astype(np.uint8), scene.size)


def _with_row(photo: Pixels, row: int) -> Pixels:
    marked = photo.copy()
    marked[row] = (255, 64, 64)
    return marked


def _with_wheel(picture: Pixels) -> Pixels:
    """The flow colour wheel in the lower left corner: what points there moves there."""
    radius = min(picture.shape[:2]) // 8
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float32)
    wheel = np.rint(255 * colours_from_motion(np.stack([x, y], 2), radius)).astype(np.uint8)
    picture = picture.copy()
    corner = picture[-2 * radius - 5 : -4, 4 : 2 * radius + 5]
    np.copyto(corner, wheel, where=(x**2 + y**2 <= radius**2)[..., None])
    return picture
