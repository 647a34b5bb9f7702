"""The server of a study: a page, pictures, and five JSON requests.

The token in a link is the only key. `server.log` lists refused requests, without tokens and addresses.
"""

from __future__ import annotations

import asyncio
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
from sshbench.study.answering import State, agree, set_screen, state_of, take_answer, withdraw
from sshbench.study.designs import StudyError
from sshbench.study.making import PICTURES, read_tokens
from sshbench.study.plan import CODE, read_plan
from sshbench.study.session import about, told
from sshbench.study.storage import open_answers
from sshbench.study.writer import Writer
from sshbench.web import Limits, Refused, check_extra, read_json, serve_until_stopped

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

MOST_BODY = 4096  # largest size of a request in bytes; valid requests have fewer than 300
MOST_CACHED = 512 * 2**20  # largest size in bytes of the pictures in memory
LOG = "server.log"
_SCREEN = ("width", "height", "pixel_ratio_percent", "colour_depth", "touch")


def make_app(
    folder: Path, base_url: str | None = None, hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
) -> Starlette:
    """Return the application that serves a study.

    Parameters
    ----------
    base_url
        The address at which subjects reach the server, such as `https://lab.example/study`; its host is accepted, too.
    hosts
        Accepted host names of requests; others are refused, so that the name of another site cannot point to this
        server.

    Raises
    ------
    StudyError
        The study is incomplete, or its answers belong to another plan.
    """
    check_extra("serving a study", "study", StudyError)
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
    from starlette.routing import Route

    plan, tokens = read_plan(folder), read_tokens(folder)
    if set(tokens.values()) - set(range(len(plan.subjects))):
        raise StudyError(
            f"{folder}: links.csv names subjects that the plan does not have; restore both files, or make the study "
            f"again"
        )
    missing = next((code for code in plan.pictures if not (folder / PICTURES / f"{code}.png").is_file()), None)
    if missing:
        raise StudyError(f"{folder}: the picture {missing}.png is missing; make the study again")
    log = _log(folder)
    writer = Writer(open_answers(folder, plan))
    cached: dict[str, bytes] = {}  # pictures in memory take a tenth of the time of reading them for each subject
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
            except Exception as error:  # with a full disk or a damaged file, the subject's page tries again
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
        subject, body = subject_of(request), await read_json(request, MOST_BODY)
        version = body.get("version")
        if not isinstance(version, str):
            raise Refused(422, "The consent has no version.")
        return await say(subject, lambda db: agree(db, plan, subject, version, time.time()))

    async def post_screen(request: Request) -> Response:
        subject, body = subject_of(request), await read_json(request, MOST_BODY)
        screen = {name: body.get(name) for name in _SCREEN}
        if not all(type(value) is int and 0 <= value <= 100_000 for value in screen.values()):
            raise Refused(422, "The description of the screen is not valid.")
        return await say(subject, lambda db: set_screen(db, plan, subject, screen, time.time()))  # type: ignore[arg-type]

    async def post_answer(request: Request) -> Response:
        subject, body = subject_of(request), await read_json(request, MOST_BODY)
        trial, answer, taken = body.get("trial"), body.get("answer"), body.get("milliseconds")
        if type(trial) is not int or type(taken) is not int or not isinstance(answer, int | str | list):
            raise Refused(422, "This answer is not valid.")
        return await say(subject, lambda db: take_answer(db, plan, subject, trial, answer, taken, time.time()))

    async def post_withdrawal(request: Request) -> Response:
        subject, body = subject_of(request), await read_json(request, MOST_BODY)
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
            Middleware(Limits, most=lambda path: MOST_BODY, log=log),
            Middleware(TrustedHostMiddleware, allowed_hosts=sorted(names), www_redirect=False),
        ],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # no redirect reveals an address
    return app


def serve(folder: Path, host: str, port: int, base_url: str | None = None) -> None:
    """Serve a study until the process is stopped."""
    check_extra("serving a study", "study", StudyError)
    import uvicorn

    hosts = ("127.0.0.1", "localhost", "[::1]", *([host] if host not in ("0.0.0.0", "::") else ["*"]))
    app = make_app(folder, base_url, hosts)
    config = uvicorn.Config(
        app, host=host, port=port, log_level="warning", access_log=False, server_header=False,
        limit_concurrency=2000, backlog=2048, timeout_keep_alive=30,
    )  # fmt: skip
    serve_until_stopped(config)


_PAGE = {"study.html": "text/html", "study.js": "text/javascript", "study.css": "text/css"}


def _log(folder: Path) -> logging.Logger:
    """Return a log of limited size without tokens and addresses."""
    log = logging.getLogger(f"sshbench.study.{folder.resolve()}")
    log.propagate = False
    if not log.handlers:
        handler = RotatingFileHandler(folder / LOG, maxBytes=5_000_000, backupCount=2, encoding="utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
    return log
