"""Many subjects at once, with the server killed in between: how long answers take, and whether all are kept.

    python -m tests.study.load --subjects 200 --seconds 60 --kill

makes a study like the paper's, serves it in a process of its own, and answers it as browsers do: each subject loads the
pictures, thinks, and sends an answer again until it is confirmed. Prints percentiles of the time of an answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from sshbench.study.answering import Answer
from sshbench.study.making import read_tokens
from sshbench.study.plan import Plan, read_plan
from sshbench.study.storage import read_answers
from tests.study.serving import SCREEN, Client, free_port, start
from tests.study.studies import make_study, some_answer


@dataclass
class Told:
    """What the clients saw: confirmed answers by subject, and seconds of answers that were sent once."""

    confirmed: dict[int, list[tuple[Answer, int]]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    sent_again: int = 0


async def subject(plan: Plan, port: int, token: str, number: int, until: float, think: float, told: Told) -> None:
    """Answer until the time is over or nothing is left."""
    client, loaded = Client(port, token), set()
    own = told.confirmed[number] = []
    pauses = random.Random(number)
    await asyncio.sleep(pauses.uniform(0, think))
    await surely(client, "consent", {"version": plan.consent.version}, told)
    said = await surely(client, "screen", SCREEN, told)
    while said["stage"] == "trial" and time.monotonic() < until:
        for trial in said["next"]:
            for code in (*trial["pictures"], trial["reference"]):
                if code and code not in loaded:
                    loaded.add(code)
                    await surely(client, f"p/{code}.png", None, told)
        wait = pauses.uniform(0.5 * think, 1.5 * think)
        await asyncio.sleep(wait)
        answer = some_answer(plan, plan.trials(number)[said["done"]], number)
        body = {"trial": said["done"], "answer": answer, "milliseconds": round(1000 * wait) + number}
        before, again = time.perf_counter(), told.sent_again
        said = await surely(client, "answer", body, told)
        if told.sent_again == again:
            told.seconds.append(time.perf_counter() - before)
        own.append((answer, body["milliseconds"]))
    client.close()


async def surely(client: Client, path: str, body: object, told: Told) -> dict:  # type: ignore[type-arg]
    """Ask until there is an answer, as the page does."""
    while True:
        try:
            status, found = await client.ask(path, body)
        except ConnectionError:
            status, found = 0, b""
        if status == 200:
            return {} if path.endswith(".png") else dict(json.loads(found))
        if 0 < status < 500:
            raise AssertionError(f"{path} was refused with {status}: {found!r}")
        told.sent_again += 1
        await asyncio.sleep(0.3)


async def _kill(process: list[subprocess.Popen[bytes]], folder: Path, port: int, times: list[float]) -> None:
    for moment in times:
        await asyncio.sleep(max(0.0, moment - time.monotonic()))
        process[0].kill()
        process[0].wait()
        process[0] = await asyncio.to_thread(start, folder, port)


def load(folder: Path, subjects: int, seconds: float, think: float, kills: int) -> Told:
    """Run the load; returns what clients saw, after comparing it with what is stored.

    Raises
    ------
    AssertionError
        A confirmed answer is not stored, or an answer is stored that was not sent.
    """
    plan, told, port = read_plan(folder), Told(), free_port()
    tokens = {own: token for token, own in read_tokens(folder).items()}
    process = [start(folder, port)]

    async def run() -> None:
        begun = time.monotonic()
        kill = asyncio.create_task(
            _kill(process, folder, port, [begun + seconds * (k + 1) / (kills + 1) for k in range(kills)])
        )
        await asyncio.gather(
            *(subject(plan, port, tokens[n], n, begun + seconds, think, told) for n in range(subjects))
        )
        await kill

    try:
        asyncio.run(run())
    finally:
        process[0].kill()  # a kill, because confirmed answers must be on the disk
        process[0].wait()
    stored: dict[int, list[tuple[Answer, int]]] = {n: [] for n in range(subjects)}
    for row in read_answers(folder, plan):
        assert row.trial == len(stored[row.subject])
        stored[row.subject].append((row.answer, row.milliseconds))
    assert stored == told.confirmed
    return told


def percentile(values: list[float], part: float) -> float:
    """The value that this part of the values do not exceed."""
    return sorted(values)[min(int(part * len(values)), len(values) - 1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--think", type=float, default=2.0, help="mean seconds before an answer")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--study", type=Path, help="take a copy of this study instead of a small one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "study"
        if given.study:
            import shutil

            shutil.copytree(given.study, folder)
        else:
            make_study(folder, count=15, subjects=given.subjects)
        told = load(folder, given.subjects, given.seconds, given.think, given.kills)
    count = sum(map(len, told.confirmed.values()))
    p50, p99, longest = (1000 * percentile(told.seconds, part) for part in (0.5, 0.99, 1.0))
    print(
        f"{given.subjects} subjects, {count} answers in {given.seconds:.0f} s, {given.kills} kills: none lost, none "
        f"doubled; {told.sent_again} requests sent again; time of an answer p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
        f"longest {longest:.1f} ms"
    )


if __name__ == "__main__":
    main()
