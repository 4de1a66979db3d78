"""Makes `stillwave` importable from a checkout where it was not installed: imported first, for its effect."""

import importlib.util
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if importlib.util.find_spec("stillwave") is None:
    links = Path(tempfile.mkdtemp(prefix="stillwave-"))
    (links / "stillwave").mkdir()
    for package in ("runtime", "kernels", "bundles"):
        os.symlink(ROOT / package, links / "stillwave" / package)
    sys.path.insert(0, str(links))
