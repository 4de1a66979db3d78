"""`stillwave doctor`: what works here, and what would mend the rest."""

import argparse
import platform
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version

import numpy as np

from ..bundle import Bundle
from ..engine import BACKENDS, DEVICE_BACKENDS, engine_for, factor_and_symbol, shape_at
from ..errors import BackendError, BundleError
from ..formats import CODECS_OF
from ..memory import format_bytes
from ..movie import CODECS, encoder_name, import_av
from ..signature import signature
from .gpu_libraries import gpu_libraries
from .licences import LICENCES, bundled_licences, ffmpeg_licence
from .outcome import Outcome

MARKS = {"ok": "ok ", "missing": "-- ", "warning": "!  ", "broken": "XX "}


@dataclass(frozen=True)
class Check:
    """`status` is a key of MARKS; `exit_code` is set where no command can do without it."""

    name: str
    status: str
    detail: str
    exit_code: int = 0


def run(args: argparse.Namespace) -> Outcome:
    """Checks by doing: the bundle is hashed, and every backend runs one of its networks."""
    checks = [*_versions(), *_kernels(), *(Check(*part) for part in gpu_libraries())]
    try:
        bundle = Bundle.open()
        checks += [_bundle(bundle), *_backends(bundle)]
    except BundleError as error:
        checks.append(Check("bundle", "broken", str(error), error.exit_code))
    checks += [*_extras(), *_codecs()]
    exit_code = max((check.exit_code for check in checks), default=0)
    return Outcome(
        {"is_well": exit_code == 0, "checks": [asdict(check) for check in checks]},
        "\n".join(f"{MARKS[c.status]} {c.name:<22} {c.detail}" for c in checks),
        exit_code,
    )


def _versions() -> Iterator[Check]:
    yield Check("stillwave", "ok", version("stillwave"))
    yield Check("python", "ok", f"{platform.python_version()}, {platform.platform()}")
    for name in ("numpy", "pillow"):
        yield Check(name, "ok", version(name))


def _kernels() -> Iterator[Check]:
    from stillwave.kernels import build_info

    facts = build_info()
    if facts["extension"]:
        built = f"{facts['isa']}, {facts['compiler']}, {facts['threads_default']} threads"
        yield Check("kernels", "ok", built)
    else:
        remedy = "numpy reference, slow; with a C++ compiler: pip install --force-reinstall stillwave"
        yield Check("kernels", "warning", remedy)


def _bundle(bundle: Bundle) -> Check:
    total = format_bytes(sum(file.bytes for file in bundle.manifest.files.values()))
    return Check("bundle", "ok", f"{bundle.manifest.name}, {total}, {bundle.manifest.licence}")


def _backends(bundle: Bundle) -> Iterator[Check]:
    manifest = bundle.manifest
    smallest = min(manifest.networks, key=lambda n: manifest.files[manifest.networks[n].file].bytes)
    network = bundle.network_bytes(smallest)
    for backend in BACKENDS:
        if backend == "auto":
            continue
        try:
            _run_once(backend, network, smallest)
            yield Check(f"backend {backend}", "ok", f"ran {smallest}")
        except BackendError as error:
            is_essential = backend == "cpu"
            status, exit_code = ("broken", error.exit_code) if is_essential else ("missing", 0)
            is_no_driver = backend in DEVICE_BACKENDS and str(error).startswith("no NVIDIA driver")
            detail = "needs an NVIDIA driver, see above" if is_no_driver else str(error)
            yield Check(f"backend {backend}", status, detail, exit_code)
        except Exception as error:  # a broken installation fails in any way
            detail = f"{type(error).__name__}: {error}; reinstall its package"
            exit_code = BackendError.exit_code if backend == "cpu" else 0
            yield Check(f"backend {backend}", "broken", detail, exit_code)


def _run_once(backend: str, network: bytes, name: str) -> None:
    """On zeros, with every symbol of a shape at 8. A backend that loads may still not run."""
    dimensions = {dimension for specs in signature(network, name, {}) for spec in specs for dimension in spec.shape}
    sizes = {factor_and_symbol(dimension)[1]: 8 for dimension in dimensions if isinstance(dimension, str)}
    with engine_for(backend, network, name, sizes=sizes, threads=1) as engine:
        specs = engine.inputs + engine.outputs
        arrays = {s.name: np.zeros(shape_at(s.shape, {}), s.dtype) for s in specs}
        engine.bind(**arrays)
        engine.run()


def _extras() -> Iterator[Check]:
    """Each extra of stillwave's own metadata, with what it lacks."""
    wanted: dict[str, list[str]] = {}
    for requirement in requires("stillwave") or []:
        match = re.match(r"([\w.-]+).*extra == ['\"]([\w-]+)['\"]", requirement)
        if match:
            wanted.setdefault(match[2], []).append(match[1])
    for extra, packages in wanted.items():
        missing = [package for package in packages if _version(package) is None]
        if missing:
            detail = f'no {", ".join(missing)}; pip install "stillwave[{extra}]"'
            yield Check(f"extra {extra}", "missing", detail)
        else:
            detail = ", ".join(f"{package} {_version(package)}" for package in packages)
            yield Check(f"extra {extra}", "ok", detail)


def _codecs() -> Iterator[Check]:
    """What each codec is encoded by, and under which licence."""
    for codec in CODECS:
        try:
            av = import_av(codec)
        except BackendError as error:
            yield Check(f"codec {codec}", "missing", str(error))
            continue
        name = encoder_name(av, codec)
        formats = ", ".join(format for format, codecs in CODECS_OF.items() if codec in codecs)
        yield Check(f"codec {codec}", "ok", f"{name}: {LICENCES[name]}; for {formats}")
    if _version("av"):
        av = import_module("av")
        yield Check("ffmpeg in PyAV", "ok", ffmpeg_licence(av))
        for library, licence in bundled_licences(av).items():
            yield Check(f"with {library}", "ok", licence)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
