"""`sshbench check`: try a method on three difficult images before it runs on a benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sshbench.cli.names import METHOD

if TYPE_CHECKING:
    from sshbench.methods.base import Method
    from sshbench.methods.try_out import TriedImage


@click.command()
@click.argument("method", type=METHOD)
@click.option("--weights", metavar="FILE", help="Weights of the method, as for evaluate.")
@click.option("--device", metavar="NAME", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")
@click.pass_context
def check(ctx: click.Context, method: str, weights: str | None, device: str) -> None:
    """Run METHOD on three difficult images and report its faults.

    One image has odd sides, one is tall and small, and one has an empty mask. METHOD is path.py:Class or
    path.py:function for a method of your own, or a name. The method receives each image alone, a second time, and with
    the others in one batch. The exit code is 1 if there is any fault; --debug shows the traceback in the method.

    \b
      sshbench check mine.py:Method
      sshbench check mine.py:Method --weights runs/mine
    """
    from sshbench.devices import device_name
    from sshbench.methods.registry import get_method
    from sshbench.methods.try_out import try_method

    made = get_method(method, device=device_name(device), weights=weights)
    debug = ctx.find_root().params.get("debug")
    click.echo(_about(made))
    problems = 0
    for trial in try_method(made):
        problems += len(trial.problems)
        click.echo(_said(trial))
        if debug and trial.traceback:
            click.echo(trial.traceback.rstrip(), err=True)
    if problems:
        hint = "" if debug else "; sshbench --debug check shows the traceback of an error"
        click.echo(f"sshbench: {made.name} is not ready{hint}", err=True)
        ctx.exit(1)
    beside = "" if method == "dc" else "-m dc "
    click.echo(f"Nothing is wrong. Next: sshbench evaluate {beside}-m {method}")


def _about(method: Method) -> str:
    needs = [what for what, so in (("the background", method.needs_background), ("the mask", method.needs_mask)) if so]
    sees = "; it sees the ground truth, so tables call it a ceiling" if method.sees_target else ""
    return f"{method.name}: needs {' and '.join(needs) or 'only the composite'}{sees}"


def _said(trial: TriedImage) -> str:
    took = "" if trial.seconds is None else f", {1000 * trial.seconds:.0f} ms"
    lines = [f"{'wrong' if trial.problems else 'good'}: {trial.says}{took}"]
    return "\n".join([*lines, *(f"  {one}" for one in trial.problems), *(f"  remark: {one}" for one in trial.remarks)])
