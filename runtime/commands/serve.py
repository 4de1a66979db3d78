"""`stillwave serve`: a web app on this machine."""

import argparse
import socket
import sys
from contextlib import suppress

from ..errors import BackendError, StillwaveError
from ..studio import Studio, WatchedAnimator
from .outcome import Outcome


def run(args: argparse.Namespace) -> Outcome:
    try:
        import uvicorn

        from ..web_app import web_app
    except ImportError as error:
        raise BackendError('`stillwave serve` needs Starlette and uvicorn; pip install "stillwave[web]"') from error
    animator = WatchedAnimator(args.bundle, args.backend, args.memory_budget, args.threads)
    with _listening(args.host, args.port) as listener, Studio(animator) as studio:
        port = listener.getsockname()[1]
        url = f"http://{f'[{args.host}]' if ':' in args.host else args.host}:{port}"
        print(f"stillwave: open {url} in a browser; Ctrl-C ends it", file=sys.stderr, flush=True)
        config = uvicorn.Config(
            web_app(studio, args.host), log_level="warning", access_log=False, server_header=False, ws="none",
            lifespan="off", timeout_graceful_shutdown=2,
        )  # fmt: skip
        with suppress(KeyboardInterrupt):  # how one ends it
            uvicorn.Server(config).run(sockets=[listener])
    return Outcome({"url": url}, f"{url} is closed")


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise StillwaveError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with --host or --port"
        ) from error
