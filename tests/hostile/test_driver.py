"""The driver finds what it is there to find: each kind of fault, and none where a reader is sound."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from sshbench.errors import SshbenchError
from tests.hostile.driver import ODD_NAMES, Files, Target, damaged, odd_json, run


def _make(random: Random) -> Files:
    return {"number.txt": str(random.randrange(1000)).encode()}


def _spoilt(random: Random, files: Files) -> Files:
    return {"number.txt": b"x" + files["number.txt"]}


def _bad(folder: Path) -> bool:
    """Whether the input was damaged; each reader below is sound on the others."""
    return (folder / "number.txt").read_bytes().startswith(b"x")


def _sound(folder: Path) -> None:
    if _bad(folder):
        raise SshbenchError("number.txt holds no number")


_FIRST = [True]


def _refuses_all_but_the_first(folder: Path) -> None:
    if not _FIRST:
        raise SshbenchError("no")
    _FIRST.clear()


def _raises(folder: Path) -> None:
    if _bad(folder):
        raise KeyError("x")


def _mumbles(folder: Path) -> None:
    if _bad(folder):
        raise SshbenchError("")


def _allocates(folder: Path) -> None:
    if _bad(folder):
        bytearray(2**26)[::4096] = bytes(2**14)


def _allocates_far_more(folder: Path) -> None:
    if _bad(folder):
        bytearray(2**40)


def _burns(folder: Path) -> None:
    end = time.process_time() + (0.5 if _bad(folder) else 0)
    while time.process_time() < end:
        pass


def _waits(folder: Path) -> None:
    if _bad(folder):
        os.read(os.pipe()[0], 1)


def _reads_elsewhere(folder: Path) -> None:
    if _bad(folder):
        Path("/etc/passwd").read_text()


def _writes_elsewhere(folder: Path) -> None:
    if _bad(folder):
        (folder / ".." / "outside").write_text("x")


def _deletes_elsewhere(folder: Path) -> None:
    if _bad(folder):
        os.remove(folder.parent / "outside")


def _starts_a_program(folder: Path) -> None:
    if _bad(folder):
        os.system("true")


def _runs_code(folder: Path) -> None:
    if _bad(folder):
        exec(compile("1", str(folder / "number.txt"), "exec"))


def _crashes(folder: Path) -> None:
    if _bad(folder):
        os.abort()


def test_a_sound_reader_has_no_fault(tmp_path: Path) -> None:
    outcome = run(Target(_make, _sound, _spoilt), tmp_path, 0.5, "0")
    assert outcome.faults == {}
    assert outcome.read
    assert outcome.refused
    assert outcome.inputs == outcome.read + outcome.refused


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (_raises, "KeyError at test_driver.py"),
        (_mumbles, "no printable sentence"),
        (_allocates, "more than 16 MB"),
        (_allocates_far_more, "MemoryError"),
        (_burns, "s of processor time"),
        (_waits, "TooLong"),
        (_reads_elsewhere, "Escape"),
        (_writes_elsewhere, "Escape"),
        (_deletes_elsewhere, "Escape"),
        (_starts_a_program, "Escape"),
        (_runs_code, "Escape"),
        (_crashes, "SIGABRT"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.skipif(sys.platform != "linux", reason="the bounds on memory are those of Linux")
def test_a_fault_is_found_and_its_input_kept(read: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    outcome = run(Target(_make, read, _spoilt, memory=2**24, seconds=0.3), tmp_path, 0.5, "0")
    assert [said in fault for fault in outcome.faults] == [True], outcome.faults
    kept = Path(*outcome.faults.values())
    assert (kept / "number.txt").read_bytes().startswith(b"x")


def test_a_valid_input_that_is_refused_is_a_fault(tmp_path: Path) -> None:
    outcome = run(Target(_make, _refuses_all_but_the_first, _spoilt), tmp_path, 0.5, "0")
    assert list(outcome.faults) == ["a valid input is refused: 'no'"]


def test_an_input_follows_from_its_seed_and_bad() -> None:
    files = {"a": b"some bytes", "b": bytes(100)}
    made = [dict(damaged(Random("7 3"), files)) for _ in range(2)]
    assert made[0] == made[1]
    assert len({tuple(sorted(damaged(Random(f"7 {n}"), files).items())) for n in range(50)}) > 40


def test_json_is_damaged_at_every_depth() -> None:
    value = {"a": [{"b": 1}], "c": "x"}
    made = [odd_json(Random(str(n)), value) for n in range(300)]
    assert any(isinstance(one, dict) and one.get("c") in ODD_NAMES for one in made)
    assert any(isinstance(one, dict) and one.get("c") == "x" and one.get("a") != value["a"] for one in made)
    assert value == {"a": [{"b": 1}], "c": "x"}
