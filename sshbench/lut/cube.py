"""Read and write `.cube` files: 1D, 3D, and Resolve's shaper followed by a 3D table.

The format is the Adobe Cube LUT Specification 1.0 (2013) with DaVinci Resolve's extensions (`LUT_1D_INPUT_RANGE`,
`LUT_3D_INPUT_RANGE`, `LUT_IN_VIDEO_RANGE`, `LUT_OUT_VIDEO_RANGE`, a 1D table before the 3D one).
`docs/cube-rules.md` lists every rule with our answer. A file that breaks a rule of these two texts is refused with
file, line and reason; nothing is repaired silently.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sshbench.lut import cube_rows
from sshbench.lut.cube_header import MAX_KEYWORDS, Header, is_one_line, is_unknown_keyword, keyword_of, numbers
from sshbench.lut.cube_header import CubeFormatError as CubeFormatError
from sshbench.lut.cube_header import CubeWarning as CubeWarning
from sshbench.lut.table import Domain, Lut, LutError
from sshbench.whole_file import whole_file

# A table of 256^3 rows with six decimals takes 453 MB.
MAX_BYTES = 512 * 1024 * 1024

_NOT_BLANK = re.compile(rb"[^ \t\r\n]")
_SIGNATURES = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}


def read_cube(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Lut:
    """Read a `.cube` file.

    Parameters
    ----------
    path
        A regular file: UTF-8 or Latin-1 text, or UTF-16 with a byte order mark.
    max_bytes
        The largest file that is read, in bytes; the default is 512 MiB.

    Returns
    -------
    Lut
        The numbers are the float32 nearest to the decimals of the file. A LUT for video range (black at 16, white at
        235) is brought to full range: its domain with `LUT_IN_VIDEO_RANGE`, its values with `LUT_OUT_VIDEO_RANGE`.
        Keywords without a meaning here are in `metadata`, the values of a repeated keyword separated by newlines. The
        domain of a 1D table is `shaper_domain`.

    Raises
    ------
    CubeFormatError
        The file breaks a rule of the format, or is not a regular file of at most `max_bytes`.
    OSError
        The file does not exist or cannot be read.

    Warns
    -----
    CubeWarning
        The file has unknown keywords, a title without quotes, or the input range 0 to 1 of a missing table. There is at
        most one warning for a file.

    References
    ----------
    Adobe Cube LUT specification 1.0, with the extensions of DaVinci Resolve.

    Examples
    --------
    >>> from sshbench import Lut, read_cube, write_cube
    >>> write_cube(Lut.identity(17), "look.cube")
    >>> read_cube("look.cube")
    <Lut 'identity' 3d, 17^3 points>
    """
    source = os.fspath(path)
    data = _text(source, _read_bytes(source, max_bytes))
    header = Header(source)
    offset, line = header.read(data)
    size_1d, size_3d = (header.sizes.get(word, 0) for word in (b"LUT_1D_SIZE", b"LUT_3D_SIZE"))
    if not (size_1d or size_3d):
        reason = "neither LUT_1D_SIZE nor LUT_3D_SIZE comes before the data"
        if offset == len(data):
            raise CubeFormatError(source, line - 1, reason)
        raise CubeFormatError(source, line, cube_rows.line_fault(cube_rows.line_at(data, offset)[0]) or reason)
    domain_1d, domain_3d = header.domains()
    rows = _rows(source, data, offset, line, size_1d, size_3d)
    shaper, table = rows[:size_1d], rows[size_1d:]
    if size_3d:
        table = header.in_full_range(table)
    else:
        shaper = header.in_full_range(shaper)
    header.check_white(table if size_3d else shaper, domain_1d if size_1d else domain_3d)
    header.warn()
    return Lut(
        values=table.reshape(size_3d, size_3d, size_3d, 3) if size_3d else None,
        shaper_values=shaper if size_1d else None,
        domain=domain_3d,
        shaper_domain=domain_1d,
        title=header.title,
        source=source,
        metadata={word: "\n".join(values) for word, values in header.unknown.items()},
    )


def write_cube(lut: Lut, path: str | os.PathLike[str], *, comments: Sequence[str] = ()) -> None:
    """Write a `.cube` file that reads back with the same float32 bits, title, domains and metadata.

    A 1D or a 3D LUT takes the form of Adobe, and a shaper with a table that of DaVinci Resolve. The file appears whole
    or not at all.

    Parameters
    ----------
    lut
        The LUT to write.
    path
        The file to write; a file of this name is replaced.
    comments
        Comment lines after the title, which readers skip.

    Raises
    ------
    LutError
        The format cannot hold a part of the LUT: a shaper or table with a different domain for each channel in
        Resolve's form, a title with a double quote or a control character, a comment of several lines, metadata that is
        not one keyword and one line of text, or more metadata than `read_cube` takes.
    OSError
        The folder does not exist or cannot be written.

    Examples
    --------
    >>> from sshbench import Lut, write_cube
    >>> write_cube(Lut.identity(2), "identity.cube")
    >>> print(open("identity.cube").read().splitlines()[1])
    LUT_3D_SIZE 2
    """
    lines = [f'TITLE "{_checked_title(lut.title)}"'] if lut.title else []
    if any(not is_one_line(comment) for comment in comments):
        raise LutError("a comment of a .cube file is one line of printable text")
    lines += [f"# {comment}" for comment in comments]
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
            lines += [f"DOMAIN_MIN {numbers(domain.lower)}", f"DOMAIN_MAX {numbers(domain.upper)}"]
        tables.append(values.reshape(-1, 3))
    if len(lines) > MAX_KEYWORDS or max(len(line.encode()) for line in lines) > cube_rows.MAX_LINE:
        limits = f"{MAX_KEYWORDS} keyword lines of {cube_rows.MAX_LINE} bytes"
        raise LutError(f"the title or the metadata is too long for a .cube file, which holds at most {limits}")
    text = "\n".join(lines).encode() + b"\n" + b"".join(cube_rows.format_rows(table) for table in tables)
    with whole_file(path) as temporary:
        temporary.write_bytes(text)


def _read_bytes(path: str, max_bytes: int) -> bytes:
    status = os.stat(path)  # before `open`, which would wait forever for the writer of a pipe
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
    """Return the file's text as UTF-8 (or Latin-1) bytes without a byte order mark."""
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
    if not _NOT_BLANK.search(data):
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
        text = cube_rows.line_at(data, stop)[0]
        if len(text) <= cube_rows.MAX_LINE and (keyword := keyword_of(text)):
            reason = f"{cube_rows.quote(keyword)} after the first row; keywords come before the data"
        else:
            reason = cube_rows.line_fault(text) or f"a row more than the {expected}"
        raise CubeFormatError(path, line + passed, reason)
    if found < needed:
        reason = f"the file ends after {found} of the {expected}"
        raise CubeFormatError(path, line + passed - 1, reason)
    rows.flags.writeable = False
    return rows


def _range_lines(name: str, domain: Domain) -> list[str]:
    if len(set(domain.lower)) > 1 or len(set(domain.upper)) > 1:
        reason = "Resolve's .cube, the only one with a shaper and a table, has one input range for all channels"
        raise LutError(f"the {name} domain {domain.lower} to {domain.upper} differs between channels: {reason}")
    return [] if domain == Domain() else [f"LUT_{name}_INPUT_RANGE {numbers((domain.lower[0], domain.upper[0]))}"]


def _checked_title(title: str) -> str:
    if '"' in title or not is_one_line(title):
        raise LutError(f"the title {title!r} has a double quote or a control character, which a .cube cannot hold")
    return title


def _metadata_lines(lut: Lut) -> list[str]:
    lines = []
    for key, value in lut.metadata.items():
        if not is_unknown_keyword(key):
            raise LutError(f"the metadata key {key!r} is no keyword that a .cube can hold")
        for text in value.split("\n"):
            if text.strip(" \t") != text or not is_one_line(text):
                raise LutError(f"the metadata {key!r} has blanks at an end or control characters: {text!r}")
            lines.append(f"{key} {text}" if text else key)
    return lines
