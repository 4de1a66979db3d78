"""`stillwave train`, `evaluate` and `export`: the way into what needs torch, with its own options."""

import argparse
import importlib

from ..errors import BackendError
from .outcome import Outcome

MODULES = {
    "train": "stillwave.model.train.__main__",
    "evaluate": "stillwave.model.evaluate.__main__",
    "export": "stillwave.export.__main__",
}


def run(args: argparse.Namespace) -> Outcome:
    try:
        importlib.import_module(MODULES[args.command]).main(args.arguments)
    except ModuleNotFoundError as error:
        extra = "export" if args.command == "export" else "train"
        raise BackendError(
            f"{args.command} needs {error.name}: pip install 'stillwave[{extra}]'"
        ) from error
    return Outcome({}, f"{args.command}: done")
