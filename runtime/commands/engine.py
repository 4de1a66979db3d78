"""`stillwave engine`: TensorRT engines are built here, in processes of their own, and kept for this user alone."""

import argparse
import sys
import time
from collections.abc import Callable

from ..bundle import Bundle
from ..device.contract import Device, open_device
from ..device.engines import built, engine_key
from ..engine_cache import EngineCache, Header
from ..errors import BackendError, BundleError
from ..memory import format_bytes, parse_bytes
from ..profile import Profile, profiles
from ..trt_library import TrtLibrary, trt_library
from .outcome import Outcome


def run(args: argparse.Namespace) -> Outcome:
    cache = EngineCache()
    if args.action == "list":
        return _listed(cache)
    if args.action == "clear":
        count = cache.clear()
        return Outcome({"folder": str(cache.folder), "removed": count}, f"{cache.folder}: {count} engines removed")
    return _built(args, cache)


def _listed(cache: EngineCache) -> Outcome:
    headers = cache.headers()
    lines = [_line(header) for header in headers] or ["no engines"]
    return Outcome(
        {"folder": str(cache.folder), "engines": [_result(header) for header in headers]},
        "\n".join([f"{cache.folder}:", *lines]),
    )


def _built(args: argparse.Namespace, cache: EngineCache) -> Outcome:
    bundle, library = Bundle.open(args.bundle), trt_library(args.backend)
    known = profiles(bundle.manifest, args.size)
    wanted = args.network or list(known)
    strange = sorted(set(wanted) - known.keys())
    if strange:
        raise BundleError(f"{bundle.folder}: has no network {strange[0]!r}, only {', '.join(known)}")
    if args.target and not library.targets():
        raise BackendError(f"{library} builds on the GPU that is here alone; leave out --target, or use tensorrt-rtx")
    workspace, made, lines = parse_bytes(args.workspace), [], [f"{cache.folder}:"]
    for name in wanted:
        start = time.perf_counter()
        header = _build_one(args, cache, bundle, library, name, known[name], workspace)
        seconds = round(time.perf_counter() - start, 1)
        made.append({**_result(header), "seconds": seconds})
        lines.append(f"{_line(header)}  {seconds} s")
    return Outcome({"folder": str(cache.folder), "engines": made}, "\n".join(lines))


def _build_one(
    args: argparse.Namespace,
    cache: EngineCache,
    bundle: Bundle,
    library: TrtLibrary,
    name: str,
    profile: Profile,
    workspace: int,
) -> Header:
    network, precision = bundle.network_bytes(name), bundle.manifest.networks[name].precision
    if args.target:
        key = engine_key(library, network, name, precision, profile, targets=args.target)
    else:
        with _opened_device() as device:
            key = engine_key(library, network, name, precision, profile, device)
    with_progress = sys.stderr.isatty() and not args.json
    built(cache, library, key, network, profile, workspace, _progress(name) if with_progress else None)
    return next(header for header in cache.headers() if header.key.serves(key))


def _opened_device() -> Device:
    try:
        return open_device()
    except BackendError as error:
        raise BackendError(f"{error}; or build ahead of time: --target sm_89 (TensorRT-RTX)") from error


def _progress(name: str) -> Callable[[str, int, int], None]:
    """A bar for the phase a builder is in; phases nest, so the one last heard of is shown."""
    from tqdm import tqdm

    bar = tqdm(desc=name, leave=False)

    def told(phase: str, done: int, steps: int) -> None:
        bar.set_description(f"{name}: {phase.lower()}", refresh=False)
        bar.total, bar.n = steps, done
        if done == steps:
            bar.refresh()
        bar.update(0)

    return told


def _result(header: Header) -> dict[str, object]:
    key = header.key
    return {
        "network": key.name,
        "sha256": key.sha256,
        "precision": key.precision,
        "backend": key.backend,
        "version": key.version,
        "for": key.device or ", ".join(f"sm_{n}" for n in key.capabilities),
        "sizes": key.profile,
        "bytes": header.bytes,
    }


def _line(header: Header) -> str:
    r = _result(header)
    size = format_bytes(header.bytes)
    return f"{r['network']:<16}{r['precision']:<8}{r['backend']} {r['version']}  {r['for']}  {size}  {r['sizes']}"
