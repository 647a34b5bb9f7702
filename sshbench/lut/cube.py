"""Read and write `.cube` files: 1D, 3D, and Resolve's shaper followed by a 3D table.

The format is the Adobe Cube LUT Specification 1.0 (2013) with DaVinci Resolve's extensions (`LUT_1D_INPUT_RANGE`,
`LUT_3D_INPUT_RANGE`, a 1D table before the 3D one). `docs/cube-rules.md` lists every rule with our answer. What the
two texts forbid is refused with file, line and reason; nothing is repaired in silence.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
import warnings
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError
from sshbench.lut import cube_rows
from sshbench.lut.table import MAX_SIZE_1D, MAX_SIZE_3D, MIN_SIZE, Domain, Lut, LutError
from sshbench.whole_file import whole_file

# A table of 256^3 rows with six decimals takes 453 MB.
MAX_BYTES = 512 * 1024 * 1024

_KEYWORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TITLE = re.compile(rb'"([^"]*)"[ \t]*(?:#.*)?')
_SIZES = {b"LUT_1D_SIZE": MAX_SIZE_1D, b"LUT_3D_SIZE": MAX_SIZE_3D}
_BOUNDS = {b"DOMAIN_MIN": 3, b"DOMAIN_MAX": 3, b"LUT_1D_INPUT_RANGE": 2, b"LUT_3D_INPUT_RANGE": 2}
_SIGNATURES = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\x89PNG": "PNG",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}


class CubeFormatError(SshbenchError, ValueError):
    """A file that is no valid `.cube`: which file, which line (None where no line is to blame), and why."""

    def __init__(self, path: str | os.PathLike[str], line: int | None, reason: str) -> None:
        super().__init__(path, line, reason)
        self.path, self.line, self.reason = os.fspath(path), line, reason

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}, line {self.line}"
        return f"{where}: {self.reason}"


class CubeWarning(UserWarning):
    """Something in a `.cube` file that the specification does not know and that changes no number."""


def read_cube(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Lut:
    """Read a `.cube` file.

    Parameters
    ----------
    path
        A regular file: UTF-8 or Latin-1 text, or UTF-16 with a byte order mark.
    max_bytes
        Larger files are refused unread.

    Returns
    -------
    Lut
        Numbers are the float32 nearest to the file's decimals. Keywords without a meaning here are in `metadata`, the
        values of a repeated one separated by newlines. The domain of a 1D table is `shaper_domain`.

    Raises
    ------
    CubeFormatError
        The file breaks a rule of the format, or is no regular file of at most `max_bytes`.
    OSError
        The file does not exist or cannot be read.

    Warns
    -----
    CubeWarning
        Once a file, where it has unknown keywords or a title without quotes.
    """
    source = os.fspath(path)
    data = _text(source, _read_bytes(source, max_bytes))
    header = _Header(source)
    offset, line = header.read(data)
    size_1d, size_3d = header.size(b"LUT_1D_SIZE"), header.size(b"LUT_3D_SIZE")
    if not (size_1d or size_3d):
        first = cube_rows.split_words(cube_rows.line_at(data, offset)[0])
        reason = first and cube_rows.fault(first)
        line -= offset == len(data)  # behind the last line there is none to name
        raise CubeFormatError(source, line, reason or "neither LUT_1D_SIZE nor LUT_3D_SIZE comes before the data")
    domain_1d, domain_3d = header.domains()
    rows = _rows(source, data, offset, line, size_1d, size_3d)
    header.warn()
    return Lut(
        values=rows[size_1d:].reshape(size_3d, size_3d, size_3d, 3) if size_3d else None,
        shaper_values=rows[:size_1d] if size_1d else None,
        domain=domain_3d,
        shaper_domain=domain_1d,
        title=header.title,
        source=source,
        metadata=header.metadata,
    )


def write_cube(lut: Lut, path: str | os.PathLike[str]) -> None:
    """Write a `.cube` file that reads back with the same float32 bits, title, domains and metadata.

    A 1D or a 3D LUT takes Adobe's form, a shaper with a table Resolve's. The file appears whole or not at all.

    Raises
    ------
    LutError
        The LUT has what the format cannot hold: a shaper or table with different domains a channel in Resolve's form,
        a title with a double quote or a line break, metadata that is not one keyword and text a line.
    OSError
        The folder does not exist or cannot be written.
    """
    lines = [f'TITLE "{_checked_title(lut.title)}"'] if lut.title else []
    lines += _metadata_lines(lut)
    tables: list[NDArray[np.float32]] = []
    stages = (("1D", lut.shaper_values, lut.shaper_domain), ("3D", lut.values, lut.domain))
    for name, values, domain in stages:
        if values is None:
            continue
        lines.append(f"LUT_{name}_SIZE {len(values)}")
        if lut.kind == "shaper+3d":
            lines += _range_lines(name, domain)
        elif domain != Domain():
            lines += [f"DOMAIN_MIN {_numbers(domain.lower)}", f"DOMAIN_MAX {_numbers(domain.upper)}"]
        tables.append(values.reshape(-1, 3))
    text = "\n".join(lines).encode() + b"\n" + b"".join(cube_rows.format_rows(table) for table in tables)
    with whole_file(path) as temporary:
        temporary.write_bytes(text)


@dataclass
class _Header:
    """The keywords of a file, each with the line it stands on."""

    path: str
    title: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    lines: dict[bytes, int] = field(default_factory=dict)
    sizes: dict[bytes, int] = field(default_factory=dict)
    bounds: dict[bytes, tuple[float, ...]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def read(self, data: bytes) -> tuple[int, int]:
        """Read all lines before the first row; return where that row, or the end, is: offset and line."""
        offset, number = 0, 1
        while offset < len(data):
            line, following = cube_rows.line_at(data, offset)
            line = line.strip(b" \t")
            if line and not line.startswith(b"#"):
                keyword = _KEYWORD.match(line)
                if keyword is None or cube_rows.looks_like_number(line):
                    return offset, number
                self._add(keyword.group(), line[keyword.end() :], number)
            offset, number = following, number + 1
        return offset, number

    def size(self, keyword: bytes) -> int:
        """Points along an axis; 0 where the file has no such table."""
        return self.sizes.get(keyword, 0)

    def domains(self) -> tuple[Domain, Domain]:
        """The domains of the 1D and the 3D table."""
        both = len(self.sizes) == 2
        domains = []
        for name in ("1D", "3D"):
            range_keyword = f"LUT_{name}_INPUT_RANGE".encode()
            bounds = self.bounds.get(range_keyword)
            if f"LUT_{name}_SIZE".encode() not in self.sizes:
                if bounds is not None:
                    raise self._error(range_keyword, f"LUT_{name}_INPUT_RANGE without LUT_{name}_SIZE: no table has it")
                domains.append(Domain())
                continue
            by_range = bounds and self._domain(range_keyword, range_keyword, (bounds[0],) * 3, (bounds[1],) * 3)
            by_channel = None
            if stated := [key for key in (b"DOMAIN_MIN", b"DOMAIN_MAX") if key in self.bounds]:
                last = max(stated, key=lambda key: self.lines[key])
                if both:
                    reason = "with a 1D and a 3D table, LUT_1D_INPUT_RANGE and LUT_3D_INPUT_RANGE state the domains"
                    raise self._error(last, f"{last.decode()} does not say which table it is for; {reason}")
                lower, upper = self.bounds.get(b"DOMAIN_MIN", (0.0,) * 3), self.bounds.get(b"DOMAIN_MAX", (1.0,) * 3)
                by_channel = self._domain(last, b"DOMAIN_MIN to DOMAIN_MAX", lower, upper)
                if by_range and by_range != by_channel:
                    raise self._error(
                        max(last, range_keyword, key=lambda key: self.lines[key]),
                        f"LUT_{name}_INPUT_RANGE and DOMAIN_MIN, DOMAIN_MAX state different domains",
                    )
            domains.append(by_channel or by_range or Domain())
        return domains[0], domains[1]

    def warn(self) -> None:
        if self.remarks:
            warnings.warn(f"{self.path}: {'; '.join(self.remarks)}", CubeWarning, stacklevel=3)

    def _add(self, word: bytes, rest: bytes, number: int) -> None:
        keyword = word.upper()
        known = keyword == b"TITLE" or keyword in _SIZES or keyword in _BOUNDS
        if control := _CONTROL.search(rest):
            reason = f"control character {control.group()[0]:#04x} in the text after {word.decode()}"
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
        elif keyword == b"TITLE":
            self.title = self._title(rest.strip(b" \t"))
        else:
            self._add_unknown(word.decode(), _decode(rest.strip(b" \t")), number)

    def _size(self, keyword: bytes, rest: bytes) -> int:
        words, largest = cube_rows.split_words(rest), _SIZES[keyword]
        shown = cube_rows.quote(b" ".join(words))
        if len(words) != 1 or not re.fullmatch(rb"[+-]?[0-9]+", words[0]):
            raise self._error(keyword, f"{keyword.decode()} takes one whole number, not {shown}")
        # Python refuses to turn thousands of digits into an integer.
        digits = words[0].lstrip(b"+-").lstrip(b"0")
        if words[0].startswith(b"-") or len(digits) > 6 or not MIN_SIZE <= int(digits or b"0") <= largest:
            raise self._error(keyword, f"{keyword.decode()} is {MIN_SIZE} to {largest}, not {shown}")
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
            low, high = _numbers(lower), _numbers(upper)
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

    def _add_unknown(self, word: str, value: str, number: int) -> None:
        if word in self.metadata:
            self.metadata[word] += "\n" + value
        else:
            self.metadata[word] = value
            self.remarks.append(f"unknown keyword {word} on line {number}, kept as metadata")

    def _error(self, keyword: bytes, reason: str) -> CubeFormatError:
        return CubeFormatError(self.path, self.lines[keyword], reason)


def _read_bytes(path: str, max_bytes: int) -> bytes:
    status = os.stat(path)  # before opening, which waits where the path is a pipe without a writer
    if stat.S_ISDIR(status.st_mode):
        raise CubeFormatError(path, None, "is a folder, not a .cube file")
    if not stat.S_ISREG(status.st_mode):
        raise CubeFormatError(path, None, "is not a regular file")
    if status.st_size > max_bytes:
        reason = f"has {status.st_size} bytes, more than the limit of {max_bytes}; raise max_bytes to read it"
        raise CubeFormatError(path, None, reason)
    with open(path, "rb") as file:
        return file.read()


def _text(path: str, data: bytes) -> bytes:
    """The file's text as UTF-8 (or Latin-1) bytes without a byte order mark."""
    for signature, name in _SIGNATURES.items():
        if data.startswith(signature):
            raise CubeFormatError(path, 1, f"is {name} data, not text")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeDecodeError as error:
            raise CubeFormatError(path, 1, f"starts as UTF-16 and is not: {error.reason}") from None
    elif data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8) :]
    if (where := data.find(b"\0")) >= 0:
        line = len(cube_rows.NEWLINE.findall(data, 0, where)) + 1
        raise CubeFormatError(path, line, "holds a zero byte: binary data, or UTF-16 without a byte order mark")
    if not data.strip(b" \t\r\n"):
        raise CubeFormatError(path, 1, "the file is empty")
    return data


def _rows(path: str, data: bytes, offset: int, line: int, size_1d: int, size_3d: int) -> NDArray[np.float32]:
    needed = size_1d + size_3d**3
    # A row takes at least six bytes, so a small file that claims a large table costs little memory.
    rows = np.empty((min(needed, (len(data) - offset + 1) // 6), 3), np.float32)
    found, stop, passed = cube_rows.read_rows(data, offset, rows)
    sizes = {"LUT_1D_SIZE": size_1d, "LUT_3D_SIZE": size_3d}
    expected = f"{needed} rows of {' and '.join(f'{keyword} {size}' for keyword, size in sizes.items() if size)}"
    if stop < len(data):
        text = cube_rows.line_at(data, stop)[0].strip(b" \t")
        keyword = _KEYWORD.match(text)
        if keyword and not cube_rows.looks_like_number(text):
            reason = f"{cube_rows.quote(keyword.group())} after the first row; keywords come before the data"
        else:
            reason = cube_rows.fault(cube_rows.split_words(text)) or f"a row more than the {expected}"
        raise CubeFormatError(path, line + passed, reason)
    if found < needed:
        reason = f"the file ends after {found} of the {expected}"
        raise CubeFormatError(path, line + passed - 1, reason)
    rows.flags.writeable = False
    return rows


def _decode(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(cube_rows.format_number(value) for value in values)


def _range_lines(name: str, domain: Domain) -> list[str]:
    if len(set(domain.lower)) > 1 or len(set(domain.upper)) > 1:
        reason = "Resolve's .cube, the only one with a shaper and a table, has one input range for all channels"
        raise LutError(f"the {name} domain {domain.lower} to {domain.upper} differs between channels: {reason}")
    return [] if domain == Domain() else [f"LUT_{name}_INPUT_RANGE {_numbers((domain.lower[0], domain.upper[0]))}"]


def _checked_title(title: str) -> str:
    if '"' in title or not _is_one_line(title):
        raise LutError(f"the title {title!r} has a double quote or a control character, which a .cube cannot hold")
    return title


def _metadata_lines(lut: Lut) -> list[str]:
    lines = []
    for key, value in lut.metadata.items():
        known = key.upper().encode() in (b"TITLE", *_SIZES, *_BOUNDS)
        word = key.encode(errors="replace")
        if known or not _KEYWORD.fullmatch(word) or cube_rows.looks_like_number(word):
            raise LutError(f"the metadata key {key!r} is no keyword that a .cube can hold")
        for text in value.split("\n"):
            if text.strip(" \t") != text or not _is_one_line(text):
                raise LutError(f"the metadata {key!r} has blanks at an end or control characters: {text!r}")
            lines.append(f"{key} {text}" if text else key)
    return lines


def _is_one_line(text: str) -> bool:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return False
    return not (_CONTROL.search(raw) or b"\n" in raw or b"\r" in raw)
