"""The EXIF of the still in a Live Photo: an identifier in Apple's maker note.

Written by hand, big-endian (Exif 2.32, CIPA DC-008): Pillow would give the maker note a type of its
own, and exiftool cannot make one. Its tag 0x11 is what the movie is matched by.
"""

import struct

from .photo import Size

ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 2, 3, 4, 5, 7
CONTENT_IDENTIFIER = 0x11
MAKER_HEADER = b"Apple iOS\0\0\1MM"
Entry = tuple[int, int, int, bytes]  # tag, type, count, value


def apple_exif(identifier: str, size: Size) -> bytes:
    """EXIF for a JPEG of this size, with the content identifier of its Live Photo."""
    text = identifier.encode() + b"\0"
    maker_note = MAKER_HEADER + _directory([(CONTENT_IDENTIFIER, ASCII, len(text), text)], len(MAKER_HEADER))
    photo = [
        (0x9000, UNDEFINED, 4, b"0232"),  # ExifVersion
        (0x9101, UNDEFINED, 4, b"\1\2\3\0"),  # ComponentsConfiguration: Y Cb Cr
        (0x927C, UNDEFINED, len(maker_note), maker_note),
        (0xA000, UNDEFINED, 4, b"0100"),  # FlashpixVersion
        (0xA001, SHORT, 1, _short(1)),  # ColorSpace: sRGB
        (0xA002, LONG, 1, _long(size[0])),
        (0xA003, LONG, 1, _long(size[1])),
    ]
    dots_per_inch = struct.pack(">II", 72, 1)
    image = [
        (0x011A, RATIONAL, 1, dots_per_inch),
        (0x011B, RATIONAL, 1, dots_per_inch),
        (0x0128, SHORT, 1, _short(2)),  # ResolutionUnit: inch
        (0x0213, SHORT, 1, _short(1)),  # YCbCrPositioning: centred
    ]
    photo_at = 8 + len(_directory([*image, (0x8769, LONG, 1, _long(0))], 8))
    first = _directory([*image, (0x8769, LONG, 1, _long(photo_at))], 8)
    return b"Exif\0\0MM\0\x2a" + _long(8) + first + _directory(photo, photo_at)


def _directory(entries: list[Entry], at: int) -> bytes:
    """An image file directory that begins at offset `at`; values of more than 4 bytes follow it."""
    values_at = at + 2 + 12 * len(entries) + 4
    fields, values = b"", b""
    for tag, kind, count, value in entries:
        if len(value) > 4:
            field = _long(values_at + len(values))
            values += value + b"\0" * (len(value) % 2)
        else:
            field = value.ljust(4, b"\0")
        fields += struct.pack(">HHI", tag, kind, count) + field
    return _short(len(entries)) + fields + _long(0) + values


def _short(value: int) -> bytes:
    return struct.pack(">H", value)


def _long(value: int) -> bytes:
    return struct.pack(">I", value)
