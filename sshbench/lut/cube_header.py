"""The keyword lines of a `.cube` file, and the errors of its rules."""

from __future__ import annotations

import os
import re
import warnings
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError, printable
from sshbench.lut import cube_rows
from sshbench.lut.domain import UNIT, Domain
from sshbench.lut.table import MAX_SIZE_1D, MAX_SIZE_3D, MIN_SIZE, LutError

# No tool writes more. Without a limit, a large file of words would be refused only after minutes.
MAX_KEYWORDS = 1000

_KEYWORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TITLE = re.compile(rb'"([^"]*)"[ \t]*(?:#.*)?')
_SIZES = {b"LUT_1D_SIZE": MAX_SIZE_1D, b"LUT_3D_SIZE": MAX_SIZE_3D}
_BOUNDS = {b"DOMAIN_MIN": 3, b"DOMAIN_MAX": 3, b"LUT_1D_INPUT_RANGE": 2, b"LUT_3D_INPUT_RANGE": 2}
_IN_VIDEO, _OUT_VIDEO = b"LUT_IN_VIDEO_RANGE", b"LUT_OUT_VIDEO_RANGE"
_KNOWN = {b"TITLE", *_SIZES, *_BOUNDS, _IN_VIDEO, _OUT_VIDEO}
# In video range, black is 16 and white is 235 of 255; the numbers of a table are codes divided by 255.
_VIDEO_BLACK, _VIDEO_WIDTH = 16 / 255, 219 / 255


class CubeFormatError(SshbenchError, ValueError):
    """A file is not a valid `.cube`.

    `path` names the file, `line` the number of the line (None if the fault is in no single line), and `reason` the
    fault.
    """

    def __init__(self, path: str | os.PathLike[str], line: int | None, reason: str) -> None:
        super().__init__(path, line, reason)
        self.path, self.line, self.reason = os.fspath(path), line, reason

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}, line {self.line}"
        return printable(f"{where}: {self.reason}")


class CubeWarning(UserWarning):
    """A `.cube` file has content that the specification does not define, and this content changes no number."""


def keyword_of(line: bytes) -> bytes:
    """Return the word that makes a line a keyword line; empty if the line is a row, valid or not."""
    line = line.strip(b" \t")
    match = _KEYWORD.match(line)
    return match.group() if match and not _starts_not_finite(line) else b""


def _starts_not_finite(line: bytes) -> bool:
    """Return whether a line starts with a NaN or an infinity, so that it is an invalid row and not a keyword line."""
    first = cube_rows.WORD.search(line)
    return first is not None and cube_rows.NOT_FINITE.fullmatch(first.group()) is not None


def is_unknown_keyword(text: str) -> bool:
    """Return whether this word may be an unknown keyword, so that the rest of its line becomes metadata."""
    word = text.encode(errors="replace")
    return keyword_of(word) == word != b"" and word.upper() not in _KNOWN


def is_one_line(text: str) -> bool:
    """Return whether a text fits on one line: it has no control characters and no unpaired surrogates."""
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return False
    return not (_CONTROL.search(raw) or b"\n" in raw or b"\r" in raw)


def numbers(values: tuple[float, ...]) -> str:
    """Return numbers as text in the form of a keyword line."""
    return " ".join(cube_rows.format_number(value) for value in values)


_HIGHEST = 16.0  # in tables with a log curve before linear light, only few values exceed this


@dataclass
class Header:
    """The keywords of a file, each with the number of its line."""

    path: str
    title: str = ""
    unknown: dict[str, list[str]] = field(default_factory=dict)
    lines: dict[bytes, int] = field(default_factory=dict)
    sizes: dict[bytes, int] = field(default_factory=dict)
    bounds: dict[bytes, tuple[float, ...]] = field(default_factory=dict)
    flags: set[bytes] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)

    def read(self, data: bytes) -> tuple[int, int]:
        """Read all lines before the first row; return the offset and the line of that row, or of the end."""
        offset, number = 0, 1
        no_rows = np.empty((0, 3), np.float32)
        count = 0
        while True:
            line, following = cube_rows.line_at(data, offset)
            word = keyword_of(line)
            if not word or len(line) > cube_rows.MAX_LINE:
                _, after, passed = cube_rows.read_rows(data, offset, no_rows)  # skips blank lines and comments
                if not passed:
                    return offset, number
                offset, number = after, number + passed
                continue
            if count == MAX_KEYWORDS:
                raise CubeFormatError(self.path, number, f"more than {MAX_KEYWORDS} keywords before the first row")
            self._add(word, line.lstrip(b" \t")[len(word) :].rstrip(b" \t"), number)
            offset, number, count = following, number + 1, count + 1

    def domains(self) -> tuple[Domain, Domain]:
        """Return the domains of the 1D and the 3D table, in full range."""
        domains = {name: self._domain_of(name) for name in ("1D", "3D")}
        if _IN_VIDEO in self.flags:
            first = "1D" if b"LUT_1D_SIZE" in self.sizes else "3D"
            with np.errstate(over="ignore"):
                ends = full_range(np.array([domains[first].lower, domains[first].upper])).astype(np.float32)
            if not np.isfinite(ends).all():
                raise self._error(_IN_VIDEO, "the domain in full range is too large for a 32-bit float")
            lower, upper = (tuple(bound) for bound in ends.tolist())
            domains[first] = self._domain(_IN_VIDEO, b"the domain in full range", lower, upper)
        return domains["1D"], domains["3D"]

    def in_full_range(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the values of the last table; if LUT_OUT_VIDEO_RANGE is set, bring black to 0 and white to 1."""
        if _OUT_VIDEO not in self.flags:
            return values
        with np.errstate(over="ignore"):
            full = full_range(values.astype(np.float64)).astype(np.float32)
        if not np.isfinite(full).all():
            raise self._error(_OUT_VIDEO, "a value in full range is too large for a 32-bit float")
        full.flags.writeable = False
        return full

    def _domain_of(self, name: str) -> Domain:
        """Return the domain of the 1D or the 3D table as the file states it."""
        range_keyword = f"LUT_{name}_INPUT_RANGE".encode()
        bounds = self.bounds.get(range_keyword)
        if f"LUT_{name}_SIZE".encode() not in self.sizes:
            if bounds is not None:
                other = {"1D": "3D", "3D": "1D"}[name]
                said = f"{range_keyword.decode()} without LUT_{name}_SIZE"
                if bounds != (0.0, 1.0) or not self._domain_of(other).is_unit:
                    reason = f"the range of the {other} table is stated by LUT_{other}_INPUT_RANGE"
                    raise self._error(range_keyword, f"{said}; {reason}")
                self.remarks.append(f"{said}: 0 to 1, which is the range of the {other} table too")
            return UNIT
        by_range = bounds and self._domain(range_keyword, range_keyword, (bounds[0],) * 3, (bounds[1],) * 3)
        by_channel = None
        if stated := [key for key in (b"DOMAIN_MIN", b"DOMAIN_MAX") if key in self.bounds]:
            last = max(stated, key=lambda key: self.lines[key])
            if len(self.sizes) == 2:
                if self._states_unit_domains():
                    return UNIT
                reason = "with a 1D and a 3D table, LUT_1D_INPUT_RANGE and LUT_3D_INPUT_RANGE state the domains"
                raise self._error(last, f"{last.decode()} does not say which table it is for; {reason}")
            lower, upper = self.bounds.get(b"DOMAIN_MIN", (0.0,) * 3), self.bounds.get(b"DOMAIN_MAX", (1.0,) * 3)
            by_channel = self._domain(last, b"DOMAIN_MIN to DOMAIN_MAX", lower, upper)
            if by_range and by_range != by_channel:
                raise self._error(
                    max(last, range_keyword, key=lambda key: self.lines[key]),
                    f"LUT_{name}_INPUT_RANGE and DOMAIN_MIN, DOMAIN_MAX state different domains",
                )
        return by_channel or by_range or UNIT

    def _states_unit_domains(self) -> bool:
        """Return whether all domains that the file states are 0 to 1, so that their assignment to tables is irrelevant.

        If so, one remark says that `DOMAIN_MIN` and `DOMAIN_MAX` apply to both tables.
        """
        unit = {b"DOMAIN_MIN": (0.0,) * 3, b"DOMAIN_MAX": (1.0,) * 3}
        if any(bounds != unit.get(key, (0.0, 1.0)) for key, bounds in self.bounds.items()):
            return False
        said = "DOMAIN_MIN and DOMAIN_MAX, 0 to 1, count for the 1D and the 3D table"
        if said not in self.remarks:
            self.remarks.append(said)
        return True

    def check_white(self, values: NDArray[np.float32], domain: Domain) -> None:
        """Note a table whose values are most likely over 0..255 or another range of integers."""
        if max(domain.upper) <= _HIGHEST and float(values.mean()) > _HIGHEST and np.median(values) > _HIGHEST:
            largest = cube_rows.format_number(float(values.max()))
            self.remarks.append(f"most values are above {_HIGHEST:g}, up to {largest}, and 1 is white in a .cube file")

    def warn(self) -> None:
        """Warn once about all content that the format does not define."""
        remarks = list(self.remarks)
        if self.unknown:
            words = list(self.unknown)
            more = f" and {len(words) - 5} more" if len(words) > 5 else ""
            remarks.append(f"unknown keyword {', '.join(word[:40] for word in words[:5])}{more} kept as metadata")
        if remarks:
            warnings.warn(f"{self.path}: {'; '.join(remarks)}", CubeWarning, stacklevel=3)

    def _add(self, word: bytes, rest: bytes, number: int) -> None:
        keyword = word.upper()
        known = keyword in _KNOWN
        if control := _CONTROL.search(rest):
            reason = f"control character {control.group()[0]:#04x} in the text after {word[:40].decode()}"
            raise CubeFormatError(self.path, number, reason)
        if rest and (rest[:1] not in (b" ", b"\t", b"#") or (rest[:1] == b"#" and not known)):
            raise CubeFormatError(self.path, number, f"{cube_rows.quote(word + rest)} is neither a keyword nor a row")
        if known and self.lines.setdefault(keyword, number) != number:
            reason = f"{keyword.decode()} a second time; the first is on line {self.lines[keyword]}"
            raise CubeFormatError(self.path, number, reason)
        if keyword in _SIZES:
            self.sizes[keyword] = self._size(keyword, rest)
        elif keyword in _BOUNDS:
            self.bounds[keyword] = self._bounds(keyword, rest)
        elif keyword in (_IN_VIDEO, _OUT_VIDEO):
            if words := cube_rows.split_words(rest):
                shown = cube_rows.quote(b" ".join(words))
                raise self._error(keyword, f"{keyword.decode()} stands alone on its line, not before {shown}")
            self.flags.add(keyword)
        elif keyword == b"TITLE":
            self.title = self._title(rest.strip(b" \t"))
        else:
            self.unknown.setdefault(word.decode(), []).append(_decode(rest.strip(b" \t")))

    def _size(self, keyword: bytes, rest: bytes) -> int:
        words, largest = cube_rows.split_words(rest), _SIZES[keyword]
        if len(words) != 1 or not re.fullmatch(rb"[+-]?[0-9]+", words[0]):
            shown = cube_rows.quote(b" ".join(words))
            raise self._error(keyword, f"{keyword.decode()} takes one whole number, not {shown}")
        # Python refuses to convert thousands of digits to an integer.
        digits = words[0].lstrip(b"+-").lstrip(b"0")
        if words[0].startswith(b"-") or len(digits) > 6 or not MIN_SIZE <= int(digits or b"0") <= largest:
            raise self._error(
                keyword, f"{keyword.decode()} is {MIN_SIZE} to {largest}, not {cube_rows.quote(words[0])}"
            )
        return int(digits)

    def _bounds(self, keyword: bytes, rest: bytes) -> tuple[float, ...]:
        words = cube_rows.split_words(rest)
        if reason := cube_rows.fault(words, _BOUNDS[keyword]):
            raise self._error(keyword, f"{keyword.decode()}: {reason}")
        return tuple(float(value) for value in cube_rows.to_float32(words))

    def _domain(self, keyword: bytes, what: bytes, lower: tuple[float, ...], upper: tuple[float, ...]) -> Domain:
        try:
            return Domain(lower, upper)  # type: ignore[arg-type]
        except LutError:
            low, high = numbers(lower), numbers(upper)
            reason = f"{what.decode()} is empty or inverted: {low} is not below {high} in every channel"
            raise self._error(keyword, reason) from None

    def _title(self, text: bytes) -> str:
        if b'"' in text:
            quoted = _TITLE.fullmatch(text)
            if quoted is None:
                raise self._error(b"TITLE", f"{cube_rows.quote(text)} is not one text in double quotes")
            return _decode(quoted.group(1))
        self.remarks.append(f"the title on line {self.lines[b'TITLE']} is not in quotes")
        return _decode(text)

    def _error(self, keyword: bytes, reason: str) -> CubeFormatError:
        return CubeFormatError(self.path, self.lines[keyword], reason)


def full_range(video: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert video range, where black is 16/255 and white 235/255, to full range with black at 0 and white at 1."""
    return np.asarray((video - _VIDEO_BLACK) / _VIDEO_WIDTH)


def _decode(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
