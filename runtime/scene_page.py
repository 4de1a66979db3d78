"""A photo and its motion as one HTML file that is touched in a browser: no server, no network.

The file's parts lie in `page/`; here they are put together, with a policy that lets the browser run
them by their hashes, show the photo, and load nothing.
"""

import base64
import hashlib
import html
import io
import json
import re
import zlib
from importlib.resources import files

import numpy as np
import numpy.typing as npt
from PIL import Image

from .photo import Pixels
from .spectrum import REFERENCE_SIDE, Float, resize_volume

SCRIPTS = ("volume.js", "dynamics.js", "picture.js", "touch.js", "scene.js")
SHADERS = ("modes.vert", "modes.frag", "mesh.vert", "mesh.frag")
JPEG_QUALITY = 90


def html_from_motion(
    photo: Pixels, spectral_volume: Float, num_frames: int, fps: float, title: str = "stillwave"
) -> str:
    """The page.

    photo            (H, W, 3) uint8
    spectral_volume  (K, 4, h, w) float32, px of its grid over the whole photo
    """
    volume, scales = quantised(_within_reference(spectral_volume))
    _, rows, columns, _ = volume.shape
    facts = {
        "size": [photo.shape[1], photo.shape[0]],
        "grid": [columns, rows],
        "scales": [float(f"{scale:.6g}") for scale in scales],
        "period": num_frames / fps,
    }
    style, script = page_part("scene.css"), "\n".join(map(page_part, SCRIPTS))
    return filled(
        page_part("scene.html"),
        {
            "policy": _policy(style, script),
            "title": html.escape(title),
            "style": style,
            "script": script,
            "scene": json.dumps(facts),
            "photo": _base64(_jpeg(photo)),
            "volume": _base64(packed(volume)),
            **{name: page_part(name) for name in SHADERS},
        },
    )


def quantised(spectral_volume: Float) -> tuple[npt.NDArray[np.int8], Float]:
    """Eight bits a coefficient of k = 1..K-1, in the order a texture wants: S_k = volume * scale / 127.

    returns  (K-1, h, w, 4) int8, and scales (K-1,) px
    """
    modes = spectral_volume[1:].transpose(0, 2, 3, 1)
    scales = np.abs(modes).max((1, 2, 3), initial=0).astype(np.float32)
    ratio = modes * (127 / np.maximum(scales, 1e-12))[:, None, None, None]
    return np.rint(ratio).astype(np.int8), scales


def packed(volume: npt.NDArray[np.int8]) -> bytes:
    """Deflated differences along rows, modulo 256: a fifteenth of the bytes, as neighbours move alike."""
    unsigned = volume.view(np.uint8)
    return zlib.compress(np.diff(unsigned, axis=2, prepend=np.zeros_like(unsigned[:, :, :1])).tobytes(), 9)


def page_part(name: str) -> str:
    return (files(__package__) / "page" / name).read_text(encoding="utf-8")


def filled(template: str, values: dict[str, str]) -> str:
    """Every {{name}} replaced, in one pass: what is put in is not looked at again."""
    return re.sub(r"\{\{([\w.]+)\}\}", lambda match: values[match[1]], template)


def _within_reference(spectral_volume: Float) -> Float:
    """The motion on a grid of at most REFERENCE_SIDE cells: it is smooth, and finer costs without showing."""
    height, width = spectral_volume.shape[2:]
    scale = min(1.0, REFERENCE_SIDE / max(height, width))
    return resize_volume(spectral_volume, max(2, round(height * scale)), max(2, round(width * scale)))


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{_base64(hashlib.sha256(text.encode()).digest())}"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _jpeg(photo: Pixels) -> bytes:
    content = io.BytesIO()
    Image.fromarray(photo).save(content, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return content.getvalue()
