"""The options that choose images of a dataset, the same for all commands that take photographs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = {
    "--config": "The configuration of a Hugging Face dataset.",
    "--split": "The split of a dataset, or all.  [default: train, or the only one]",
    "--column": "The image column of a dataset; for WebDataset files, a suffix or several, such as 'jpg;png'.",
    "--revision": "The revision of a Hugging Face dataset.",
}


def within_dataset(command: Command) -> Command:
    """Add `--config`, `--split`, `--column` and `--revision`, each a text or None."""
    for name, said in reversed(_OPTIONS.items()):
        command = click.option(name, help=said)(command)
    return command
