"""The server: what honest pages get, and that attacks are refused and logged while nothing is lost."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from sshbench.study.plan import Plan, read_plan, write_plan
from sshbench.study.server import LOG, MOST_BODY
from sshbench.study.storage import read_answers
from tests.study.load import load
from tests.study.serving import Client, ask, begin, running
from tests.study.studies import make_study, some_answer, token_of

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


class Served:
    def __init__(self, folder: Path, port: int, process: int) -> None:
        self.folder, self.port, self.plan, self.process = folder, port, read_plan(folder), psutil.Process(process)

    def token(self, subject: int) -> str:
        return token_of(self.folder, subject)

    def log(self) -> str:
        path = self.folder / LOG
        return path.read_text() if path.exists() else ""

    def stored(self, subject: int) -> list[tuple[int, Any]]:
        return [(row.trial, row.answer) for row in read_answers(self.folder, self.plan) if row.subject == subject]

    def raw(self, *args: Any, **named: Any) -> tuple[int, bytes]:
        async def run() -> tuple[int, bytes]:
            client = Client(self.port, "")
            try:
                return await client.raw(*args, **named)
            finally:
                client.close()

        return asyncio.run(run())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served") / "s"
    plan = make_study(folder, subjects=20)
    evil = {"title": EVIL, "question": EVIL, "instructions": EVIL, "scale": [EVIL[:40]] * 5}
    write_plan(folder, Plan.model_validate({**plan.model_dump(), **evil}))
    with running(folder) as (port, process):
        yield Served(folder, port, process)


def test_a_subject_goes_from_consent_to_thanks(served: Served) -> None:
    token = served.token(0)
    status, page = ask(served.port, token, "")
    assert status == 200
    assert b"study.js" in page
    said = begin(served.port, token)
    trials = served.plan.trials(0)
    for trial in trials:
        assert (said["stage"], said["done"]) == ("trial", trial.number)
        for code in said["next"][0]["pictures"]:
            status, picture = ask(served.port, token, f"p/{code}.png")
            assert (status, picture) == (200, (served.folder / "pictures" / f"{code}.png").read_bytes())
        body = {"trial": trial.number, "answer": some_answer(served.plan, trial), "milliseconds": 1500}
        status, said = ask(served.port, token, "answer", body)
        assert status == 200
    assert said == {"stage": "done", "done": len(trials), "trials": len(trials)}
    assert served.stored(0) == [(trial.number, some_answer(served.plan, trial)) for trial in trials]
    assert ask(served.port, token, "answer", body)[0] == 200  # the last one, sent again
    assert ask(served.port, token, "answer", {**body, "trial": len(trials)})[0] == 422


def test_withdrawing_deletes_and_ends(served: Served) -> None:
    token = served.token(1)
    begin(served.port, token)
    ask(served.port, token, "answer", {"trial": 0, "answer": 1, "milliseconds": 1500})
    assert served.stored(1)
    assert ask(served.port, token, "withdraw", {"withdraw": "yes"})[0] == 422
    assert ask(served.port, token, "withdraw", {"withdraw": True})[1]["stage"] == "withdrawn"
    assert not served.stored(1)
    assert ask(served.port, token, "answer", {"trial": 0, "answer": 1, "milliseconds": 1500})[0] == 410
    assert ask(served.port, token, "consent", {"version": "1"})[0] == 410
    assert ask(served.port, token, "state")[1]["stage"] == "withdrawn"


@pytest.mark.parametrize("token", ["x" * 22, "%2e%2e%2f", "..%2F..%2Flinks.csv", "a%00b", "%FF", "%F0%9F%98%80"])
def test_foreign_tokens_are_refused_everywhere_and_logged(served: Served, token: str) -> None:
    before = served.log().count("unknown token")
    for path in ("", "state", "p/0123456789abcdef.png"):
        assert ask(served.port, token, path)[0] == 404
    for path, body in (("answer", {"trial": 0, "answer": 1, "milliseconds": 2000}), ("withdraw", {"withdraw": True})):
        assert ask(served.port, token, path, body)[0] == 404
    assert served.log().count("unknown token") > before or "%2" in token  # a slash leads to no page at all


def test_another_subjects_token_answers_for_that_subject_alone(served: Served) -> None:
    first, second = served.token(2), served.token(3)
    begin(served.port, first)
    begin(served.port, second)
    ask(served.port, first, "answer", {"trial": 0, "answer": 1, "milliseconds": 1500, "subject": 3})
    assert (len(served.stored(2)), len(served.stored(3))) == (1, 0)


def test_replayed_late_early_and_impossible_answers_are_refused(served: Served) -> None:
    token = served.token(4)
    assert ask(served.port, token, "answer", {"trial": 0, "answer": 1, "milliseconds": 1500})[0] == 409  # no consent
    begin(served.port, token)
    good = {"trial": 0, "answer": 1, "milliseconds": 1500}
    for _ in range(3):
        assert ask(served.port, token, "answer", good)[0] == 200
    for number in (1, 2):
        assert ask(served.port, token, "answer", {**good, "trial": number})[0] == 200
    refused = {
        409: [good, {**good, "answer": 4}, {**good, "trial": 5}],
        422: [
            *({**good, "trial": 3, "answer": a} for a in (5, -1, 10**400, 1.5, None, "tie", [1], {"a": 1}, True, EVIL)),
            *({**good, "trial": t} for t in (-1, 10**6, 10**400, "3", None, 3.0, True)),
            *({**good, "trial": 3, "milliseconds": m} for m in (-1, 10**9, 10**400, "9", None)),
            {},
        ],
        400: [[], 1, "x", None],
    }
    before = served.log().count("subject 4: post_answer refused")
    for status, bodies in refused.items():
        for body in bodies:
            data = json.dumps(body).encode()
            assert served.raw(f"/s/{token}/answer", data)[0] == status, body
    count = sum(map(len, refused.values()))
    assert served.log().count("subject 4: post_answer refused") == before + count
    for data in (b"", b"{", b"\xff\xfe", b"[" * 4000, b'{"trial": NaN}', b'{"version": "\\ud800"}'):
        assert served.raw(f"/s/{token}/answer", data)[0] in (400, 422)
    assert served.raw(f"/s/{token}/consent", b'{"version": "\\ud800"}')[0] == 409
    assert served.stored(4) == [(0, 1), (1, 1), (2, 1)]
    assert ask(served.port, token, "answer", {**good, "trial": 3})[0] == 200


def test_a_body_of_100_megabytes_is_refused_before_it_is_read(served: Served) -> None:
    token = served.token(5)
    begin(served.port, token)
    head = f"POST /s/{token}/answer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {100 * 2**20}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as one:
        one.sendall(head.encode() + b"x" * 1000)
        assert one.recv(1000).startswith(b"HTTP/1.1 413")
    before = served.process.memory_info().rss
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as one:  # of no stated length
        one.sendall(
            f"POST /s/{token}/answer HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        sent = 0
        try:
            while sent < 100 * 2**20:
                one.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                sent += 65536
        except OSError:
            pass
    assert sent < 20 * 2**20
    assert served.process.memory_info().rss - before < 20 * 2**20
    assert "413" in served.log()
    assert served.raw(f"/s/{token}/answer", b"{}" + b" " * (MOST_BODY + 1))[0] == 413
    assert ask(served.port, token, "answer", {"trial": 0, "answer": 1, "milliseconds": 1500})[0] == 200


def test_nothing_but_the_study_is_served(served: Served) -> None:
    token = served.token(6)
    for path in (
        f"/s/{token}/p/..%2F..%2Flinks.csv", f"/s/{token}/p/../../plan.toml", "/static/..%2Fserver.py", "/plan.toml",
        "/static/study.html", f"/s/{token}/p/links.png", f"/s/{token}/p/%00.png", "/links.csv", "/answers.sqlite",
    ):  # fmt: skip
        assert served.raw(path)[0] == 404, path
    assert served.raw(f"/s/{token}/state", method="DELETE")[0] == 405
    assert served.raw("/", headers="Host: evil.example\r\n")[0] == 400  # another site's name that points here


def test_the_page_may_load_nothing_from_elsewhere_and_names_stay_text(served: Served) -> None:
    token = served.token(7)
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as one:
        one.sendall(f"GET /s/{token}/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: one.recv(65536), b"")).decode()
    head, _, page = answer.partition("\r\n\r\n")
    assert "default-src 'none'" in head
    assert "unsafe" not in head
    assert "referrer-policy: no-referrer" in head
    assert "cache-control: no-store" in head
    assert "http" not in page.replace("http-equiv", "")
    assert "alert(1)" not in page  # the texts come as JSON, and the script shows them as text
    script = served.raw("/static/study.js")[1].decode()
    assert "innerHTML" not in script
    assert "http" not in script


def test_the_log_holds_no_token_and_no_address(served: Served) -> None:
    ask(served.port, "y" * 22, "state")
    log = served.log()
    assert log
    assert "127.0.0.1" not in log
    assert "y" * 22 not in log
    assert not any(served.token(subject) in log for subject in range(20))


def test_no_answer_is_lost_or_doubled_when_the_server_is_killed(tmp_path: Path) -> None:
    make_study(tmp_path / "s", "pairs", count=8, subjects=30)
    told = load(tmp_path / "s", subjects=30, seconds=8, think=0.3, kills=1)
    assert told.sent_again > 0  # the kill was noticed
    assert sum(map(len, told.confirmed.values())) > 60
