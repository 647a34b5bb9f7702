"""`sshbench protocols`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from sshbench.cli.names import PROTOCOL

if TYPE_CHECKING:
    from sshbench.benchmarks.protocol import Protocol


@click.command()
@click.argument("names", type=PROTOCOL, nargs=-1, metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with one object for each protocol.")
def protocols(names: tuple[str, ...], as_json: bool) -> None:
    """List the protocols of sshbench and of published code; with NAME, describe that protocol in full.

    \b
    sshbench protocols
    sshbench protocols dovenet pct-fullres
    """
    from sshbench.benchmarks.protocol import DEFAULT, PROTOCOLS, get_protocol

    shown = [get_protocol(name) for name in names] or list(PROTOCOLS.values())
    if as_json:
        click.echo(json.dumps([asdict(protocol) for protocol in shown], indent=2))
    elif names:
        click.echo("\n\n".join(_in_full(protocol) for protocol in shown))
    else:
        width = max(len(protocol.name) for protocol in shown)
        for protocol in shown:
            default = " (the default)" if protocol.name == DEFAULT else ""
            click.echo(f"{protocol.name:<{width}}  {protocol.description}{default}")


def _in_full(protocol: Protocol) -> str:
    size = "full resolution" if protocol.size is None else f"{protocol.size[0]} x {protocol.size[1]}"
    ssim = protocol.ssim
    lines = {
        "version": str(protocol.version),
        "resize": size if protocol.resize is None else f"{protocol.resize} to {size}",
        "mask": protocol.mask,
        "prediction": protocol.quantise,
        "background": protocol.background,
        "errors over": protocol.region,
        "PSNR peak": protocol.peak + (f", MSE + {protocol.epsilon:g}" if protocol.epsilon else ""),
        "fMSE": protocol.fmse if "fmse" in protocol.metrics else "-",
        "SSIM": "-" if ssim is None else f"{ssim.window} window, range {ssim.peak}, background {ssim.background}",
        "metrics": ", ".join(protocol.metrics),
        "source": protocol.source,
    }
    lines |= {"gives away": f"{protocol.gives_away}."} if protocol.gives_away else {}
    lines |= {"note": " ".join(protocol.notes)} if protocol.notes else {}
    body = "\n".join(f"  {name:<12} {text}" for name, text in lines.items())
    return f"{protocol.name}: {protocol.description}\n{body}"
