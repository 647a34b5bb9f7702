"""`sshbench lut info`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sshbench.cli.lut.arguments import LutName, find_all_luts
from sshbench.errors import SshbenchError, sentence

if TYPE_CHECKING:
    from sshbench.lut.table import Domain, Lut


@click.command()
@click.argument("files", nargs=-1, required=True, type=LutName(), metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with one object for each file.")
@click.option("--table", is_flag=True, help="Add the values of the table and the shaper to the JSON.")
@click.pass_context
def info(ctx: click.Context, files: tuple[str, ...], as_json: bool, table: bool) -> None:
    """Describe LUT files: kind, size, domain, range, strength, order.

    FILE is a .cube file, a Hald image, the name of a look, a folder, or a pattern in quotes; `looks` stands for all
    looks that ship. Several files are printed as a table with one line each. If a file cannot be read, the command
    names it, shows the others, and ends with exit code 2.

    \b
    strength     mean CIEDE2000 between a grid over the domain and its image, in sRGB (1 is just visible)
    monotone     every output channel rises with its own input channel
    grey order   a lighter grey stays lighter

    \b
    sshbench lut info golden-hour
    sshbench lut info luts/ 'more/**/*.cube'
    sshbench lut info --json --table film.cube > film.json
    """
    from sshbench.lut.files import read_lut

    reports, failed = [], False

    def tell(error: Exception) -> None:
        nonlocal failed
        if ctx.find_root().params.get("debug"):
            raise error
        click.echo(f"sshbench: {sentence(error)}", err=True)
        failed = True

    for text in files:
        try:
            paths = find_all_luts([text])
        except (SshbenchError, OSError) as error:
            tell(error)
            continue
        for path in paths:
            try:
                reports.append(describe(path, read_lut(path), table=table))
            except (SshbenchError, OSError) as error:
                tell(error)
    if as_json or table:
        click.echo(json.dumps(reports, indent=None if table else 2))
    elif len(reports) == 1:
        _print_one(reports[0])
    elif reports:
        _print_many(reports)
    if failed:
        ctx.exit(2)


def describe(path: Path, lut: Lut, *, table: bool = False) -> dict[str, Any]:
    """Return the report of `info` about a LUT as values for JSON; channels are in the order R, G, B."""
    import numpy as np

    from sshbench.lut.measure import is_monotone, keeps_grey_order, strength
    from sshbench.lut.resampling import input_domain

    stage = lut.shaper_values if lut.values is None else lut.values
    assert stage is not None
    values = stage.reshape(-1, 3)
    exact = values.astype(np.float64)
    report = {
        "file": click.format_filename(path),
        "title": lut.title,
        "kind": lut.kind,
        "size": lut.size,
        "shaper_size": None if lut.shaper_values is None else len(lut.shaper_values),
        "domain": _bounds(input_domain(lut)),
        "table_domain": _bounds(lut.domain) if lut.kind == "shaper+3d" else None,
        "range": {"lower": _short(values.min(axis=0)), "upper": _short(values.max(axis=0))},
        "mean": [round(float(v), 6) for v in exact.mean(axis=0)],
        "std": [round(float(v), 6) for v in exact.std(axis=0)],
        "strength": round(strength(lut), 3),
        "monotone": is_monotone(lut),
        "grey_order": keeps_grey_order(lut),
        "metadata": dict(lut.metadata),
    }
    if table:
        report["table"] = None if lut.values is None else _short(lut.values)
        report["shaper"] = None if lut.shaper_values is None else _short(lut.shaper_values)
    return report


def _bounds(domain: Domain) -> dict[str, list[float]]:
    import numpy as np

    return {"lower": _short(np.array(domain.lower, np.float32)), "upper": _short(np.array(domain.upper, np.float32))}


def _short(values: Any) -> Any:
    """Return float32 values `[..., 3]` as nested lists of the shortest decimals that give the same float32."""
    import numpy as np

    from sshbench.lut.cube_rows import format_rows

    words = format_rows(values.reshape(-1, 3)).split()
    return np.array(words).astype(np.float64).reshape(values.shape).tolist()


def _print_one(report: dict[str, Any]) -> None:
    lines = {
        "file": report["file"],
        "title": report["title"] or "-",
        "kind": report["kind"],
        "size": _size(report),
        "domain": _span(report["domain"]),
        "range": _span(report["range"]),
        "mean": _numbers(report["mean"]),
        "std": _numbers(report["std"]),
        "strength": f"{report['strength']:.2f} CIEDE2000",
        "monotone": _yes(report["monotone"]),
        "grey order": "kept" if report["grey_order"] else "broken",
    }
    if report["table_domain"]:
        lines["table domain"] = _span(report["table_domain"])
    lines |= {key: value.replace("\n", " | ") for key, value in report["metadata"].items()}
    width = max(map(len, lines))
    for name, value in lines.items():
        click.echo(f"{name:<{width}}  {value}".rstrip())


def _print_many(reports: list[dict[str, Any]]) -> None:
    rows = [("file", "kind", "size", "domain", "range", "strength", "monotone", "title")]
    rows += [
        (
            report["file"],
            report["kind"],
            _size(report),
            _span(report["domain"]),
            _span({"lower": [min(report["range"]["lower"])] * 3, "upper": [max(report["range"]["upper"])] * 3}),
            f"{report['strength']:.2f}",
            _yes(report["monotone"]),
            report["title"] or "-",
        )
        for report in reports
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            f"{cell:>{w}}" if i == 5 else f"{cell:<{w}}" for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())


def _size(report: dict[str, Any]) -> str:
    if report["kind"] == "1d":
        return str(report["size"])
    cube = f"{report['size']}^3"
    return cube if report["shaper_size"] is None else f"{report['shaper_size']} + {cube}"


def _span(bounds: dict[str, list[float]]) -> str:
    if len(set(bounds["lower"])) == len(set(bounds["upper"])) == 1:
        return f"{bounds['lower'][0]:.6g}..{bounds['upper'][0]:.6g}"
    return f"{_numbers(bounds['lower'])} .. {_numbers(bounds['upper'])}"


def _numbers(values: list[float]) -> str:
    return " ".join(f"{value:.6g}" for value in values)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
