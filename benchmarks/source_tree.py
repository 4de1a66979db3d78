"""Makes `stillwave` importable from a checkout where it was not installed: imported first, for its effect."""

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

try:
    import stillwave.kernels.cuda  # noqa: F401
except ImportError:
    for name in [name for name in sys.modules if name.partition(".")[0] == "stillwave"]:
        del sys.modules[name]
    links = Path(tempfile.mkdtemp(prefix="stillwave-"))
    (links / "stillwave").mkdir()
    for package in ("runtime", "kernels", "bundles", "export", "model"):
        os.symlink(ROOT / package, links / "stillwave" / package)
    sys.path.insert(0, str(links))
    # for the processes that build engines and measure memory
    os.environ["PYTHONPATH"] = os.pathsep.join([str(links), *filter(None, [os.environ.get("PYTHONPATH")])])
