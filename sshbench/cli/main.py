"""The `sshbench` command: finds a subcommand, loads only that one, and turns errors into one sentence."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from sshbench import __version__
from sshbench.errors import SshbenchError

# Command -> where it lives and its line in --help. Importing a command is left to its first use.
COMMANDS = {
    "completion": ("sshbench.cli.completion:completion", "Print the shell completion script for bash, zsh or fish."),
    "lut": ("sshbench.cli.lut:lut", "Inspect, apply, preview, convert and bake colour lookup tables."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they run and listed without being imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if close:
                error.message += f" Did you mean {close[0]!r}?"
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(COMMANDS.items())])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sshbench")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Data, benchmark and reference models for image harmonization."""


def main(args: list[str] | None = None) -> Any:
    """Run the command line; exit 0 when all went well, 2 for bad input, 1 when interrupted."""
    words = sys.argv[1:] if args is None else args
    debug = "--debug" in words
    try:
        cli.main(args=words, prog_name="sshbench", standalone_mode=False)
    except click.exceptions.Exit as request:
        sys.exit(request.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("sshbench: interrupted", err=True)
        sys.exit(1)
    except BrokenPipeError:
        # The reader has gone (`sshbench ... | head`); nothing is left to say, nor anyone to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (SshbenchError, OSError) as error:
        if debug:
            raise
        click.echo(f"sshbench: {error}", err=True)
        sys.exit(2)
