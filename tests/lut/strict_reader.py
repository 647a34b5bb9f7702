"""A second reader of `.cube`, slow and literal, that shares no line with the package: the oracle of the fuzzers.

It decodes to text first, walks the lines once, and rounds numbers with exact fractions.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

Triple = tuple[float, float, float]
DIGITS = set("0123456789")
LONGEST_LINE = 65536
LETTERS = set(string.ascii_letters + "_")


class Refused(Exception):
    """The file is no valid `.cube`; the line number is the argument."""


@dataclass
class Found:
    """What a file holds; numbers are float32."""

    size_1d: int = 0
    size_3d: int = 0
    rows: list[list[np.float32]] = field(default_factory=list)
    domain: tuple[Triple, Triple] = ((0.0,) * 3, (1.0,) * 3)
    shaper_domain: tuple[Triple, Triple] = ((0.0,) * 3, (1.0,) * 3)
    title: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


def read(data: bytes) -> Found:
    """Read a file's bytes, or raise `Refused`."""
    lines = _lines(data)
    last = len(lines) - 1 if len(lines) > 1 and lines[-1] == "" else len(lines)
    found, seen, numbers = Found(), {}, {}
    row_lines = []
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE:
            row_lines.append((number, line))
        line = line.strip(" \t")
        if line == "" or line[0] == "#":
            continue
        word = line[: next((i for i, c in enumerate(line) if c not in LETTERS | DIGITS), len(line))]
        is_keyword = line[0] in LETTERS and not _is_nan(_words(line)[0])
        if row_lines or not is_keyword:
            row_lines.append((number, line))
            continue
        rest = line[len(word) :]
        if any((c < " " and c != "\t") or c == "\x7f" for c in rest):
            raise Refused(number)
        known = word.upper()
        if known not in ("TITLE", "LUT_1D_SIZE", "LUT_3D_SIZE", *_COUNTS, *_FLAGS):
            if rest and rest[0] not in " \t":
                raise Refused(number)
            value = _text(rest.strip(" \t"))
            found.metadata[word] = found.metadata[word] + "\n" + value if word in found.metadata else value
            continue
        if (rest and rest[0] not in " \t#") or known in seen:
            raise Refused(number)
        seen[known] = number
        if known == "TITLE":
            found.title = _title(rest.strip(" \t"), number)
        elif known in _FLAGS:
            if _words(rest):
                raise Refused(number)
        elif known in _COUNTS:
            numbers[known] = _row(_words(rest), _COUNTS[known], number)
        else:
            words = _words(rest)
            if len(words) != 1 or not set(words[0].removeprefix("+")) <= DIGITS or not words[0].removeprefix("+"):
                raise Refused(number)
            size = sum(int(c) * 10**i for i, c in enumerate(reversed(words[0].removeprefix("+"))))
            if not 2 <= size <= (65536 if known == "LUT_1D_SIZE" else 256):
                raise Refused(number)
            if known == "LUT_1D_SIZE":
                found.size_1d = size
            else:
                found.size_3d = size
    if not found.size_1d and not found.size_3d:
        raise Refused(row_lines[0][0] if row_lines else last)
    _set_domains(found, seen, numbers)
    needed = found.size_1d + found.size_3d**3
    for number, line in row_lines:
        if len(line) > LONGEST_LINE:
            raise Refused(number)
        row = _row(_words(line), 3, number)
        if len(found.rows) == needed:
            raise Refused(number)
        found.rows.append(row)
    if len(found.rows) < needed:
        raise Refused(last)
    if "LUT_OUT_VIDEO_RANGE" in seen:
        start = found.size_1d if found.size_3d else 0
        for row in found.rows[start:]:
            row[:] = [_from_video(value, seen["LUT_OUT_VIDEO_RANGE"]) for value in row]
    return found


def _from_video(value: float, line: int) -> np.float32:
    """Black from 16/255 to 0 and white from 235/255 to 1."""
    with np.errstate(over="ignore"):
        full = np.float32((float(value) - 16 / 255) / (219 / 255))
    if not np.isfinite(full):
        raise Refused(line)
    return full


_COUNTS = {"DOMAIN_MIN": 3, "DOMAIN_MAX": 3, "LUT_1D_INPUT_RANGE": 2, "LUT_3D_INPUT_RANGE": 2}
_FLAGS = ("LUT_IN_VIDEO_RANGE", "LUT_OUT_VIDEO_RANGE")


def _lines(data: bytes) -> list[str]:
    """Lines of characters that are one byte each, as they stand in UTF-8 or Latin-1."""
    for magic in (b"\x1f\x8b", b"PK\x03\x04", b"\x89PNG", b"\xff\xd8\xff", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"):
        if data[: len(magic)] == magic:
            raise Refused(1)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            text = data[2:].decode("utf-16-le" if data[:1] == b"\xff" else "utf-16-be")
        except UnicodeDecodeError:
            raise Refused(1) from None
        data = text.encode("utf-8")
    elif data[:3] == b"\xef\xbb\xbf":
        data = data[3:]
    lines = data.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            raise Refused(number)
    if all(line.strip(" \t") == "" for line in lines):
        raise Refused(1)
    return lines


def _text(line: str) -> str:
    try:
        return line.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return line


def _title(text: str, number: int) -> str:
    if '"' not in text:
        return _text(text)
    if text[0] != '"':
        raise Refused(number)
    end = text.find('"', 1)
    after = text[end + 1 :].lstrip(" \t")
    if end < 0 or (after and after[0] != "#"):
        raise Refused(number)
    return _text(text[1:end])


def _words(line: str) -> list[str]:
    words = [""]
    for i, c in enumerate(line):
        if c in " \t":
            words.append("")
        elif c == "#" and (
            words[-1] == "" or not line[i + 1 :].lower().startswith(("inf", "ind", "nan", "qnan", "snan"))
        ):
            break
        else:
            words[-1] += c
    return [word for word in words if word]


def _is_nan(word: str) -> bool:
    word = word.lower()
    return word in ("nan", "inf", "infinity") or (word.startswith("nan(") and word.endswith(")"))


def _row(words: list[str], count: int, number: int) -> list[np.float32]:
    if len(words) != count:
        raise Refused(number)
    return [_number(word, number) for word in words]


def _number(word: str, line: int) -> np.float32:
    mantissa, e, exponent = word.replace("E", "e").partition("e")
    sign = mantissa[:1] == "-"
    whole, _, decimals = mantissa[mantissa[:1] in ("+", "-") :].partition(".")
    if not whole + decimals or not set(whole + decimals) <= DIGITS:
        raise Refused(line)
    power = exponent[exponent[:1] in ("+", "-") :]
    if e and (not power or not set(power) <= DIGITS):
        raise Refused(line)
    digits = (whole + decimals).lstrip("0")
    scale = -len(decimals)
    if e:
        scale += (-1 if exponent[0] == "-" else 1) * (10**9 if len(power.lstrip("0")) > 9 else int(power))
    value = _nearest(digits, scale, line) if digits else np.float32(0)
    return -value if sign else value


def _nearest(digits: str, scale: int, line: int) -> np.float32:
    if len(digits) + scale > 50:
        raise Refused(line)
    if len(digits) + scale < -60:
        return np.float32(0)
    exact = sum(int(digits[i : i + 1000]) * 10 ** max(0, len(digits) - i - 1000) for i in range(0, len(digits), 1000))
    value = Fraction(exact) * Fraction(10) ** scale
    # Floats of one sign are ordered as their bits are, so the nearest is found by bisection.
    low, high = 0, 0x7F800000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _fraction(middle) <= value else (low, middle)
    below, above = value - _fraction(low), _fraction(high) - value
    bits = low if below < above or (below == above and low % 2 == 0) else high
    if bits == 0x7F800000:
        raise Refused(line)
    return np.uint32(bits).view(np.float32)


def _fraction(bits: int) -> Fraction:
    exponent, mantissa = bits >> 23, bits & 0x7FFFFF
    if exponent == 0:
        return Fraction(mantissa) * Fraction(2) ** -149
    return Fraction(mantissa + 0x800000) * Fraction(2) ** (exponent - 150)


def _set_domains(found: Found, seen: dict[str, int], numbers: dict[str, list[np.float32]]) -> None:
    domains, of_no_table = [], None
    for name, size in (("1D", found.size_1d), ("3D", found.size_3d)):
        keyword = f"LUT_{name}_INPUT_RANGE"
        by_range = by_channel = None
        if keyword in numbers:
            low, high = map(float, numbers[keyword])
            by_range = ((low,) * 3, (high,) * 3)
            if not size:
                if (low, high) != (0, 1):
                    raise Refused(seen[keyword])
                of_no_table, by_range = seen[keyword], None
            elif not low < high:
                raise Refused(seen[keyword])
        if size and {"DOMAIN_MIN", "DOMAIN_MAX"} & set(numbers):
            line = max(seen.get("DOMAIN_MIN", 0), seen.get("DOMAIN_MAX", 0))
            if found.size_1d and found.size_3d:
                lows = [*numbers.get("DOMAIN_MIN", ()), *(pair[0] for key, pair in numbers.items() if "RANGE" in key)]
                highs = [*numbers.get("DOMAIN_MAX", ()), *(pair[1] for key, pair in numbers.items() if "RANGE" in key)]
                if any(lows) or any(high != 1 for high in highs):
                    raise Refused(line)
                domains.append(((0.0,) * 3, (1.0,) * 3))
                continue
            low3 = tuple(map(float, numbers.get("DOMAIN_MIN", (0, 0, 0))))
            high3 = tuple(map(float, numbers.get("DOMAIN_MAX", (1, 1, 1))))
            if not all(low < high for low, high in zip(low3, high3, strict=True)):
                raise Refused(line)
            by_channel = (low3, high3)
            if by_range and by_range != by_channel:
                raise Refused(max(line, seen[keyword]))
        domains.append(by_channel or by_range or ((0.0,) * 3, (1.0,) * 3))
    if of_no_table and any(domain != ((0.0,) * 3, (1.0,) * 3) for domain in domains):
        raise Refused(of_no_table)
    if line := seen.get("LUT_IN_VIDEO_RANGE"):
        first = 0 if found.size_1d else 1
        lower, upper = (tuple(float(_from_video(bound, line)) for bound in end) for end in domains[first])
        if not all(low < high for low, high in zip(lower, upper, strict=True)):
            raise Refused(line)
        domains[first] = (lower, upper)
    found.shaper_domain, found.domain = domains
