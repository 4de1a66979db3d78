"""`stillwave evaluate motion|steps|render|video|ablations ...`."""

import importlib
import sys
from collections.abc import Sequence

MEASURES = ("motion", "steps", "render", "video", "ablations")


def main(arguments: Sequence[str]) -> None:
    if not arguments or arguments[0] not in MEASURES:
        raise SystemExit(f"usage: stillwave evaluate {{{','.join(MEASURES)}}} ...    each has --help")
    importlib.import_module(f"stillwave.model.evaluate.{arguments[0]}").main(arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
