"""`sshbench reproduce table3`, `table4` and `table5`: train variants of SSH by one recipe, and compare them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sshbench.cli.names import PROTOCOL
from sshbench.cli.progress import Progress
from sshbench.cli.reproduce.options import DEVICE, OUT, QUIET
from sshbench.cli.reproduce.tables import show

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
    OUT,
    click.option(
        "--workers", "-w", type=click.IntRange(min=0), default=0, show_default=True, help="Processes that prepare data."
    ),
    click.option(
        "--threads", type=click.IntRange(min=1), metavar="N", help="Threads of torch.  [default: torch's own]"
    ),
    DEVICE,
    QUIET,
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
    show(made, progress, out / f"{table}.md")


table3 = _ablation("table3", "Train and compare single-crop and multi-crop.")
table4 = _ablation("table4", "Train and compare colour transfer, saturation and LUTs.")
table5 = _ablation(
    "table5",
    "Train and compare SSH without the reconstruction loss, without the disentanglement loss, and with both.",
)
