"""Licences of the encoders that come inside PyAV's and Pillow's wheels: they matter to those who ship."""

import re
from types import ModuleType
from typing import Any

LICENCES = {
    "libx264": "GPL version 2 or later",
    "libx265": "GPL version 2 or later",
    "libsvtav1": "BSD-3-Clause-Clear and AOM Patent License 1.0",
    "libaom-av1": "BSD-2-Clause and AOM Patent License 1.0",
    "libaom": "BSD-2-Clause and AOM Patent License 1.0",
    "libvpx-vp9": "BSD-3-Clause",
    "libvpx": "BSD-3-Clause",
    "libwebp": "BSD-3-Clause",
    "libdav1d": "BSD-2-Clause",
    "libopus": "BSD-3-Clause",
    "libmp3lame": "LGPL version 2 or later",
    "libopencore-amrnb": "Apache-2.0",
    "libopencore-amrwb": "Apache-2.0",
    "gnutls": "LGPL version 2.1 or later",
}


def ffmpeg_licence(av: ModuleType) -> str:
    """What the FFmpeg libraries inside PyAV say of themselves."""
    codecs = _libavcodec(av)
    return f"libavcodec {'.'.join(map(str, codecs['version']))}, {codecs['license']}"


def bundled_licences(av: ModuleType) -> dict[str, str]:
    """Library -> licence, of those that this FFmpeg was built with and that bring a licence of their own."""
    built_with = re.findall(r"--enable-([\w-]+)", _libavcodec(av)["configuration"])
    return {name: LICENCES[name] for name in built_with if name in LICENCES}


def _libavcodec(av: ModuleType) -> dict[str, Any]:
    libraries: dict[str, dict[str, Any]] = vars(av._core)["library_meta"]
    return libraries["libavcodec"]
