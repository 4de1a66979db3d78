"""Frames become a motion photo: a JPEG of the first, with the movie behind it.

Motion Photo format 1.0, https://developer.android.com/media/platform/motion-photo-format: XMP says
that the last `Item:Length` bytes of the file are an MP4. Cameras and galleries of Android read it.
"""

import io
import shutil
from fractions import Fraction
from pathlib import Path

from PIL import Image

from .movie import MovieEncoder
from .photo import Pixels, Size

JPEG_QUALITY = 92
XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
XMP = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:Camera="http://ns.google.com/photos/1.0/camera/"
    xmlns:Container="http://ns.google.com/photos/1.0/container/"
    xmlns:Item="http://ns.google.com/photos/1.0/container/item/"
    Camera:MotionPhoto="1" Camera:MotionPhotoVersion="1" Camera:MotionPhotoPresentationTimestampUs="0">
   <Container:Directory><rdf:Seq>
    <rdf:li rdf:parseType="Resource"><Container:Item
      Item:Mime="image/jpeg" Item:Semantic="Primary" Item:Length="0" Item:Padding="0"/></rdf:li>
    <rdf:li rdf:parseType="Resource"><Container:Item
      Item:Mime="video/mp4" Item:Semantic="MotionPhoto" Item:Length="{movie_bytes}" Item:Padding="0"/></rdf:li>
   </rdf:Seq></Container:Directory>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


class MotionPhotoEncoder:
    """A JPEG with an MP4 behind it; the still is frame 0, where the loop starts and ends."""

    def __init__(self, path: Path, size: Size, fps: Fraction, codec: str = "h264") -> None:
        self._path, self._movie_path = path, path.with_suffix(".mp4")
        self._movie = MovieEncoder(self._movie_path, size, fps, codec)
        self._still = b""

    def write(self, frame: Pixels) -> None:
        self._still = self._still or jpeg_from(frame)
        self._movie.write(frame)

    def finish(self) -> None:
        self._movie.finish()
        xmp = XMP.format(movie_bytes=self._movie_path.stat().st_size).encode()
        with self._path.open("wb") as file, self._movie_path.open("rb") as movie:
            file.write(jpeg_with_xmp(self._still, xmp))
            shutil.copyfileobj(movie, file)

    def close(self) -> None:
        self._movie.close()
        self._movie_path.unlink(missing_ok=True)


def jpeg_from(frame: Pixels, exif: bytes = b"") -> bytes:
    """A JPEG of the frame; of sides as even as those of the movie it goes with."""
    file, (height, width) = io.BytesIO(), frame.shape[:2]
    even = frame[: height // 2 * 2, : width // 2 * 2]
    Image.fromarray(even).save(file, "JPEG", quality=JPEG_QUALITY, exif=exif)
    return file.getvalue()


def jpeg_with_xmp(jpeg: bytes, xmp: bytes) -> bytes:
    """The JPEG with an APP1 segment behind its first segment, which JFIF wants first."""
    at = 4 + int.from_bytes(jpeg[4:6], "big")
    body = XMP_HEADER + xmp
    return jpeg[:at] + b"\xff\xe1" + (2 + len(body)).to_bytes(2, "big") + body + jpeg[at:]
