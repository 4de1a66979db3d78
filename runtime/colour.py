"""Any Pillow image becomes opaque sRGB."""

import io
import logging

import numpy as np
from PIL import Image, ImageCms

from .errors import PhotoError

GREY_MODES = ("1", "L", "LA")
MODE_FROM_COLOUR_SPACE = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}

logger = logging.getLogger(__name__)


def srgb_from(image: Image.Image) -> Image.Image:
    """The image in sRGB, eight bits a channel, what is transparent replaced by white.

    The embedded colour profile is obeyed. One that is damaged, or made for another kind of
    image, is ignored as browsers do: the photo is then taken to be sRGB.
    """
    profile = image.info.get("icc_profile")
    if image.mode in ("I", "F"):
        raise PhotoError(
            f"images of mode {image.mode} have no agreed range; pass a uint8 array (H, W, 3)"
        )
    if image.mode.startswith("I;16"):
        image = _eight_bits_from_sixteen(image)
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if image.mode in GREY_MODES:
        image = image.convert("L")
    elif image.mode != "CMYK":
        image = image.convert("RGB")
    rgb = _rgb_from_profile(image, profile) if profile else image.convert("RGB")
    if alpha is None:
        return rgb
    white = Image.new("RGB", rgb.size, "white")
    white.paste(rgb, mask=alpha)
    return white


def _eight_bits_from_sixteen(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.uint32)
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _rgb_from_profile(image: Image.Image, icc: bytes) -> Image.Image:
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        mode = MODE_FROM_COLOUR_SPACE.get(profile.profile.xcolor_space.strip())
        if mode == "RGB" and image.mode == "L":
            image = image.convert("RGB")
        if mode == image.mode:
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
            if converted is not None:
                return converted
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        logger.warning("colour profile cannot be used, photo taken as sRGB: %s", error)
    return image.convert("RGB")
