"""The local web app of `stillwave serve`: routes, and what is refused before any work."""

import html
import ipaddress
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import PhotoError, StillwaveError
from .photo import Pixels
from .scene_page import filled, page_part
from .studio import BusyError, Clip, Job, Studio, safe_name

MAX_UPLOAD_BYTES = 64 << 20
MAX_MASK_BYTES = 4 << 20
MAX_REQUEST_BYTES = 4096  # of what is not a photo
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self';"
    " img-src blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Endpoint = Callable[[Request], Awaitable[Response]]


class RefusedError(Exception):
    """A request that is answered with an HTTP status and a sentence."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


def web_app(studio: Studio, host: str = "127.0.0.1") -> ASGIApp:
    """The app. `host` is the name it is reached by, besides localhost and plain addresses."""
    app = Starlette(
        routes=[
            Route("/", lambda _: _page(studio)),
            Route("/app.css", lambda _: Response(page_part("app.css"), media_type="text/css")),
            Route("/app.js", lambda _: Response(page_part("app.js"), media_type="text/javascript")),
            Route("/scene", _scene(studio)),
            Route("/api/photo", _photo(studio), methods=["POST"]),
            Route("/brush.js", lambda _: Response(page_part("brush.js"), media_type="text/javascript")),
            Route("/api/mask", _mask(studio), methods=["POST", "DELETE"]),
            Route("/api/render", _render(studio), methods=["POST"]),
            Route("/api/job", _job(studio), methods=["GET", "DELETE"]),
            Route("/api/video", _video(studio)),
        ],
        exception_handlers={RefusedError: _refused, StillwaveError: _failed, ClientDisconnect: _gone},
    )
    return Guard(app, host)


class Guard:
    """Refuses what no page of ours would send: other hosts' names (DNS rebinding), other sites' forms."""

    def __init__(self, app: ASGIApp, host: str):
        self.app, self.names = app, {"localhost", host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        origin = headers.get("origin", f"http://{host}")

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    given[name] = value
                given.setdefault("Content-Security-Policy", POLICY)
            await send(message)

        if not self._is_ours(host):
            response = _error(421, "RefusedError", f"this is not {host or 'a host without a name'}")
            await response(scope, receive, send_guarded)
        elif scope["method"] not in ("GET", "HEAD") and origin != f"http://{host}":
            await _error(403, "RefusedError", "asked by another site")(scope, receive, send_guarded)
        else:
            await self.app(scope, receive, send_guarded)

    def _is_ours(self, host: str) -> bool:
        name = host.rpartition("]")[0].removeprefix("[") or host.partition(":")[0]
        if name in self.names:
            return True
        try:
            return bool(ipaddress.ip_address(name))
        except ValueError:
            return False


def _page(studio: Studio) -> Response:
    options = "".join(f'<option value="{name}">{html.escape(name.upper())}</option>' for name in studio.formats())
    return HTMLResponse(filled(page_part("app.html"), {"formats": options}))


def _scene(studio: Studio) -> Endpoint:
    async def scene(request: Request) -> Response:
        page = await run_in_threadpool(studio.page)
        if page is None:
            raise RefusedError(404, "there is no photo yet")
        response = HTMLResponse(page)  # it carries a policy of its own
        response.headers["Content-Security-Policy"] = "frame-ancestors 'self'"
        if "download" in request.query_params and studio.motion is not None:
            response.headers["Content-Disposition"] = f'attachment; filename="{studio.motion.name}.html"'
        return response

    return scene


def _photo(studio: Studio) -> Endpoint:
    """The photo is the whole body. It is read, and refused, before the answer; the rest is a job."""

    async def photo(request: Request) -> Response:
        seed = request.query_params.get("seed", "0")
        if not (seed.isdecimal() and len(seed) < 16):
            raise RefusedError(400, f"want a seed of 0 or more, got {seed[:20]!r}")
        if studio.is_busy:
            raise BusyError("another job is under way; wait for it, or cancel it")
        pixels = await _uploaded(studio, request, MAX_UPLOAD_BYTES)
        name = safe_name(unquote(request.headers.get("x-file-name", "photo")))
        return _state(studio.analyze(name, pixels, int(seed)), 202)

    return photo


def _mask(studio: Studio) -> Endpoint:
    """What may move: a picture as the whole body, checked like any upload; DELETE lets everything move."""

    async def mask(request: Request) -> Response:
        try:
            pixels = None if request.method == "DELETE" else await _uploaded(studio, request, MAX_MASK_BYTES)
            await run_in_threadpool(studio.allow, pixels)
        except ValueError as error:
            raise RefusedError(400, str(error)) from error
        return _state(studio.job)

    return mask


async def _uploaded(studio: Studio, request: Request, limit: int) -> Pixels:
    path = studio.folder / f"upload-{id(request)}"
    try:
        with path.open("wb") as file:
            async for part in _limited(request, limit):
                file.write(part)
        return await run_in_threadpool(studio.read, path)
    finally:
        path.unlink(missing_ok=True)


def _render(studio: Studio) -> Endpoint:
    async def render(request: Request) -> Response:
        body = b"".join([part async for part in _limited(request, MAX_REQUEST_BYTES)])
        try:
            wanted: Any = json.loads(body)
            return _state(studio.render(Clip(**wanted)), 202)
        except (ValueError, TypeError, RecursionError) as error:
            raise RefusedError(400, str(error)) from error

    return render


def _job(studio: Studio) -> Endpoint:
    async def job(request: Request) -> Response:
        if request.method == "DELETE":
            studio.cancel()
        return _state(studio.job)

    return job


def _video(studio: Studio) -> Endpoint:
    async def video(request: Request) -> Response:
        path: Path | None = studio.video
        if path is None or not path.exists():
            raise RefusedError(404, "there is no video yet")
        return FileResponse(path, filename=path.name)

    return video


async def _limited(request: Request, limit: int) -> AsyncIterator[bytes]:
    message = f"at most {limit:,} bytes are taken; make the photo smaller first"
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > limit:
        raise RefusedError(413, message)
    total = 0
    async for part in request.stream():
        total += len(part)
        if total > limit:
            raise RefusedError(413, message)
        yield part


def _state(job: Job | None, status: int = 200) -> Response:
    if job is None:
        return JSONResponse({"state": "none"}, status)
    state: dict[str, object] = {"kind": job.kind, "state": job.state, "progress": round(job.progress, 3)}
    if job.error is not None:
        state["error"] = {"type": type(job.error).__name__, "message": str(job.error)}
    return JSONResponse(state, status)


def _error(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"error": {"type": kind, "message": message}}, status)


async def _refused(_: Request, error: Exception) -> Response:
    return _error(getattr(error, "status", 400), "RefusedError", str(error))


async def _failed(_: Request, error: Exception) -> Response:
    status = 409 if isinstance(error, BusyError) else 422 if isinstance(error, PhotoError) else 500
    return _error(status, type(error).__name__, str(error))


async def _gone(_: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it
