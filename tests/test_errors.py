"""The text of an error is one printable sentence, whatever was quoted in it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from sshbench.benchmarks.open import SPLITS
from sshbench.benchmarks.protocol import PROTOCOLS
from sshbench.errors import LONGEST, SshbenchError, counted, printable, sentence, suggestion
from sshbench.lut.cube import CubeFormatError
from sshbench.methods.registry import METHODS
from sshbench.metrics.suite import METRICS
from sshbench.training.objectives import OBJECTIVES


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("photo.png is no image", "photo.png is no image"),
        ("café: 1 × 2", "café: 1 × 2"),
        ("two\n  lines\r\nthree", "two lines three"),
        ("\x1b]0;title\x07\x1b[2J", r"\x1b]0;title\x07\x1b[2J"),
        ("a\0b", r"a\x00b"),
        ("caf\udce9.png", r"caf\udce9.png"),
        ("photo\u202egnp.exe", r"photo\u202egnp.exe"),
    ],
)
def test_what_does_not_print_is_escaped(text: str, said: str) -> None:
    assert printable(text) == said
    assert str(SshbenchError(text)) == said
    assert sentence(OSError(2, "No such file or directory", text)) == f"{said}: No such file or directory"
    assert str(CubeFormatError(text, 3, "no row")) == f"{said}, line 3: no row"


@pytest.mark.parametrize("text", ["x" * 10**7, "\0" * 10**5, "\n" * 10**5 + "x" * 10**5, "ab\x1b" * 2000])
def test_a_long_text_keeps_its_beginning_and_end(text: str) -> None:
    said = printable(f"begin {text} end")
    assert len(said) <= LONGEST
    assert said.startswith("begin")
    assert said.endswith(" end")
    assert said.isprintable()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("reinhart", "; did you mean 'reinhard'?"),
        ("Pitie", "; did you mean 'pitie'?"),
        ("monge", "; did you mean 'monge-kantorovich'?"),
        ("shh", "; did you mean 'ssh'?"),
    ],
)
def test_a_near_name_is_suggested(name: str, said: str) -> None:
    assert suggestion(name, METHODS) == said


def test_capitals_do_not_hide_a_near_name() -> None:
    assert suggestion("HalfGian", ["HalfGain", "Other"]) == "; did you mean 'HalfGain'?"
    assert suggestion("DOVNET", ["DoveNet", "ssh"]) == "; did you mean 'DoveNet'?"


def test_where_several_names_are_equally_near_none_is_chosen() -> None:
    stops = ["-2 EV", "-1 EV", "+1 EV", "+2 EV", "2800 K"]
    assert suggestion("3 EV", stops) == f"; there are {', '.join(stops)}"
    assert suggestion("3 EV", stops, most=4).startswith("; did you mean '")
    grades = ["grade-01", "grade-02", "grade-03", "grade-04", "grade-05"]
    assert suggestion("grade_01", grades, most=3) == "; did you mean 'grade-01'?"
    assert suggestion("-2 EB", stops) == "; did you mean '-2 EV'?"


@pytest.mark.parametrize(
    "known",
    [METHODS, PROTOCOLS, SPLITS, METRICS, OBJECTIVES],
    ids=["methods", "protocols", "splits", "metrics", "objectives"],
)
@pytest.mark.parametrize("name", ["nonexist", "banana", "xyz", "q"])
def test_no_name_is_suggested_that_is_far_off(name: str, known: Iterable[str]) -> None:
    assert suggestion(name, known) == f"; there are {', '.join(known)}"
    assert suggestion(name, known, otherwise="see below") == "; see below"


def test_a_long_list_is_cut() -> None:
    assert suggestion("x", map(str, range(100, 200))).endswith("129 and 70 more")
    assert suggestion("x", []) == ""


@pytest.mark.parametrize(("count", "said"), [(0, "0 images"), (1, "1 image"), (2, "2 images"), (1234, "1,234 images")])
def test_one_thing_is_no_plural(count: int, said: str) -> None:
    assert counted(count, "image") == said
