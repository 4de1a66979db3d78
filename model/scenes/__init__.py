"""Procedural training scenes with exact motion: an endless supply, one for every seed."""

from .scene import Scene

__all__ = ["Scene"]
