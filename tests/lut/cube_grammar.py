"""Random `.cube` files: valid ones in every decoration the format allows, and damaged ones."""

from __future__ import annotations

from random import Random

import numpy as np

_WORDS = ["nan", "inf", "-inf", "1e999", "0,5", "0x1p3", "1_0", "1.#INF", "-", ".", "e5", "1e", "1e+", "#", '"', "\x0c"]
_SPLICES = [
    "LUT_1D_SIZE 2",
    "LUT_3D_SIZE 2",
    "LUT_3D_SIZE 1",
    "LUT_3D_SIZE 256",
    "DOMAIN_MIN 0 0 0",
    "DOMAIN_MAX 1 1 1",
]
_SPLICES += [
    "DOMAIN_MAX -1 2 2",
    "LUT_1D_INPUT_RANGE 0 1",
    "LUT_3D_INPUT_RANGE 0 1",
    "LUT_IN_VIDEO_RANGE",
    "LUT_OUT_VIDEO_RANGE",
    "lut_out_video_range 1",
    'TITLE "x"',
    "TITLE",
    "END",
    "0 0 0",
]
_SPLICES += ["1 1", "1 1 1 1", "# note", "", "VENDOR text # more"]
_TITLES = ["", "Look", "Été", "日本 #5", "  two  blanks ", "a'b\\c", "\ufeffx", "é\u00a0"]


def valid_file(random: Random) -> bytes:
    """A valid file with a table of at most 27 rows and a shaper of at most 9."""
    kind = random.choice(["1d", "3d", "both"])
    header, rows = [], 0
    if kind != "3d":
        size = random.randint(2, 9)
        header.append(("LUT_1D_SIZE", str(size)))
        rows += size
    if kind != "1d":
        size = random.randint(2, 3)
        header.append(("LUT_3D_SIZE", "0" * random.randint(0, 2) + str(size)))
        rows += size**3
    header += _domain(random, kind)
    if random.random() < 0.5:
        title = random.choice(_TITLES)
        header.append(("TITLE", title if random.random() < 0.2 and title == "Look" else f'"{title}"'))
    if random.random() < 0.3:
        header.append((random.choice(["LUT_IN_VIDEO_RANGE", "LUT_OUT_VIDEO_RANGE"]), ""))
    if random.random() < 0.1:
        header.append((random.choice(["LUT_IN_FULL_RANGE", "END_OF_HEADER"]), ""))
    if random.random() < 0.3:
        header.append(("Vendor_7", random.choice(["", "text # more", "0 0 0", "ü"])))
    random.shuffle(header)
    lines = [_keyword(random, word, value) for word, value in header]
    style = random.choice([_plain, _plain, _decimals, _scientific, _long])
    lines += [_row(random, [style(random) for _ in range(3)]) for _ in range(rows)]
    return _encode(random, _decorate(random, lines))


def mutate(random: Random, data: bytes) -> bytes:
    """Damage a file in one to four places."""
    for _ in range(random.randint(1, 4)):
        data = random.choice([_flip, _delete, _double, _swap_lines, _splice_line, _splice_word, _cut])(random, data)
    return data


def number(random: Random) -> str:
    """A decimal number that fits float32, often one that is hard to round."""
    return random.choice([_plain, _decimals, _scientific, _long, _halfway])(random)


def _plain(random: Random) -> str:
    return random.choice(["0", "1", "-0", "0.5", ".25", "1.", "+.5", "007", f"{random.uniform(-2, 2):.6f}"])


def _decimals(random: Random) -> str:
    return f"{random.uniform(-1, 2):.{random.randint(0, 20)}f}"


def _scientific(random: Random) -> str:
    exponent = random.choice([random.randint(-60, 36), random.randint(-8, 8)])
    return f"{random.uniform(-9.9, 9.9):.{random.randint(0, 17)}{random.choice('eE')}}".split("e")[0].split("E")[0] + (
        f"{random.choice('eE')}{exponent:{random.choice(['', '+', '03'])}}"
    )


def _long(random: Random) -> str:
    digits = "".join(random.choices("0123456789", k=random.randint(1, 60)))
    return random.choice(["", "-", "+"]) + random.choice(["0", "", "12"]) + "." + digits


def _halfway(random: Random) -> str:
    """The middle between two neighbouring float32 in full, or a hair beside it."""
    bits = random.choice([random.randint(0, 0x7F7FFFFF), random.randint(0x3C000000, 0x40000000), random.randint(0, 99)])
    low, high = (float(np.uint32(b).view(np.float32)) for b in (bits, bits + 1))
    middle = (low + (2.0**128 if high == float("inf") else high)) / 2
    text = f"{middle:.160f}".rstrip("0")
    tail = random.choice(["", "", "0" * random.randint(0, 30) + "1"])
    if tail == "" and random.random() < 0.5 and text[-1] not in ".0":
        text = text[:-1] + str(int(text[-1]) - 1) + "9" * random.randint(1, 30)
    return random.choice(["", "-"]) + text + tail


def _domain(random: Random, kind: str) -> list[tuple[str, str]]:
    low, high = random.choice([("0", "1"), ("-1", "2.5"), ("0.1", "1e3"), ("-3", "-1e-1")])
    triples = [("DOMAIN_MIN", f"{low} {low} {low}"), ("DOMAIN_MAX", f"{high} {high} {high}")]
    if random.random() < 0.5:
        triples = [("DOMAIN_MIN", f"{low} -4 {low}"), ("DOMAIN_MAX", f"{high} {high} 2e3")]
    ranges = {"1d": ["1D"], "3d": ["3D"], "both": ["1D", "3D"]}[kind]
    choice = random.choice(["none", "range", "domain"])
    if choice == "range":
        return [(f"LUT_{name}_INPUT_RANGE", f"{low} {high}") for name in ranges if random.random() < 0.8]
    return triples if choice == "domain" and kind != "both" else []


def _blank(random: Random, least: int = 0) -> str:
    return "".join(random.choices(" \t", k=random.choice([least, least, random.randint(least, 3)])))


def _keyword(random: Random, word: str, value: str) -> str:
    known = word.startswith(("LUT_1", "LUT_3", "DOMAIN", "TITLE"))
    shown = random.choice([word, word.lower(), word.title()]) if known else word
    comment = random.choice(["", "", " # note"]) if known and value[:1] != "L" else ""
    return _blank(random) + shown + (" " + _blank(random) + value if value else "") + comment + _blank(random)


def _row(random: Random, words: list[str]) -> str:
    comment = random.choice([""] * 8 + [" # note", "#", " #inf"])
    return _blank(random) + (_blank(random, 1) if random.random() < 0.2 else " ").join(words) + comment


def _decorate(random: Random, lines: list[str]) -> str:
    newline = random.choice(["\n", "\n", "\r\n", "\r", "mixed"])
    out = []
    for line in lines:
        while random.random() < 0.1:
            out.append(_blank(random) + random.choice(["", "# note", "#1 2 3", "# nan"]))
        out.append(line)
    text = "".join(line + (random.choice(["\n", "\r\n", "\r"]) if newline == "mixed" else newline) for line in out)
    return text.rstrip("\r\n") if random.random() < 0.3 else text


def _encode(random: Random, text: str) -> bytes:
    codec = random.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "latin-1"])
    if codec.startswith("utf-16"):
        return ("\ufeff" + text).encode(codec)
    return text.encode(codec, "replace")


def _flip(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return (
        data[:at]
        + bytes([random.choice([random.randrange(256), ord(random.choice('0123456789.eE+-# \t\n\r,"'))])])
        + data[at + 1 :]
    )


def _delete(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + data[at + random.choice([1, 1, 2, 10]) :]


def _double(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[: at + random.choice([1, 2, 8])] + data[at:]


def _cut(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _swap_lines(random: Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    i, j = random.randrange(len(lines)), random.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]
    return b"".join(lines)


def _splice_line(random: Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    lines.insert(random.randrange(len(lines) + 1), random.choice(_SPLICES).encode() + b"\n")
    return b"".join(lines)


def _splice_word(random: Random, data: bytes) -> bytes:
    words = data.split(b" ")
    words[random.randrange(len(words))] = random.choice([*_WORDS, number(random)]).encode()
    return b" ".join(words)
