"""The option that limits the size of images, the same for all commands that read images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from sshbench.cli.finite import Within

_Command = TypeVar("_Command", bound=Callable[..., Any])


def megapixels(default: str) -> Callable[[_Command], _Command]:
    """Return the option, whose help names the default of the command."""
    return click.option(
        "--max-megapixels",
        "max_pixels",
        type=Within(min=0, min_open=True),
        callback=lambda ctx, param, value: None if value is None else max(round(value * 1e6), 1),
        metavar="MP",
        help=f"Largest image that is read: a small file can claim any size.  [default: {default}]",
    )


max_megapixels = megapixels("178; photographs to train on: 100")
"""Gives the argument `max_pixels`: a number of pixels, or None."""


def limits(max_pixels: int | None) -> dict[str, Any]:
    """Return the argument `max_pixels` for functions that read images; empty if the option was not given."""
    return {} if max_pixels is None else {"max_pixels": max_pixels}
