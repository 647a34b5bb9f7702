"""The server of the studio: a page, and a dozen requests below the secret address of each session.

The server answers only its own page. Uploads lie in the folder of the session under names that the server chooses; no
part of a request names a file.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import secrets
import shutil
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np

from sshbench.compositing.harmonize import open_method
from sshbench.errors import FULL, SshbenchError, printable, sentence
from sshbench.methods.base import Method
from sshbench.methods.weights_folders import why_missing
from sshbench.options import fields_of
from sshbench.studio.examples import EXAMPLES
from sshbench.studio.session import ROLES, Session
from sshbench.studio.visitor_names import printable_name
from sshbench.studio.wish import StudioError, Wish, controls, offered
from sshbench.web import Limits, Refused, check_extra, read_json

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

MOST_UPLOAD = 512 * 2**20
"""The largest size in bytes of an uploaded photograph or mask."""
MOST_PIXELS = 120_000_000
"""The default limit on the pixels of a photograph."""
MOST_SESSIONS = 64
"""The largest number of sessions with photographs on a server."""
_AWAKE = 4  # sessions whose small copies stay in memory
_MOST_BODY = 1 << 14  # bytes of a request of JSON
_MOST_PAINTED = 1 << 22  # bytes of a painted mask
_UPLOAD_SECONDS = 60.0  # time limit for the next part of an upload
_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_PAGE = {
    "index.html": "text/html", "studio.css": "text/css", "icon.svg": "image/svg+xml",
    **dict.fromkeys(
        ("studio.js", "server.js", "stage.js", "gl.js", "cpu.js", "geometry.js", "brush.js", "panel.js"),
        "text/javascript",
    ),
}  # fmt: skip

log = logging.getLogger("sshbench.studio")


class Sessions:
    """The sessions of a server, by their secret names, and the methods that they share."""

    def __init__(self, folder: Path, max_pixels: int) -> None:
        self.folder, self.max_pixels = folder, max_pixels
        self._open: dict[str, Session] = {}
        self._methods: dict[str, Method] = {}
        self._lock = threading.Lock()

    def new(self) -> str:
        """Return the name of a new session.

        Raises
        ------
        Refused
            There are too many sessions.
        """
        with self._lock:
            empty = [name for name, one in self._open.items() if not one.pictures and not one.folder.exists()]
            for name in empty[:-MOST_SESSIONS]:
                del self._open[name]
            if len(self._open) - len(empty) >= MOST_SESSIONS:
                raise Refused(503, f"{MOST_SESSIONS} sessions are open; stop the studio and start it again.")
            name = secrets.token_urlsafe(16)
            self._open[name] = self._session(name)
            return name

    def get(self, name: str) -> Session:
        """Return a session, which may come from an earlier server on the same folder.

        Raises
        ------
        Refused
            The session does not exist.
        """
        with self._lock:
            if name not in self._open and _ID.fullmatch(name) and (self.folder / name).is_dir():
                self._open[name] = self._session(name)
            if name not in self._open:
                raise Refused(404, "This session is over; open the studio's address again.")
            found = self._open[name] = self._open.pop(name)  # moves the session to the end, as the most recent
            for one in [*self._open.values()][:-_AWAKE]:
                one.forget()
            return found

    def method(self, name: str) -> Method:
        """Return the method of a name; each method is opened only once."""
        with self._lock:
            if name not in self._methods:
                self._methods[name] = open_method(name)
            return self._methods[name]

    def _session(self, name: str) -> Session:
        return Session(self.folder / name, self.method, self.max_pixels)


def make_app(
    folder: Path,
    *,
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost"),
    token: str | None = None,
    max_pixels: int = MOST_PIXELS,
) -> Starlette:
    """Return the application that serves the studio.

    Parameters
    ----------
    folder
        The folder of the sessions.
    hosts
        Accepted host names of requests; others are refused, so that the name of another site cannot point to this
        server.
    token
        The token that the address must carry as `?token=` to get a session; None if no token is needed.
    max_pixels
        The largest number of pixels of a photograph.

    Raises
    ------
    StudioError
        The packages that serve a page are not installed.
    """
    check_extra("the studio", "studio", StudioError)
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import ClientDisconnect
    from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
    from starlette.routing import Route

    sessions = Sessions(folder, max_pixels)
    page = {name: files(__package__).joinpath("page", name).read_bytes() for name in _PAGE}

    def guarded(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def run(request: Request) -> Response:
            try:
                _check_origin(request)
                return await handler(request)
            except Refused as refused:
                return JSONResponse({"error": refused.reason}, refused.status)
            except SshbenchError as error:
                return JSONResponse({"error": _sentence(error, folder)}, 422)
            except ClientDisconnect:
                return JSONResponse({"error": "The connection was closed."}, 400)
            except Exception as error:  # a full disk, or a bug: the page says so, and the server continues
                if isinstance(error, OSError) and error.errno in FULL:
                    log.error("%s: %s", handler.__name__, sentence(error))
                    return JSONResponse({"error": "The studio's disk is full; make room and do it again."}, 507)
                log.exception("%s failed", handler.__name__)
                said = printable(f"{type(error).__name__}: {error}")
                return JSONResponse({"error": f"The studio failed ({said}). The command's window says more."}, 500)

        return run

    def session_of(request: Request) -> Session:
        return sessions.get(request.path_params["session"])

    async def show_start(request: Request) -> Response:
        given = request.query_params.get("token", "")
        if token is not None and not hmac.compare_digest(given.encode(), token.encode()):
            raise Refused(403, "The address has no token; use the address that sshbench studio printed.")
        return RedirectResponse(f"/s/{sessions.new()}/", 303)

    async def show_page(request: Request) -> Response:
        session_of(request)
        return Response(page["index.html"], media_type="text/html")

    async def show_state(request: Request) -> Response:
        session = session_of(request)
        about = {
            "methods": [{"name": name, "missing": why_missing(name)} for name in offered()],
            "options": [*fields_of(Wish)],
            "controls": controls(),
            "examples": {name: one.title for name, one in EXAMPLES.items()},
        }
        return JSONResponse({**about, **await asyncio.to_thread(session.told)})

    async def show_known(
        request: Request,
    ) -> Response:  # a status 404 would appear as an error in the browser's console
        session_of(request)
        name = request.query_params.get("path", "").removeprefix("/s/").rstrip("/")
        try:
            return JSONResponse({"known": bool(sessions.get(name).pictures)})
        except (Refused, StudioError):
            return JSONResponse({"known": False})

    async def post_picture(request: Request) -> Response:
        session, role = session_of(request), request.path_params["role"]
        if role not in (*ROLES, "mask"):
            raise Refused(404, "There is no such picture.")
        name = unquote(request.headers.get("x-file-name", ""))[:400] or role
        upload = await asyncio.to_thread(session.new_upload, name)
        try:
            await _receive(request, upload)
            take = session.take_mask_file if role == "mask" else partial(session.take_picture, role)
            try:
                await asyncio.to_thread(take, upload, name)
            except SshbenchError as error:
                said = str(error).replace(str(upload), printable_name(name))
                raise Refused(422, f"{said}.") from error
        finally:
            upload.unlink(missing_ok=True)
        return JSONResponse(await asyncio.to_thread(session.told))

    async def post_example(request: Request) -> Response:
        session, example = session_of(request), EXAMPLES.get(request.path_params["name"])
        if example is None:
            raise Refused(404, "There is no such example.")

        def take() -> dict[str, Any]:
            for role, path in zip((*ROLES[:1], "mask", *ROLES[1:]), example.files(), strict=True):
                upload = session.new_upload()
                shutil.copyfile(path, upload)
                try:
                    if role == "mask":
                        session.take_mask_file(upload, path.name)
                    else:
                        session.take_picture(role, upload, path.name)
                finally:
                    upload.unlink(missing_ok=True)
            session.wish = None
            return {**session.told(), "at": example.at, "scale": example.scale}

        return JSONResponse(await asyncio.to_thread(take))

    async def show_picture(request: Request) -> Response:
        session, role = session_of(request), request.path_params["role"]
        if role not in (*ROLES, "alpha"):
            raise Refused(404, "There is no such picture.")
        data, media = await asyncio.to_thread(session.shown, role)
        return Response(data, media_type=media)

    async def show_mask(request: Request) -> Response:
        data = await asyncio.to_thread(session_of(request).mask_bytes)
        return Response(data, media_type="application/octet-stream")

    async def post_mask(request: Request) -> Response:
        session = session_of(request)
        data = bytearray()
        async for part in request.stream():
            data += part
            if len(data) > _MOST_PAINTED:
                raise Refused(413, "The mask is too large.")
        await asyncio.to_thread(session.take_painted, bytes(data))
        return JSONResponse({"mask": (await asyncio.to_thread(session.told))["mask"]})

    async def post_found_mask(request: Request) -> Response:
        session, body = session_of(request), await read_json(request, _MOST_BODY)
        await asyncio.to_thread(session.find_mask, str(body.get("request", ""))[:100])
        return JSONResponse(await asyncio.to_thread(session.told))

    async def post_map(request: Request) -> Response:
        session, wish = session_of(request), _wish(await read_json(request, _MOST_BODY))
        lut = await asyncio.to_thread(session.lut, wish)
        assert lut.values is not None
        said = json.dumps({"size": lut.size, "command": session.command(wish)})
        values = np.ascontiguousarray(lut.values, "<f4").tobytes()
        return Response(values, media_type="application/octet-stream", headers={"x-map": said})

    async def post_proof(request: Request) -> Response:
        session, wish = session_of(request), _wish(await read_json(request, _MOST_BODY))
        data, media, said = await asyncio.to_thread(session.proof, wish)
        return Response(data, media_type=media, headers={"x-said": said})

    async def post_save(request: Request) -> Response:
        session, body = session_of(request), await read_json(request, _MOST_BODY)
        kind, suffix = str(body.pop("kind", "")), str(body.pop("suffix", ".png"))
        return JSONResponse(await asyncio.to_thread(session.save, _wish(body), kind, suffix))

    async def show_saved(request: Request) -> Response:
        path = await asyncio.to_thread(session_of(request).saved_file, request.path_params["file"])
        if path is None:
            raise Refused(404, "There is no such file.")
        return FileResponse(path, filename=path.name, media_type="application/octet-stream")

    async def show_static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _PAGE or name == "index.html":
            raise Refused(404, "There is no such file.")
        return Response(page[name], media_type=_PAGE[name], headers={"cache-control": "no-cache"})

    app = Starlette(
        routes=[
            Route("/", guarded(show_start)),
            Route("/static/{name}", guarded(show_static)),
            Route("/s/{session}/", guarded(show_page)),
            Route("/s/{session}/state", guarded(show_state)),
            Route("/s/{session}/known", guarded(show_known)),
            Route("/s/{session}/pictures/{role}", guarded(post_picture), methods=["POST"]),
            Route("/s/{session}/pictures/{role}", guarded(show_picture)),
            Route("/s/{session}/examples/{name}", guarded(post_example), methods=["POST"]),
            Route("/s/{session}/mask", guarded(post_mask), methods=["POST"]),
            Route("/s/{session}/mask", guarded(show_mask)),
            Route("/s/{session}/found-mask", guarded(post_found_mask), methods=["POST"]),
            Route("/s/{session}/map", guarded(post_map), methods=["POST"]),
            Route("/s/{session}/proof", guarded(post_proof), methods=["POST"]),
            Route("/s/{session}/save", guarded(post_save), methods=["POST"]),
            Route("/s/{session}/saved/{file}", guarded(show_saved)),
        ],
        middleware=[
            Middleware(Limits, most=lambda path: MOST_UPLOAD, log=log),
            Middleware(TrustedHostMiddleware, allowed_hosts=sorted(hosts), www_redirect=False),
        ],
    )
    app.router.redirect_slashes = False
    app.state.sessions = sessions
    return app


def _wish(body: dict[str, Any]) -> Wish:
    try:
        return Wish(**body)
    except TypeError as error:
        raise Refused(422, "The request names an unknown setting.") from error


def _check_origin(request: Request) -> None:
    """Refuse a request that another site's page makes a browser send.

    Raises
    ------
    Refused
        The request comes from another site.
    """
    site, origin = request.headers.get("sec-fetch-site", "none"), request.headers.get("origin")
    typed = request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate"
    foreign = origin is not None and origin.partition("://")[2] != request.headers.get("host")
    if foreign or (site not in ("none", "same-origin") and not typed):
        raise Refused(403, "The studio answers only its own page.")


def _sentence(error: SshbenchError, folder: Path) -> str:
    """Return the message of an error without the paths of the session's files, which mean nothing to a visitor."""
    said = re.sub(re.escape(str(folder)) + r"/[^/\s]+/", "", str(error))
    return said[:1].upper() + said[1:] + ("" if said.endswith(".") else ".")


async def _receive(request: Request, path: Path) -> None:
    """Write the body of a request to a file, up to the size limit."""
    length = 0
    parts = aiter(request.stream())
    with open(path, "xb") as file:
        while True:
            try:
                part = await asyncio.wait_for(anext(parts), _UPLOAD_SECONDS)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise Refused(408, "The upload stopped on its way; please try again.") from error
            length += len(part)
            if length > MOST_UPLOAD:
                raise Refused(413, f"The file is larger than {MOST_UPLOAD >> 20} MB; save it smaller.")
            await asyncio.to_thread(file.write, part)
