"""`sshbench reproduce`: make tables and figures of the paper, with measured beside published numbers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sshbench.cli.names import METHOD, PROTOCOL
from sshbench.cli.options import OutFolder, OutPlace
from sshbench.cli.progress import Progress
from sshbench.cli.stopping import go_on

if TYPE_CHECKING:
    from sshbench.results.tables import Table

ABLATIONS = {
    "table3": "Train and compare single-crop and multi-crop.",
    "table4": "Train and compare colour transfer, saturation and LUTs.",
    "table5": "Train and compare SSH without the reconstruction loss, without the disentanglement loss, and with both.",
}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def reproduce() -> None:
    """Make a table or figure of the paper, or the table of iHarmony4, with measured beside published numbers."""


_weights = click.option(
    "--weights",
    multiple=True,
    metavar="METHOD=FILE",
    help="The weights of a method, as for evaluate. May be repeated.  [default: the imported weights, or those that "
    "ship]",
)
_limit = click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Take the first N images.")
_out = click.option(
    "--out",
    "-o",
    type=OutFolder(path_type=Path),
    default=Path("runs/reproduce"),
    show_default=True,
    help="The folder of the output.",
)
_workers = click.option(
    "--workers", "-w", type=click.IntRange(min=1), metavar="N", help="The number of processes, as for evaluate."
)
_device = click.option("--device", metavar="NAME", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")
_quiet = click.option("--quiet", "-q", is_flag=True, help="Show no progress.")

_OPTIONS = [
    click.option(
        "--source",
        default="sample",
        show_default=True,
        metavar="WHAT",
        help="The photographs: sample, a folder or a dataset.",
    ),
    click.option(
        "--luts", multiple=True, metavar="PLACE", help="The looks, as for train. May be repeated.  [default: luts]"
    ),
    click.option(
        "--recipe",
        "-r",
        default="small",
        show_default=True,
        metavar="NAME|FILE",
        help="The recipe of all variants, as for train.",
    ),
    click.option(
        "--set",
        "changes",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="Change a value of the recipe. May be repeated.",
    ),
    click.option(
        "--budget",
        metavar="TIME",
        help="The training time of each variant, such as 30m; the same as --set schedule.budget=TIME.",
    ),
    click.option(
        "--time-limit",
        metavar="TIME",
        help="End this call after the given time; the next call continues where it stopped.",
    ),
    click.option(
        "--realhm",
        metavar="DIR",
        help="The folder of RealHM, to evaluate on it.  [default: held-out composites and the sample]",
    ),
    click.option(
        "--masks", metavar="WHAT", help="For the held-out composites: a folder of masks.  [default: generated shapes]"
    ),
    click.option(
        "--images",
        type=click.IntRange(min=2),
        default=128,
        show_default=True,
        help="The number of held-out photographs.",
    ),
    click.option(
        "--protocol",
        default="sshbench-v1",
        type=PROTOCOL,
        show_default=True,
        metavar="NAME",
        help="The protocol of the scores.",
    ),
    _out,
    click.option(
        "--workers", "-w", type=click.IntRange(min=0), default=0, show_default=True, help="Processes that prepare data."
    ),
    click.option(
        "--threads", type=click.IntRange(min=1), metavar="N", help="Threads of torch.  [default: torch's own]"
    ),
    _device,
    _quiet,
]


def _ablation(table: str, says: str) -> click.Command:
    def command(**options: Any) -> None:
        _run(table, **options)

    for option in reversed(_OPTIONS):
        command = option(command)
    command.__doc__ = f"""{says}

    The command trains the variants of SSH that the table compares, all by one recipe. It evaluates them on RealHM if
    --realhm is given, and otherwise on composites of held-out photographs and looks and on the embedded sample. Every
    table with the same --out uses the variants that are already trained.

    \b
      sshbench reproduce {table} --source ~/photos --budget 30m
      sshbench reproduce {table} --source ~/photos --recipe gpu --time-limit 9m     repeat to continue
    """
    return click.command(table, short_help=says)(command)


for _table, _says in ABLATIONS.items():
    reproduce.add_command(_ablation(_table, _says))


@reproduce.command(short_help="Score six methods on RealHM, with the weights that you have.")
@click.option("--realhm", metavar="DIR", help="The folder of RealHM.  [default: the embedded sample]")
@click.option("--allow-incomplete", is_flag=True, help="Accept missing images of RealHM.")
@_weights
@click.option(
    "--protocol",
    "protocols",
    type=PROTOCOL,
    multiple=True,
    metavar="NAME",
    help="The protocol of the scores. May be repeated.  [default: ssh-iccv21 and sshbench-v1]",
)
@_limit
@_out
@_workers
@_device
@_quiet
def table1(
    realhm: str | None,
    allow_incomplete: bool,
    weights: tuple[str, ...],
    protocols: tuple[str, ...],
    limit: int | None,
    out: Path,
    workers: int | None,
    device: str,
    quiet: bool,
) -> None:
    """Score six methods on RealHM: DC, WCT2, DIH, S2AM, DoveNet and SSH.

    Each row states the origin of its weights, or how to get and import them. The command does not train.

    \b
      sshbench reproduce table1                                  on the embedded sample
      sshbench reproduce table1 --realhm RealHM/ --weights dovenet=latest_net_G.pth
    """
    from sshbench.cli.evaluate import weights_by_method
    from sshbench.devices import device_name
    from sshbench.reproduce.table1 import PROTOCOLS, ROWS
    from sshbench.reproduce.table1 import reproduce as tables_of

    progress = Progress("image", quiet=quiet)
    made = tables_of(
        out / "table1",
        realhm=realhm,
        weights=weights_by_method(weights, list(ROWS)),
        protocols=protocols or PROTOCOLS,
        device=device_name(device),
        workers=workers,
        limit=limit,
        allow_incomplete=allow_incomplete,
        progress=progress,
    )
    _show(made, progress, out / "table1.md")


@reproduce.command(short_help="Score iHarmony4 by subset, each method by its authors' protocol.")
@click.option("--root", metavar="DIR", help="The folder of iHarmony4.  [default: the embedded sample]")
@click.option("--allow-incomplete", is_flag=True, help="Accept missing images of iHarmony4.")
@click.option(
    "--method",
    "-m",
    "methods",
    type=METHOD,
    multiple=True,
    metavar="NAME",
    help="A method to score. May be repeated.  [default: all]",
)
@_weights
@_limit
@_out
@_workers
@_device
@_quiet
def iharmony4(
    root: str | None,
    allow_incomplete: bool,
    methods: tuple[str, ...],
    weights: tuple[str, ...],
    limit: int | None,
    out: Path,
    workers: int | None,
    device: str,
    quiet: bool,
) -> None:
    """Make the usual table of the field: methods by subsets and metrics, with measured beside published numbers.

    Each method is scored by the protocol of its authors, and stands in a table with the methods of the same protocol.
    Each table says what its protocol gives away, and each row states the origin of its weights. The command does not
    train.

    \b
      sshbench reproduce iharmony4 --root iHarmony4/
      sshbench reproduce iharmony4 --root iHarmony4/ -m pct-net --weights pct-net=PCTNet_CNN.pth
    """
    from sshbench.cli.evaluate import weights_by_method
    from sshbench.devices import device_name
    from sshbench.methods.named_options import split_options
    from sshbench.reproduce.iharmony4 import METHODS
    from sshbench.reproduce.iharmony4 import reproduce as tables_of

    names = methods or METHODS
    progress = Progress("image", quiet=quiet)
    made = tables_of(
        out / "iharmony4",
        root=root,
        methods=names,
        weights=weights_by_method(weights, list(dict.fromkeys(split_options(name)[0] for name in names))),
        device=device_name(device),
        workers=workers,
        limit=limit,
        allow_incomplete=allow_incomplete,
        progress=progress,
    )
    _show(made, progress, out / "iharmony4.md")


def _run(
    table: str,
    source: str,
    luts: tuple[str, ...],
    recipe: str,
    changes: tuple[str, ...],
    budget: str | None,
    time_limit: str | None,
    realhm: str | None,
    masks: str | None,
    images: int,
    protocol: str,
    out: Path,
    workers: int,
    threads: int | None,
    device: str,
    quiet: bool,
) -> None:
    import torch

    from sshbench.devices import device_name
    from sshbench.reproduce.ablations import reproduce as tables_of
    from sshbench.reproduce.trained import TrainingPlan
    from sshbench.training.recipe import seconds

    if threads:
        torch.set_num_threads(threads)
    if budget:
        changes = (*changes, f"schedule.budget={budget}")
    plan = TrainingPlan(recipe, changes, source, luts or ("luts",), out, device, workers, quiet)
    progress = Progress("image", quiet=quiet)
    made = tables_of(
        table, plan, protocol=protocol, realhm=realhm, masks=masks, images=images,
        time_limit=seconds(time_limit) if time_limit else None, device=device_name(device),
        progress=progress,
    )  # fmt: skip
    _show(made, progress, out / f"{table}.md")


def _show(tables: Iterable[Table], progress: Progress, path: Path) -> None:
    """Print tables as they are made, and keep them as Markdown."""
    from sshbench.results.formats import markdown_table, plain_table
    from sshbench.whole_file import whole_file

    width = max(shutil.get_terminal_size((120, 24)).columns, 80)
    kept = []
    go_on("the same command continues where it stopped")
    with progress:
        for table in tables:
            progress.say(plain_table(table, width) + "\n")
            kept.append(markdown_table(table))
    with whole_file(path) as temporary:
        temporary.write_text("\n\n".join(kept) + "\n", encoding="utf-8")
    click.echo(f"The same tables as Markdown: {path}", err=True)


@reproduce.command(short_help="Show the scores of a human study beside the printed scores.")
@click.option(
    "--study",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The folder of a study of sshbench study, with the design acr.",
)
@click.option("--simulated", is_flag=True, help="Use the simulated answers of the study.")
@_out
def table2(study: Path | None, simulated: bool, out: Path) -> None:
    """Show the mean opinion scores of WCT2, DIH, S2AM, DoveNet and SSH: those of a study beside the printed scores.

    Without --study, the table names the commands that collect the missing scores.

    \b
      sshbench reproduce table2 --study my-study
    """
    from sshbench.reproduce.table2 import reproduce as table_of

    if simulated and study is None:
        raise click.UsageError("--simulated needs --study, the folder of the study with the simulated answers.")
    out.mkdir(parents=True, exist_ok=True)
    _show([table_of(study, simulated=simulated)], Progress("table", quiet=True), out / "table2.md")


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
        _device,
        _quiet,
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


for _number, _rows, _about in (
    (5, 5, "Compare methods: composite, methods and ground truth side by side."),
    (6, 3, "Show background occlusion: foregrounds that cover most of the background, by methods that see the "
           "composite and by methods that see the background."),
    (7, 1, "Show locality: one foreground at two places of a background with two lights, with the whole background and "
           "with a crop at each place as reference."),
):  # fmt: skip
    reproduce.add_command(_figure(_number, _rows, _about))
