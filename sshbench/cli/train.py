"""`sshbench train`: train the weights of a method on photographs and looks."""

from __future__ import annotations

import os
import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sshbench.cli.names import NETWORK
from sshbench.cli.options import OutFolder, max_megapixels_to_train
from sshbench.cli.stopping import go_on
from sshbench.errors import SshbenchError

if TYPE_CHECKING:
    from sshbench.training.run import Outcome


@click.command(epilog="In Python: sshbench.train. docs/training.md explains objectives for your own methods.")
@click.argument("method", type=NETWORK, required=False)
@click.option(
    "--source",
    default="sample",
    show_default=True,
    metavar="WHAT",
    help="The training data: sample, a folder or dataset of photographs, a store of generate-triplets, or the folder "
    "of iHarmony4.",
)
@click.option(
    "--luts",
    multiple=True,
    metavar="PLACE",
    help="A folder of .cube files, an .npz file of tables, or luts for the looks of sshbench. May be repeated.  "
    "[default: luts]",
)
@click.option("--masks", metavar="WHAT", help="For composites: a folder of masks with the names of the photographs.")
@max_megapixels_to_train
@click.option(
    "--measure-on",
    metavar="WHAT",
    help="Photographs or a store whose held-out part is used for validation.  [default: --source]",
)
@click.option(
    "--recipe",
    "-r",
    metavar="NAME|FILE",
    help="The recipe: paper, small or gpu, if the method has it, or a .toml file.  [default: small; with --resume, "
    "that of the run]",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Change a value of the recipe. May be repeated.",
)
@click.option("--out", "-o", type=OutFolder(), metavar="DIR", help="The folder of the run.  [default: runs/METHOD]")
@click.option("--time-limit", metavar="TIME", help="Stop with a checkpoint after this time, such as 9m or 1h30m.")
@click.option("--resume", is_flag=True, help="Continue from the last checkpoint in --out, if there is one.")
@click.option("--overwrite", is_flag=True, help="Remove the run in --out and start over.")
@click.option(
    "--init-from",
    metavar="WEIGHTS",
    help="The initial weights: a folder or file that sshbench wrote, or a file of the authors.",
)
@click.option(
    "--workers", "-w", type=click.IntRange(min=0), default=0, show_default=True, help="Processes that prepare data."
)
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Threads of torch.  [default: torch's own]")
@click.option("--device", metavar="NAME", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
@click.option("--plot", metavar="DIR", help="Do not train; draw curve.png of the run in DIR.")
@click.pass_context
def train(
    ctx: click.Context,
    method: str | None,
    source: str,
    luts: tuple[str, ...],
    masks: str | None,
    max_pixels: int | None,
    measure_on: str | None,
    recipe: str | None,
    changes: tuple[str, ...],
    out: str | None,
    time_limit: str | None,
    resume: bool,
    overwrite: bool,
    init_from: str | None,
    workers: int,
    threads: int | None,
    device: str,
    quiet: bool,
    plot: str | None,
) -> None:
    """Train METHOD: ssh, ssh-lut, dih, dovenet, harmonizer, hdnet, idih, issam, pct-net, s2am or wct2.

    For a method of your own, METHOD is path.py:make, a function that makes its objective (docs/training.md), or the
    name under which an installed package lists it.

    A tenth of the photographs and looks, chosen by their names, is held out: training never sees it, and
    validation uses it. Ctrl-C stops a run with a checkpoint, and --resume continues the run exactly.

    Losses and scores go to CSV files, to TensorBoard if it is installed, and to Weights & Biases if WANDB_PROJECT is
    set.

    \b
      sshbench train ssh --source ~/photos                          half an hour on two processors
      sshbench train ssh --source ~/photos --set schedule.budget=2h --set network.width=32
      sshbench train ssh --source ~/photos --recipe paper --workers 8
      sshbench train ssh --source ~/photos --recipe gpu --time-limit 9m --resume -o runs/gpu     repeat to continue
      torchrun --nproc-per-node 4 -m sshbench train ssh --source ~/photos --recipe paper -w 8
    """
    if plot is not None:
        if method is not None:
            raise SshbenchError(f"--plot only draws the curves of a run; leave {method} out")
        click.echo(_drawn(Path(plot)))
        return
    if method is None:
        raise click.MissingParameter(ctx=ctx, param_hint="'METHOD'", param_type="argument")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    from sshbench.training.train_method import train as train_method

    if threads:
        import torch

        torch.set_num_threads(threads)
    folder = Path(out or f"runs/{Path(method.partition('.py:')[0]).name}")
    go_on(f"the last checkpoint is in {folder}/checkpoints, and the same command with --resume continues from it")
    outcome = train_method(
        method, source, folder, recipe=recipe, changes=changes, luts=luts or None, masks=masks, init_from=init_from,
        measure_on=measure_on, time_limit=time_limit, resume=resume, overwrite=overwrite, device=device,
        workers=workers, max_pixels=max_pixels, progress=not quiet,
    )  # fmt: skip
    if os.environ.get("RANK", "0") == "0":
        click.echo(_said(outcome, method))
    if outcome.reason == "interrupted":
        ctx.exit(128 + (outcome.signal or signal.SIGINT))


def _drawn(folder: Path) -> str:
    from sshbench.training.logs import draw_curve

    path = draw_curve(folder)
    if path is None:
        raise SshbenchError(f"{folder}: has no log.csv with losses to draw; give the folder of a run")
    return f"Wrote {path}."


def _said(outcome: Outcome, method: str) -> str:
    from sshbench.training.keeper import clock, said

    measured = f", {said(outcome.scores)}" if outcome.scores else ""
    trained = f"{method}: {outcome.step:,} steps, {outcome.samples:,} samples in {clock(outcome.seconds)}{measured}"
    if outcome.reason == "complete":
        return f"{trained}; weights in {outcome.weights}; next: {_next(method, shlex.quote(str(outcome.weights)))}"
    return (
        f"{trained}; stopped ({outcome.reason}) with a checkpoint in {outcome.folder}, weights so far in "
        f"{outcome.weights}; next: the same command with --resume"
    )


def _next(method: str, weights: str) -> str:
    from sshbench.methods.registry import METHODS, installed_methods

    if method not in METHODS and method not in installed_methods():
        return (
            f"sshbench evaluate --method YOURS --weights {weights}, where YOURS is your method that reads these weights"
        )
    given = f"--method {method} --weights {weights}"
    return (
        f"sshbench evaluate {given}, or sshbench harmonize {given} --foreground cutout.png --background photo.jpg "
        "-o out.jpg"
    )
