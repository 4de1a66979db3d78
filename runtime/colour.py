"""Any Pillow image becomes opaque sRGB, a strip at a time."""

import io
import logging

import numpy as np
from PIL import Image, ImageCms

from .errors import PhotoError

GREY_MODES = ("1", "L", "LA")
MODE_FROM_COLOUR_SPACE = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}

logger = logging.getLogger(__name__)


class SrgbConverter:
    """Parts of one image in sRGB, eight bits a channel, what is transparent replaced by white.

    The embedded colour profile is obeyed. One that is damaged, or made for another kind of
    image, is ignored as browsers do: the photo is then taken to be sRGB.
    """

    def __init__(self, image: Image.Image):
        if image.mode in ("I", "F"):
            raise PhotoError(
                f"images of mode {image.mode} have no agreed range; pass a uint8 array (H, W, 3)"
            )
        is_grey = image.mode in GREY_MODES or image.mode.startswith("I;16")
        self.mode = "L" if is_grey else "CMYK" if image.mode == "CMYK" else "RGB"
        profile = image.info.get("icc_profile")
        self.transform = self._transform(profile) if profile else None

    def __call__(self, image: Image.Image) -> Image.Image:
        if image.mode.startswith("I;16"):
            image = _eight_bits_from_sixteen(image)
        alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
        rgb = _as_mode(image, self.mode)
        if self.transform is not None:
            rgb = self.transform.apply(_as_mode(rgb, self.transform.input_mode))
        rgb = _as_mode(rgb, "RGB")
        if alpha is None:
            return rgb
        white = Image.new("RGB", rgb.size, "white")
        white.paste(rgb, mask=alpha)
        return white

    def _transform(self, icc: bytes) -> ImageCms.ImageCmsTransform | None:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            mode = MODE_FROM_COLOUR_SPACE.get(profile.profile.xcolor_space.strip())
            if mode is not None and (mode == self.mode or (mode, self.mode) == ("RGB", "L")):
                return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            logger.warning("colour profile cannot be used, photo taken as sRGB: %s", error)
        return None


def _as_mode(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)


def _eight_bits_from_sixteen(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.uint32)
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))
