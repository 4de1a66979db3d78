"""`stillwave train STAGE ...`: one stage of training, `all` of them, or the paper's `ablations`."""

import importlib
import sys
from collections.abc import Sequence

# stage -> module whose main() runs it, mostly in the order of `all`
STAGES = {
    "prepare": "stillwave.model.prepare.command",
    "samples": "stillwave.model.samples",
    "encoder": "stillwave.model.train.encoder",
    "cells": "stillwave.model.train.cells",
    "amplitude": "stillwave.model.train.amplitude",
    "autoencoder": "stillwave.model.train.autoencoder",
    "latents": "stillwave.model.train.latents",
    "denoiser": "stillwave.model.train.denoiser",
    "distil": "stillwave.model.train.distil",
    "pairs": "stillwave.model.train.pairs",
    "gates": "stillwave.model.train.gates",
    "renderer": "stillwave.model.train.renderer",
    "curves": "stillwave.model.train.curves",
    "all": "stillwave.model.train.recipe",
    "ablations": "stillwave.model.train.ablations",
}


def main(arguments: Sequence[str]) -> None:
    if not arguments or arguments[0] not in STAGES:
        raise SystemExit(f"usage: stillwave train {{{','.join(STAGES)}}} ...    each has --help")
    importlib.import_module(STAGES[arguments[0]]).main(arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
