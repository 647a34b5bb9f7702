"""The text of an error is one printable sentence, whatever was quoted in it."""

from __future__ import annotations

import pytest

from sshbench.errors import LONGEST, SshbenchError, printable, sentence
from sshbench.lut.cube import CubeFormatError


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
