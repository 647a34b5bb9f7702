"""The `sshbench` command: finds a subcommand, loads only that one, and turns errors into one sentence."""

from __future__ import annotations

import errno
import io
import os
import sys
import warnings
from typing import Any, NoReturn

import click

from sshbench.cli.groups import LazyGroup
from sshbench.cli.stopping import said_of, stoppable
from sshbench.errors import FULL, SshbenchError, printable, sentence
from sshbench.whole_file import remove_unfinished

COMMANDS = {
    "check": ("sshbench.cli.check:check", "Run your method on three difficult images and report its faults."),
    "completion": ("sshbench.cli.completion:completion", "Print the shell completion script for bash, zsh or fish."),
    "evaluate": ("sshbench.cli.evaluate:evaluate", "Score methods on a benchmark and print tables with intervals."),
    "figure": ("sshbench.cli.report:figure", "Draw a comparison grid of results: methods side by side."),
    "generate-triplets": (
        "sshbench.cli.generate_triplets:generate_triplets",
        "Make training triplets or composites from photographs.",
    ),
    "harmonize": (
        "sshbench.cli.harmonize:harmonize",
        "Paste a foreground onto a background in the background's light and colours.",
    ),
    "import-records": (
        "sshbench.cli.import_records:import_records",
        "Import results that others measured, image by image.",
    ),
    "leaderboard": ("sshbench.cli.leaderboard:leaderboard", "Merge the records of evaluations into one table."),
    "preview-triplets": (
        "sshbench.cli.preview_triplets:preview_triplets",
        "Show triplets on a contact sheet: crops, looks, and the resulting images.",
    ),
    "protocols": ("sshbench.cli.protocols:protocols", "List the protocols of sshbench and of published code."),
    "report": ("sshbench.cli.report:report", "Make one HTML page of results: tables, charts, images under a slider."),
    "realhm": ("sshbench.cli.realhm:realhm", "Check and pack the benchmark RealHM."),
    "reproduce": (
        "sshbench.cli.reproduce:reproduce",
        "Make a table or figure of the paper, with measured beside published numbers.",
    ),
    "studio": ("sshbench.cli.studio:studio", "Open a page to composite two photographs by eye."),
    "study": ("sshbench.cli.study:study", "Ask people which method they prefer, and analyse the answers."),
    "train": ("sshbench.cli.train:train", "Train a method on photographs, and validate it on held-out photographs."),
    "weights": ("sshbench.cli.weights:weights", "List, fetch, check, import and export weights of networks."),
    "lut": ("sshbench.cli.lut:lut", "Inspect, apply, preview, convert and bake colour look-up tables."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sshbench", prog_name="sshbench")
@click.option("--debug", is_flag=True, help="Show the traceback of an error. The option may stand anywhere.")
def cli(debug: bool) -> None:
    """Data, benchmark and reference models for image harmonization."""


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 on success, 2 for bad input, 130 after Ctrl-C, 143 after SIGTERM."""
    words = _debug_first(sys.argv[1:] if args is None else args)
    debug = words[:1] == ["--debug"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the terminal may lack letters of a title
    warnings.filterwarnings(
        "ignore", module=r"PIL\."
    )  # Pillow warns about odd tags and about images above half of its size limit
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    state: dict[str, str] = {}
    try:
        with stoppable():
            code = cli.main(args=words, prog_name="sshbench", standalone_mode=False, obj=state)
            sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "sshbench"
        click.echo(f"{where}: {error.format_message()} See '{where} --help'.", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt) as error:
        cause = error.__cause__ if isinstance(error, click.Abort) else error
        if isinstance(cause, EOFError):  # click treats EOFError as Ctrl-D, but no command here asks questions
            raise cause from None
        said, code = said_of(cause or error, state)
        remove_unfinished()
        click.echo(f"sshbench: {said}", err=True)
        sys.exit(code)
    except (SshbenchError, OSError) as error:
        if isinstance(error, OSError) and error.filename is None and error.errno in (errno.EPIPE, *FULL):
            # The reader has closed the pipe (`sshbench ... | head`), or the disk is full: Python must not flush again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if error.errno == errno.EPIPE:
                sys.exit(1)
        if debug:
            raise
        click.echo(f"sshbench: {sentence(error)}", err=True)
        sys.exit(2)


def _debug_first(words: list[str]) -> list[str]:
    """Move `--debug` to the front, so that it may also follow a subcommand."""
    options = words[: words.index("--")] if "--" in words else words
    if "--debug" not in options:
        return words
    return ["--debug", *(word for word in options if word != "--debug"), *words[len(options) :]]


def _show_warning(message: Warning | str, category: type[Warning], filename: str, lineno: int, *rest: Any) -> None:
    ours = os.path.dirname(os.path.dirname(__file__))
    if category.__module__.startswith("sshbench.") or filename.startswith(ours):
        click.echo(f"sshbench: warning: {printable(str(message))}", err=True)
    else:
        click.echo(warnings.formatwarning(message, category, filename, lineno), err=True, nl=False)
