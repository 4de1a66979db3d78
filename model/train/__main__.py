"""`stillwave train STAGE ...`: one stage of training, or `all` of them."""

import importlib
import sys
from collections.abc import Sequence

# stage -> module whose main() runs it, in the order of `all`
STAGES = {
    "samples": "stillwave.model.samples",
    "encoder": "stillwave.model.train.encoder",
    "autoencoder": "stillwave.model.train.autoencoder",
    "latents": "stillwave.model.train.latents",
    "denoiser": "stillwave.model.train.denoiser",
    "pairs": "stillwave.model.train.pairs",
    "gates": "stillwave.model.train.gates",
    "renderer": "stillwave.model.train.renderer",
    "all": "stillwave.model.train.recipe",
}


def main(arguments: Sequence[str]) -> None:
    if not arguments or arguments[0] not in STAGES:
        raise SystemExit(f"usage: stillwave train {{{','.join(STAGES)}}} ...    each has --help")
    importlib.import_module(STAGES[arguments[0]]).main(arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
