"""What tests of photos share."""

import struct

import numpy as np
from PIL import ImageCms


def gradient(width=64, height=48):
    """Smooth, and different in every quadrant, so that no two orientations look alike."""
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * x / width, 255 * y / height, 40 + 0 * x], axis=-1).astype(np.uint8)


def swapped_primaries():
    """An sRGB profile whose red and blue colorants have changed places."""
    icc = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {}
    for i in range(struct.unpack_from(">I", icc, 128)[0]):
        name, offset, size = struct.unpack_from(">4sII", icc, 132 + 12 * i)
        tags[name] = offset, size
    (r, n), (b, _) = tags[b"rXYZ"], tags[b"bXYZ"]
    icc[r : r + n], icc[b : b + n] = icc[b : b + n], icc[r : r + n]
    return bytes(icc)
