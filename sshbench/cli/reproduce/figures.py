"""`sshbench reproduce figure5`, `figure6` and `figure7`: the figures of the paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sshbench.cli.names import METHOD
from sshbench.cli.options import OutPlace
from sshbench.cli.progress import Progress
from sshbench.cli.reproduce.options import DEVICE, QUIET
from sshbench.cli.stopping import go_on


def _figure_options(number: int, rows: int) -> list[Callable[[Any], Any]]:
    many = [
        click.option("--method", "-m", "methods", type=METHOD, multiple=True, metavar="NAME",
                     help="A method to show. May be repeated.  [default: the methods of the paper]"),
        click.option("--image", "ids", multiple=True, metavar="ID", help="An image id to show. May be repeated."),
        click.option("--rows", type=click.IntRange(1, 50), default=rows, show_default=True,
                     help="The number of images."),
    ]  # fmt: skip
    one = [
        click.option("--method", "-m", type=METHOD, default="ssh", show_default=True, metavar="NAME",
                     help="The method to show."),
        click.option("--image", "id_", metavar="ID", help="The id of the image to show.  [default: the image whose "
                     "halves differ most in colour]"),
        click.option("--synthetic/--as-it-is", "synthetic", default=None,
                     help="Light the background by two looks, or use it unchanged.  [default: synthetic on the "
                     "sample]"),
    ]  # fmt: skip
    return [
        click.option("--realhm", metavar="DIR", help="The folder of RealHM.  [default: the embedded sample]"),
        click.option("--allow-incomplete", is_flag=True, help="Accept missing images of RealHM."),
        *(one if number == 7 else many),
        click.option("--weights", multiple=True, metavar="METHOD=FILE",
                     help="The weights of a method, as for evaluate. May be repeated."),
        click.option("--cell", type=click.IntRange(32, 4096), default=384, show_default=True, metavar="PIXELS",
                     help="The width of a cell."),
        click.option("--out", "-o", type=OutPlace(path_type=Path), metavar="FILE",
                     help=f"The figure to write, a .png or a .pdf file.  [default: runs/reproduce/figure{number}.png]"),
        DEVICE,
        QUIET,
    ]  # fmt: skip


def _figure(number: int, rows: int, says: str) -> click.Command:
    def command(**options: Any) -> None:
        _draw(number, **options)

    for option in reversed(_figure_options(number, rows)):
        command = option(command)
    command.__doc__ = f"""{says}

    \b
      sshbench reproduce figure{number} --realhm RealHM/ -o figure{number}.pdf

    Methods without weights are left out, and the command says how to get the weights.
    """
    return click.command(f"figure{number}", short_help=says.partition(":")[0] + ".")(command)


def _draw(
    number: int,
    realhm: str | None,
    allow_incomplete: bool,
    weights: tuple[str, ...],
    cell: int,
    out: Path | None,
    device: str,
    quiet: bool,
    **more: Any,
) -> None:
    from sshbench.benchmarks.open import open_benchmark
    from sshbench.cli.evaluate import weights_by_method
    from sshbench.devices import device_name
    from sshbench.reproduce import figures
    from sshbench.results.figure import check_format, write_figure

    out = out or Path(f"runs/reproduce/figure{number}.png")
    check_format(out)
    benchmark = open_benchmark("realhm" if realhm else "sample", realhm, allow_incomplete=allow_incomplete)
    go_on("nothing was written")
    with Progress("image", quiet=quiet) as progress:
        if number == 7:
            method, synthetic = more["method"], more["synthetic"]
            made = figures.figure7(
                benchmark, method, weights=weights_by_method(weights, [method]).get(method), id=more["id_"],
                synthetic=realhm is None if synthetic is None else synthetic, device=device_name(device),
            )  # fmt: skip
        else:
            draw, names = {
                5: (figures.figure5, (*figures.PAPERS, "ssh-lut")),
                6: (figures.figure6, ("dovenet", "ssh", "ssh-lut")),
            }[number]
            names = more["methods"] or names
            made = draw(
                benchmark, names, weights=weights_by_method(weights, list(names)), ids=more["ids"], rows=more["rows"],
                device=device_name(device), progress=progress,
            )  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    write_figure(out, made.grid, cell)
    for note in made.notes:
        click.echo(note)
    click.echo(f"Wrote {out}.", err=True)


figure5 = _figure(5, 5, "Compare methods: composite, methods and ground truth side by side.")
figure6 = _figure(
    6,
    3,
    "Show background occlusion: foregrounds that cover most of the background, by methods that see the composite and "
    "by methods that see the background.",
)
figure7 = _figure(
    7,
    1,
    "Show locality: one foreground at two places of a background with two lights, with the whole background and with a "
    "crop at each place as reference.",
)
