"""The options that say which images of a dataset are meant, the same for all commands that take photographs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = {
    "--config": "Configuration of a Hugging Face dataset.",
    "--split": "Split of a dataset, or all.  [default: train, or the only one]",
    "--column": "Image column of a dataset; of WebDataset files a suffix, or several: 'jpg;png'.",
    "--revision": "Revision of a Hugging Face dataset.",
}


def within_dataset(command: Command) -> Command:
    """Add `--config`, `--split`, `--column` and `--revision`, each a text or None."""
    for name, said in reversed(_OPTIONS.items()):
        command = click.option(name, help=said)(command)
    return command
