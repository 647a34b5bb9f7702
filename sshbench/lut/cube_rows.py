"""The number rows of a `.cube` file: convert bytes from and to float32, in `_cube` if it was built, or in Python.

A row is three decimal numbers separated by blanks (space, tab), optionally followed by blanks and a `#` comment. A
number is what the C language calls a decimal constant with a sign: no NaN, no infinity, no hexadecimal. It becomes the
nearest float32, ties to even; a number beyond the range of float32 is an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    _cube: Any = import_module("sshbench.lut.kernels._cube")
except ImportError:
    _cube = None

# Adobe's limit for writers is 250.
MAX_LINE = 65536

NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
NEWLINE = re.compile(rb"\r\n|\r|\n")
WORD = re.compile(rb"[^ \t]+")
# Old Microsoft libraries print texts such as "1.#INF", which are not a number before a comment.
_COMMENT = re.compile(rb"(?:^|(?<=[ \t]))#|#(?!inf|ind|[qs]?nan)", re.IGNORECASE)
# Most rows have no comment and no large number.
_PLAIN_ROW = re.compile(rb"[ \t]+".join([rb"(-?[0-9]{1,30}(?:\.[0-9]*)?)"] * 3))
NOT_FINITE = re.compile(rb"[+-]?(?:nan(?:\(.*\))?|inf|infinity|[0-9.]+#(?:inf|ind|[qs]?nan).*)", re.IGNORECASE)
_COMMAS = re.compile(rb"[0-9.,eE+-]*,[0-9.,eE+-]*")
_HEXADECIMAL = re.compile(rb"[+-]?0[xX]")


def read_rows(data: bytes, offset: int, rows: NDArray[np.float32]) -> tuple[int, int, int]:
    """Read rows of `data` from `offset`, the start of a line, into `rows`.

    Returns
    -------
    tuple of int
        The number of rows; the offset of the first line that cannot be read, or `len(data)`; and the number of lines
        before this offset. A line can be read if it is a row and `rows` has space, a blank line or a comment, and is no
        longer than `MAX_LINE`.
    """
    if _cube is not None:
        found: tuple[int, int, int] = _cube.parse_rows(data, offset, rows)
        return found
    return _read_rows_python(data, offset, rows)


def line_at(data: bytes, offset: int) -> tuple[bytes, int]:
    """Return the line that starts at `offset`, without its end, and the offset of the next line."""
    newline = NEWLINE.search(data, offset)
    return (data[offset:], len(data)) if newline is None else (data[offset : newline.start()], newline.end())


def split_words(line: bytes) -> list[bytes]:
    """Return the words of a line, without its comment."""
    return WORD.findall(_COMMENT.split(line, maxsplit=1)[0])


def line_fault(line: bytes) -> str:
    """Return the fault of a line that should be a row; empty if there is none."""
    if len(line) > MAX_LINE:
        return f"a line of {len(line)} bytes, more than the {MAX_LINE} that a line may have"
    return fault(split_words(line))


def fault(words: Sequence[bytes], count: int = 3) -> str:
    """Return the fault of `words`, which should be `count` numbers; empty if there is none."""
    for word in words:
        if problem := _word_fault(word):
            return problem
    return "" if len(words) == count else f"{len(words)} number{'s' * (len(words) != 1)} where {count} belong"


def to_float32(words: list[bytes]) -> NDArray[np.float32]:
    """Return the float32 nearest to each decimal number; infinity if a number is too large."""
    wide = np.array([float(word) for word in words], np.float64)
    with np.errstate(over="ignore", under="ignore"):
        values = wide.astype(np.float32)
    # A number within half a unit of a double from the middle between two floats has been rounded twice.
    halfway = (wide.view(np.uint64) & 0x1FFFFFFF) == 0x10000000
    tiny = (np.abs(wide) < np.finfo(np.float32).tiny) & (wide != 0)
    for i in np.flatnonzero(halfway | tiny):
        values[i] = _round_once(words[i], float(wide[i]), values[i])
    return values


def format_rows(values: NDArray[np.float32]) -> bytes:
    """Return rows `[N, 3]` as text, each number with the fewest digits that read back as the same float32."""
    rows = np.ascontiguousarray(values, np.float32)
    if _cube is not None and hasattr(_cube, "format_rows"):
        text: bytes = _cube.format_rows(rows)
        return text
    unique, where = np.unique(rows.view(np.uint32), return_inverse=True)
    words = [format_number(value) for value in unique.view(np.float32)]
    flat = iter([words[i] for i in where.reshape(-1)])
    return "".join(f"{red} {green} {blue}\n" for red, green, blue in zip(flat, flat, flat, strict=True)).encode()


def format_number(value: float | np.float32) -> str:
    """Return one float32 as text, with the fewest digits that read back as the same float32."""
    value = np.float32(value)
    if value == 0 or np.float32(1e-5) <= abs(value) < 1e7:  # np.float32 keeps the comparison in float32 in numpy 1
        return np.format_float_positional(value, unique=True, trim="-")
    return np.format_float_scientific(value, unique=True, trim="-", exp_digits=2)


def _read_rows_python(data: bytes, offset: int, rows: NDArray[np.float32]) -> tuple[int, int, int]:
    words: list[bytes] = []
    lines, capacity = 0, 3 * len(rows)
    while offset < len(data):
        line, following = line_at(data, offset)
        if len(line) > MAX_LINE:
            break
        plain = _PLAIN_ROW.fullmatch(line)
        found = plain.groups() if plain else split_words(line)
        if found:
            if len(words) == capacity or (not plain and fault(found)):
                break
            words += found
        offset, lines = following, lines + 1
    rows.reshape(-1)[: len(words)] = to_float32(words)
    return len(words) // 3, offset, lines


def _word_fault(word: bytes) -> str:
    if NUMBER.fullmatch(word):
        fits = abs(float(word)) < 3e38 or np.isfinite(to_float32([word])[0])
        return "" if fits else f"{quote(word)} is too large for a 32-bit float"
    if NOT_FINITE.fullmatch(word):
        return f"{quote(word)} is not a finite number"
    if _COMMAS.fullmatch(word):
        return f"{quote(word)} has a comma: numbers need a decimal point, and blanks between them"
    if _HEXADECIMAL.match(word):
        return f"{quote(word)} is hexadecimal: numbers are decimal here"
    return f"{quote(word)} is not a number"


def quote(text: bytes) -> str:
    """Return bytes of a file as text for a message."""
    shown = text if len(text) <= 40 else text[:37] + b"..."
    return "'" + shown.decode("ascii", "backslashreplace").encode("unicode_escape").decode().replace("\\\\", "\\") + "'"


def _round_once(word: bytes, wide: float, value: np.float32) -> np.float32:
    """Return the float32 nearest to the decimal `word`. `wide` is its nearest double, and `value` is `wide` rounded."""
    neighbour = np.float32(np.nextafter(value, np.float32(np.copysign(np.inf, wide - float(value)))))
    if wide == float(value):
        return value
    low, high = (value, neighbour) if value < neighbour else (neighbour, value)
    middle = (_finite(low) + _finite(high)) / 2
    exact = Decimal(word.decode())
    if wide != middle or exact == Decimal(middle):
        return value
    return high if exact > Decimal(middle) else low


def _finite(value: np.float32) -> float:
    # Rounding to infinity starts halfway between the largest float32 and the number that would follow it.
    return float(value) if np.isfinite(value) else float(np.copysign(2.0**128, value))
