"""One self-contained HTML page of many composites: each before and after under a slider, and the failures.

The page is one file that loads nothing else, and works by pointer and keys, in light and dark. `page/summary.js` moves
the sliders; without scripts the page shows both pictures.
"""

from __future__ import annotations

import base64
import html
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.compositing.placement import whole
from sshbench.compositing.small_copies import small
from sshbench.errors import counted, printable
from sshbench.whole_file import whole_file

GENERATOR = "sshbench harmonize --jobs"
"""The generator that the page states; an earlier page is recognised by it."""
_SIDE, _FEW, _SMALLEST = (
    900,
    40,
    320,
)  # sides in pixels, and the number of pictures above which the side shrinks to limit the page's size


@dataclass(frozen=True)
class Pair:
    """A picture before and after.

    Parameters
    ----------
    before, after
        Small JPEG files.
    size
        The width and height of both.
    middle
        The horizontal centre of the foreground, in per cent of the width, where the dividing line starts.
    """

    before: bytes
    after: bytes
    size: tuple[int, int]
    middle: float = 50.0


@dataclass(frozen=True)
class Entry:
    """A composite on the page.

    Parameters
    ----------
    title
        The heading.
    pair
        The pictures.
    facts
        Names and texts below the pictures.
    files
        Names and paths of the written files, to which the page links.
    """

    title: str
    pair: Pair
    facts: Sequence[tuple[str, str]]
    files: Sequence[tuple[str, Path]]


def side_for(count: int) -> int:
    """Return the longest side in pixels of each picture on a page of `count` pictures."""
    return max(_SMALLEST, round(_SIDE * math.sqrt(min(1.0, _FEW / max(count, 1)))))


def thumbnail(pixels: NDArray[Any], side: int, icc: bytes | None) -> tuple[bytes, tuple[int, int]]:
    """Return a small JPEG of `[H, W, 3]`, uint8 or uint16, and its width and height."""
    image = Image.fromarray(np.ascontiguousarray(small(pixels, whole(pixels), side)))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88, subsampling=0, icc_profile=icc)
    return buffer.getvalue(), image.size


def write_summary(path: Path, title: str, entries: Sequence[Entry], failures: Sequence[str]) -> None:
    """Write the page; the file appears whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(page(path, title, entries, failures), encoding="utf-8")


def is_summary(path: Path) -> bool:
    """Return whether `write_summary` wrote a file."""
    with path.open("rb") as file:
        return f'content="{GENERATOR}"'.encode() in file.read(1000)


def page(path: Path, title: str, entries: Sequence[Entry], failures: Sequence[str]) -> str:
    """Return the page as HTML. Names are escaped, and links are relative to `path`."""
    style, script = (files(__package__).joinpath("page", name).read_text("utf-8") for name in _PARTS)
    made = counted(len(entries), "composite") + (f", {len(failures)} failed" if failures else "")
    bar = (
        '<div class="bar"><label for="all">All at once <input type="range" id="all" min="0" max="100" step="any" '
        'value="50"></label></div>'
    )
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta name="generator" content="{GENERATOR}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f'<meta http-equiv="content-security-policy" content="{_POLICY}">',
            f"<title>{_text(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>",
            f"<header><h1>{_text(title)}</h1>",
            f'<p class="note">{made}. Left of the line is the picture before, right of it the picture after: drag '
            f"over a "
            "picture, or focus it and use the arrow keys. The pictures are reduced; the links open the "
            "files.</p></header>",
            "<main>",
            _failures(failures),
            bar if entries else "",
            '<section class="cards" aria-label="Composites">',
            *(_card(path, entry) for entry in entries),
            "</section>\n</main>",
            f"<script>\n{script}</script>\n</body>\n</html>\n",
        ]
    )


_PARTS = ("summary.css", "summary.js")
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def _failures(failures: Sequence[str]) -> str:
    if not failures:
        return ""
    items = "".join(f"<li>{_text(one)}</li>" for one in failures)
    head = f"{counted(len(failures), 'row')} failed"
    return f'<section class="failures" aria-labelledby="failed"><h2 id="failed">{head}</h2><ul>{items}</ul></section>'


def _card(path: Path, entry: Entry) -> str:
    title, (wide, high) = _text(entry.title), entry.pair.size
    links = " · ".join(f'<a href="{_href(path, file)}">{_text(name)}</a>' for name, file in entry.files)
    facts = "".join(f"<dt>{_text(name)}</dt><dd>{_text(text)}</dd>" for name, text in entry.facts)
    return (
        f'<article class="card"><h3>{title}</h3><div class="stage">'
        f'<div class="compare" style="--wide: {wide}; --high: {high}">'
        f'<img class="after" src="{_data(entry.pair.after)}" width="{wide}" height="{high}" alt="{title}, after">'
        f'<img class="before" src="{_data(entry.pair.before)}" width="{wide}" height="{high}" alt="{title}, before">'
        '<span class="is-before">before</span><span class="is-after">after</span>'
        f'<input type="range" min="0" max="100" step="any" value="{entry.pair.middle:.1f}" '
        f'aria-label="{title}: position of the line between before and after">'
        f"</div></div><dl>{facts}<dt>files</dt><dd>{links}</dd></dl></article>"
    )


def _href(path: Path, file: Path) -> str:
    relative = os.path.relpath(file, path.parent).replace(os.sep, "/")
    return quote(f"./{relative}", errors="surrogateescape", safe="/.~-_")


def _data(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _text(text: str) -> str:
    return html.escape(printable(text))
