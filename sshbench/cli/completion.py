"""`sshbench completion`: the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    For bash, add `eval "$(sshbench completion bash)"` to ~/.bashrc; for zsh, add the same line with zsh to ~/.zshrc;
    for fish, run `sshbench completion fish > ~/.config/fish/completions/sshbench.fish`.
    """
    from sshbench.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "sshbench", "_SSHBENCH_COMPLETE").source())
