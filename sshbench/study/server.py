"""The server of a study: a page, pictures, and five requests of JSON. It reads nothing that a subject sends but these.

The token in a link is the only key. Requests that are refused are counted in `server.log`, without token or address.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sshbench.errors import printable
from sshbench.study.designs import StudyError
from sshbench.study.making import PICTURES, read_tokens
from sshbench.study.plan import CODE, read_plan
from sshbench.study.session import about, told
from sshbench.study.storage import (
    Refused,
    State,
    Writer,
    agree,
    open_answers,
    set_screen,
    state_of,
    take_answer,
    withdraw,
)

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 4096  # bytes of a request; the largest honest one has under 300
MOST_CACHED = 512 * 2**20  # bytes of pictures in memory
BODY_SECONDS = 10.0  # within which a body has to come
LOG = "server.log"
_SCREEN = ("width", "height", "pixel_ratio_percent", "colour_depth", "touch")
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",  # the address has the token
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
}


def make_app(
    folder: Path, base_url: str | None = None, hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
) -> Starlette:
    """Return the application that serves a study.

    Parameters
    ----------
    base_url
        Where subjects reach the server, such as `https://lab.example/study`; its host is accepted too.
    hosts
        Host names that requests may be sent to; others are refused, so that no other site's name can be pointed here.

    Raises
    ------
    StudyError
        The study is incomplete, or its answers belong to another plan.
    """
    _check_extra()
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
    from starlette.routing import Route

    plan, tokens = read_plan(folder), read_tokens(folder)
    if set(tokens.values()) - set(range(len(plan.subjects))):
        raise StudyError(f"{folder}: links.csv names subjects that the plan does not have")
    missing = next((code for code in plan.pictures if not (folder / PICTURES / f"{code}.png").is_file()), None)
    if missing:
        raise StudyError(f"{folder}: the picture {missing}.png is missing; make the study again")
    log = _log(folder)
    writer = Writer(open_answers(folder, plan))
    cached: dict[
        str, bytes
    ] = {}  # pictures; one in memory takes a tenth of the time of one that is read for each subject
    page = {name: files(__package__).joinpath("page", name).read_bytes() for name in _PAGE}

    def subject_of(request: Request) -> int:
        subject = tokens.get(request.path_params["token"])
        if subject is None:
            raise Refused(404, "This link is not valid. Please check it, or ask for a new one.")
        return subject

    def guarded(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def run(request: Request) -> Response:
            name = handler.__name__
            try:
                return await handler(request)
            except Refused as refused:
                subject = tokens.get(request.path_params.get("token", ""))
                who = "unknown token" if subject is None else f"subject {subject}"
                log.warning("%s: %s refused with %s: %s", who, name, refused.status, refused.reason)
                return JSONResponse({"error": refused.reason}, refused.status)
            except Exception as error:  # a full disk, a damaged file: the subject's page tries again
                log.error("%s failed: %s: %s", name, type(error).__name__, printable(str(error)))
                return JSONResponse({"error": "Your answer could not be stored. Please wait; it is sent again."}, 503)

        return run

    async def say(subject: int, step: Callable[[Any], State]) -> Response:
        state = await asyncio.wrap_future(writer.submit(step))
        return JSONResponse(told(plan, subject, state, time.time()))

    async def show_page(request: Request) -> Response:
        subject_of(request)
        return Response(page["study.html"], media_type="text/html")

    async def show_state(request: Request) -> Response:
        subject = subject_of(request)
        state = await asyncio.wrap_future(writer.submit(lambda db: state_of(db, plan, subject)))
        return JSONResponse({"study": about(plan), **told(plan, subject, state, time.time())})

    async def post_consent(request: Request) -> Response:
        subject, body = subject_of(request), await _body(request)
        version = body.get("version")
        if not isinstance(version, str):
            raise Refused(422, "The consent has no version.")
        return await say(subject, lambda db: agree(db, plan, subject, version, time.time()))

    async def post_screen(request: Request) -> Response:
        subject, body = subject_of(request), await _body(request)
        screen = {name: body.get(name) for name in _SCREEN}
        if not all(type(value) is int and 0 <= value <= 100_000 for value in screen.values()):
            raise Refused(422, "The description of the screen is not possible.")
        return await say(subject, lambda db: set_screen(db, plan, subject, screen, time.time()))  # type: ignore[arg-type]

    async def post_answer(request: Request) -> Response:
        subject, body = subject_of(request), await _body(request)
        trial, answer, taken = body.get("trial"), body.get("answer"), body.get("milliseconds")
        if type(trial) is not int or type(taken) is not int or not isinstance(answer, int | str | list):
            raise Refused(422, "This is no possible answer.")
        return await say(subject, lambda db: take_answer(db, plan, subject, trial, answer, taken, time.time()))

    async def post_withdrawal(request: Request) -> Response:
        subject, body = subject_of(request), await _body(request)
        if body.get("withdraw") is not True:
            raise Refused(422, "The withdrawal is not confirmed.")
        log.warning("subject %s: has withdrawn; everything that was stored is deleted", subject)
        return await say(subject, lambda db: withdraw(db, plan, subject, time.time()))

    async def show_picture(request: Request) -> Response:
        subject_of(request)
        code = request.path_params["code"]
        if not CODE.fullmatch(code) or code not in plan.pictures:
            raise Refused(404, "There is no such picture.")
        kept = {"cache-control": "private, max-age=86400, immutable"}
        data = cached.get(code)
        if data is None:
            data = await asyncio.to_thread((folder / PICTURES / f"{code}.png").read_bytes)
            if sum(map(len, cached.values())) + len(data) <= MOST_CACHED:
                cached[code] = data
        return Response(data, media_type="image/png", headers=kept)

    async def show_static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _PAGE or name == "study.html":
            raise Refused(404, "There is no such file.")
        return Response(page[name], media_type=_PAGE[name], headers={"cache-control": "no-cache"})

    async def to_folder(request: Request) -> Response:
        subject_of(request)
        return RedirectResponse(request.path_params["token"] + "/")

    async def show_start(request: Request) -> Response:
        return PlainTextResponse("This is the server of a study. Please use the link that you were given.\n")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        yield
        writer.close()

    names = {*hosts, *([urlsplit(base_url).hostname or ""] if base_url else [])}
    app = Starlette(
        routes=[
            Route("/", show_start),
            Route("/static/{name}", guarded(show_static)),
            Route("/s/{token}", guarded(to_folder)),
            Route("/s/{token}/", guarded(show_page)),
            Route("/s/{token}/state", guarded(show_state)),
            Route("/s/{token}/consent", guarded(post_consent), methods=["POST"]),
            Route("/s/{token}/screen", guarded(post_screen), methods=["POST"]),
            Route("/s/{token}/answer", guarded(post_answer), methods=["POST"]),
            Route("/s/{token}/withdraw", guarded(post_withdrawal), methods=["POST"]),
            Route("/s/{token}/p/{code}.png", guarded(show_picture)),
        ],
        middleware=[
            Middleware(_Limits, log=log),
            Middleware(TrustedHostMiddleware, allowed_hosts=sorted(names), www_redirect=False),
        ],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # no address is guessed from another
    return app


def serve(folder: Path, host: str, port: int, base_url: str | None = None) -> None:
    """Serve a study until the process is stopped."""
    _check_extra()
    import uvicorn

    hosts = ("127.0.0.1", "localhost", "[::1]", *([host] if host not in ("0.0.0.0", "::") else ["*"]))
    app = make_app(folder, base_url, hosts)
    uvicorn.run(
        app, host=host, port=port, log_level="warning", access_log=False, server_header=False,
        limit_concurrency=2000, backlog=2048, timeout_keep_alive=30,
    )  # fmt: skip


_PAGE = {"study.html": "text/html", "study.js": "text/javascript", "study.css": "text/css"}


class _Limits:
    """Refuses large bodies before they are read, and adds the headers that keep the page to itself."""

    def __init__(self, app: ASGIApp, log: logging.Logger) -> None:
        self.app, self.log = app, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                extra = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                if b"cache-control" not in there:
                    extra.append((b"cache-control", b"no-store"))
                if message["status"] >= 400:  # so that the rest of a body that was not read is not waited for
                    extra.append((b"connection", b"close"))
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not length.isdigit() or len(length) > 12 or int(length) > MOST_BODY:
            self.log.warning("a body of %s bytes refused with 413", printable(length[:20].decode("latin-1")))
            await _plain(with_headers, 413, "The request is too large.")
            return
        await self.app(scope, receive, with_headers)


async def _plain(send: Send, status: int, text: str) -> None:
    body = json.dumps({"error": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _body(request: Request) -> dict[str, Any]:
    """Read a small JSON object; a body without a stated length is read no further than it may go."""
    data = b""

    async def read() -> None:
        nonlocal data
        async for part in request.stream():
            data += part
            if len(data) > MOST_BODY:
                raise Refused(413, "The request is too large.")

    try:
        await asyncio.wait_for(read(), BODY_SECONDS)
        found = json.loads(data)
    except TimeoutError as error:
        raise Refused(408, "The request took too long to arrive.") from error
    except (ValueError, RecursionError) as error:
        raise Refused(400, "The request is not valid JSON.") from error
    if not isinstance(found, dict):
        raise Refused(400, "The request is not a JSON object.")
    return found


def _log(folder: Path) -> logging.Logger:
    """Return a log that cannot fill the disk, and that holds no token and no address."""
    log = logging.getLogger(f"sshbench.study.{folder.resolve()}")
    log.propagate = False
    if not log.handlers:
        handler = RotatingFileHandler(folder / LOG, maxBytes=5_000_000, backupCount=2, encoding="utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
    return log


def _check_extra() -> None:
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise StudyError(
            f"serving a study needs {error.name}, which is not installed; run pip install 'sshbench[study]'"
        ) from error
