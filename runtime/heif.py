"""HEIC becomes PNG in a process of its own.

Fuzzing pi-heif 1.4.0 found damaged files on which it ends the process; that must not be the caller's.
"""

import io
import json
import subprocess
import sys

from .errors import BackendError, PhotoError

TIMEOUT_S = 60


def png_from_heif(content: bytes, size: tuple[int, int] | None, longest: int | None) -> bytes:
    """The primary image as `read_photo` returns it, in as little of the caller's memory; hardly compressed."""
    try:
        import pi_heif  # noqa: F401  (only the other process uses it)
    except ImportError as error:
        raise BackendError('HEIC needs pi-heif; pip install "stillwave[heif]"') from error
    command = [sys.executable, "-m", "stillwave.runtime.heif", json.dumps([size, longest])]
    try:
        result = subprocess.run(command, input=content, capture_output=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise PhotoError(f"decoding took more than {TIMEOUT_S} s; is the file damaged?") from error
    if result.returncode == PhotoError.exit_code:
        raise PhotoError(result.stderr.decode(errors="replace").strip())
    if result.returncode:
        raise PhotoError(
            f"cannot be decoded (its decoder exited with {result.returncode}); is the file damaged?"
        )
    return result.stdout


def main() -> int:
    from pi_heif import HeifImageFile
    from PIL import Image

    from .photo import read_photo

    size, longest = json.loads(sys.argv[1])
    try:
        image = HeifImageFile(io.BytesIO(sys.stdin.buffer.read()))
        pixels = read_photo(image, tuple(size) if size else None, longest)
        Image.fromarray(pixels).save(sys.stdout.buffer, "PNG", compress_level=1)
    except PhotoError as error:
        print(str(error).removeprefix("image: "), file=sys.stderr)
        return PhotoError.exit_code
    except Exception as error:  # as from any decoder
        print(f"cannot be decoded ({type(error).__name__}: {error})", file=sys.stderr)
        return PhotoError.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
