"""`sshbench completion`: the shell's completion script."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    Add `eval "$(sshbench completion bash)"` to ~/.bashrc (for zsh likewise to ~/.zshrc; for fish:
    `sshbench completion fish > ~/.config/fish/completions/sshbench.fish`).
    """
    from sshbench.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "sshbench", "_SSHBENCH_COMPLETE").source())
