"""A MOV becomes the moving half of a Live Photo: an identifier, and the time of the still.

Boxes after Apple's QuickTime File Format: metadata atoms (`keys`, `ilst`) and a timed metadata track
(`mebx`) whose one sample says, at time 0, that here is the still. Written behind a finished movie, in
place: its `moov` is last, so nothing that it points to moves.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

from .errors import EncodeError

IDENTIFIER_KEY = b"com.apple.quicktime.content.identifier"
STILL_TIME_KEY = b"com.apple.quicktime.still-image-time"
INT8, UTF8 = 65, 1  # well-known types
STILL_TIME = struct.pack(">IIb", 9, 1, -1)  # one item of 9 bytes, of local key 1; Apple writes -1
MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
UND = 0x55C4  # no language


def make_live(path: Path, identifier: str) -> None:
    """Adds to a MOV whose last box is `moov` what pairs it with its still."""
    with path.open("r+b") as file:
        at = _last_box(path)
        file.seek(at)
        moov = file.read()
        sample = _box(b"mdat", STILL_TIME)
        parts = [body for _, body in _boxes(moov[8:])]
        kinds = [kind for kind, _ in _boxes(moov[8:])]
        header = parts[kinds.index(b"mvhd")]
        (track_id,) = struct.unpack(">I", header[-4:])
        (timescale,) = struct.unpack_from(">I", header, 12)
        parts[kinds.index(b"mvhd")] = header[:-4] + _long(track_id + 1)
        old = b"".join(_box(kind, body) for kind, body in zip(kinds, parts, strict=True))
        file.seek(at)
        file.write(sample + _box(b"moov", old, _still_track(track_id, timescale, at + 8), _identifier(identifier)))


def _last_box(path: Path) -> int:
    """Where the last box begins, if it is `moov`."""
    at, kind, total = 0, b"", path.stat().st_size
    with path.open("rb") as file:
        while True:
            head = file.read(16)
            num_bytes, kind = struct.unpack(">I4s", head[:8])
            num_bytes = struct.unpack(">Q", head[8:])[0] if num_bytes == 1 else num_bytes
            if num_bytes < 8 or at + num_bytes >= total:
                break
            at += num_bytes
            file.seek(at)
    if kind != b"moov":
        raise EncodeError(f"the movie ends with {kind!r} instead of moov; write .mp4 instead")
    return at


def _still_track(track_id: int, timescale: int, sample_at: int) -> bytes:
    """A track that describes track 1: one sample, a tenth of a second from time 0 on."""
    duration = timescale // 10
    sizes = struct.pack(">II", 0, 0)  # of a picture: none
    key = _box(b"keyd", b"mdta" + STILL_TIME_KEY) + _box(b"dtyp", _long(0) + _long(INT8))
    entry = _box(b"mebx", bytes(6) + b"\0\1", _box(b"keys", _box(_long(1), key)))
    table = _box(
        b"stbl",
        _box(b"stsd", _long(0), _long(1), entry),
        _box(b"stts", struct.pack(">4I", 0, 1, 1, duration)),
        _box(b"stsc", struct.pack(">5I", 0, 1, 1, 1, 1)),
        _box(b"stsz", struct.pack(">3I", 0, len(STILL_TIME), 1)),
        _box(b"stco", struct.pack(">3I", 0, 1, sample_at)),
    )
    media = _box(
        b"mdia",
        _box(b"mdhd", struct.pack(">5I2H", 0, 0, 0, timescale, duration, UND, 0)),
        _handler(b"mhlr", b"meta"),
        _box(
            b"minf",
            _box(b"gmhd", _box(b"gmin", struct.pack(">I6H", 0, 0x40, 0x8000, 0x8000, 0x8000, 0, 0))),
            _handler(b"dhlr", b"url "),
            _box(b"dinf", _box(b"dref", _long(0), _long(1), _box(b"url ", _long(1)))),
            table,
        ),
    )
    header = struct.pack(">6I", 0xF, 0, 0, track_id, 0, duration) + bytes(16) + MATRIX + sizes
    return _box(b"trak", _box(b"tkhd", header), _box(b"tref", _box(b"cdsc", _long(1))), media)


def _identifier(text: str) -> bytes:
    value = _box(b"data", _long(UTF8), _long(0), text.encode())
    return _box(
        b"meta",
        _handler(b"\0\0\0\0", b"mdta"),
        _box(b"keys", _long(0), _long(1), _box(b"mdta", IDENTIFIER_KEY)),
        _box(b"ilst", _box(_long(1), value)),
    )


def _handler(component: bytes, kind: bytes) -> bytes:
    return _box(b"hdlr", _long(0), component, kind, bytes(13))


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return _long(8 + len(body)) + kind + body


def _boxes(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(body):
        num_bytes, kind = struct.unpack_from(">I4s", body, at)
        yield kind, body[at + 8 : at + num_bytes]
        at += num_bytes


def _long(value: int) -> bytes:
    return struct.pack(">I", value)
