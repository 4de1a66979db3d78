"""`stillwave evaluate`: see `commands/train.py`."""

from .train import run

__all__ = ["run"]
