"""Write a self-contained HTML page about a run: tables, distributions, and images under a slider.

The page loads no other files, and a browser can open it from the disk. Its content is HTML. The script `page/page.js`
adds sorting, charts and the slider; it reads the numbers and pictures from a block of JSON in the page.
"""

from __future__ import annotations

import base64
import html
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, features

from sshbench import __version__
from sshbench.benchmarks.composite import Benchmark
from sshbench.benchmarks.protocol import PROTOCOLS
from sshbench.errors import printable
from sshbench.metrics.suite import METRICS
from sshbench.outputs import check_file
from sshbench.results.pictures import ERROR_SPAN, Pictures, Pixels, error_colours, load_pictures, spread
from sshbench.results.records import Record
from sshbench.results.statistics import capped
from sshbench.results.summary import MethodRow, MethodsSummary, higher_is_better, summarise
from sshbench.results.tables import Table, images_of, tables
from sshbench.results.weighting import Shares
from sshbench.whole_file import whole_file

PICTURES = 48
SIDE = 384


def write_report(
    path: str | os.PathLike[str],
    records: Sequence[Record],
    benchmark: Benchmark | None = None,
    folders: Sequence[Path] = (),
    *,
    sort: str | None = None,
    weight_to: Shares | None = None,
    pictures: int = PICTURES,
    side: int = SIDE,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the page about a run.

    Parameters
    ----------
    records
        Records of one benchmark under one protocol.
    benchmark, folders
        The sources of the pictures: the benchmark of the run, and the folders of results with the predictions. Without
        a benchmark, the page has no pictures.
    sort
        The metric that orders rows and is charted first; by default the first metric.
    weight_to
        Another set of images, for which the page also estimates the means.
    pictures
        The number of images to show. The images with the largest differences between methods are shown.
    side
        The largest length of the long side of the images in pixels.
    progress
        A function that receives the number of finished images and the total number.

    Raises
    ------
    RecordsError
        The records are of several benchmarks or protocols, or of images that the benchmark lacks.
    OutputError
        The page cannot be written.
    """
    check_file(path)
    summary = summarise(records, sort=sort, weight_to=weight_to)
    chosen = list(spread(records, summary.metrics[0]))[:pictures] if summary.metrics else []
    shown = {}
    if benchmark is not None:
        for done, one in enumerate(load_pictures(benchmark, records, folders, chosen, side), 1):
            shown[one.id] = _encoded(one)
            if progress:
                progress(done, len(chosen))
    text = page(summary, payload(summary, records, shown))
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def payload(
    summary: MethodsSummary, records: Sequence[Record], shown: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Return the data for the script: metrics, methods, and the values of each image by method and metric."""
    values: dict[str, dict[str, list[float | None]]] = {}
    attributes: dict[str, Mapping[str, Any]] = {}
    for record in records:
        row = [_number(record.metrics.get(metric)) for metric in summary.metrics]
        values.setdefault(record.id, {})[record.method] = row
        attributes[record.id] = record.attributes or attributes.get(record.id, {})
    return {
        "metrics": [_metric(name) for name in summary.metrics],
        "methods": [_method(row, summary) for row in summary.rows],
        "images": [
            {
                "id": id,
                "about": {name: _plain(value) for name, value in attributes[id].items()},
                "values": by_method,
                "pictures": (shown or {}).get(id),
            }
            for id, by_method in values.items()
        ],
    }


def _number(value: float | None) -> float | None:
    """Return a value with six digits. Infinity, which JSON lacks, becomes the value that means use for it."""
    if value is None or not np.isfinite(counted := float(capped(value))):
        return None
    return float(f"{counted:.6g}")


def _plain(value: str | float) -> str | float | None:
    """Return an attribute for JSON. NaN and infinity, which JSON lacks, become None."""
    return value if isinstance(value, str) or np.isfinite(value) else None


def _metric(name: str) -> dict[str, Any]:
    known = METRICS.get(name)
    return {
        "name": name,
        "title": known.title if known else name,
        "unit": known.unit if known else "",
        "about": known.description if known else "",
        "higher": higher_is_better(name),
        "digits": known.digits if known else 4,
    }


def _method(row: MethodRow, summary: MethodsSummary) -> dict[str, Any]:
    means = [row.estimates[metric] for metric in summary.metrics]
    return {
        "name": row.method,
        "ceiling": row.sees_target,
        "means": [[_number(v) for v in (one.mean, one.low, one.high)] for one in means],
    }


def _encoded(one: Pictures) -> dict[str, Any]:
    images = {"composite": one.composite, **one.predictions, "ground truth": one.target}
    errors = {method: one.error_map(method) for method in one.predictions if one.target is not None}
    return {
        "size": [one.composite.shape[1], one.composite.shape[0]],
        "images": {name: _uri(image) for name, image in images.items() if image is not None},
        "errors": {name: _uri(image, 60) for name, image in errors.items() if image is not None},
    }


def _uri(image: Pixels, quality: int = 80) -> str:
    kind = "webp" if features.check("webp") else "jpeg"
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, quality=quality)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def page(summary: MethodsSummary, data: Mapping[str, Any]) -> str:
    """Return the HTML text of the page."""
    parts = files(__package__).joinpath("page")
    style, script = (parts.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    has_pictures = any(image["pictures"] for image in data["images"])
    protocol = PROTOCOLS.get(summary.protocol)
    ramp = ", ".join("#" + bytes(error_colours(np.array(v))).hex() for v in np.linspace(0, 1, 6))
    main, *others = tables(summary)
    return (
        parts.joinpath("page.html")
        .read_text(encoding="utf-8")
        .format(
            title=html.escape(printable(f"{summary.benchmark} under {summary.protocol}")),
            style=style.replace("ERROR-RAMP", ramp),
            benchmark=html.escape(printable(summary.benchmark)),
            images=images_of(summary.images),
            protocol=html.escape(printable(f"{summary.protocol}, version {summary.protocol_version}")),
            about_protocol=html.escape(protocol.description) if protocol else "",
            tables="\n".join([_table(main), *map(_table, others)]),
            error_span=ERROR_SPAN,
            no_pictures="" if has_pictures else "<p>This page was made without pictures.</p>",
            version=html.escape(__version__),
            # json.dumps writes ASCII, since an id may hold bytes of a file name that are not UTF-8.
            data=json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
            script=script,
        )
    )


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in table.columns)
    lines = [f"<h3>{html.escape(table.title)}</h3>", '<div class="wide" tabindex="0"><table class="sortable">']
    lines += [f"<thead><tr>{head}</tr></thead>", "<tbody>"]
    for i, row in enumerate(table.rows):
        if i in table.breaks:
            lines.append("</tbody><tbody>")
        cells = [_cell(text, (i, c) in table.strong) for c, text in enumerate(row)]
        lines.append(f'<tr><th scope="row">{cells[0]}</th>{"".join(f"<td>{cell}</td>" for cell in cells[1:])}</tr>')
    lines.append("</tbody></table></div>")
    lines += [f'<p class="note">{html.escape(note)}</p>' for note in table.notes]
    return "\n".join(lines)


def _cell(text: str, strong: bool) -> str:
    value, bracket, interval = text.partition(" [")
    cell = html.escape(value)
    cell = f"<b>{cell}</b>" if strong else cell
    return f"{cell} <small>[{html.escape(interval)}</small>" if bracket else cell
