"""Options of several commands: finite numbers, the limit of image sizes, the parts of a dataset, and settings.

The options of settings are made from the fields of a class, with their names, types, defaults and help.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, get_args

import click
from click.types import FloatParamType
from pydantic.fields import FieldInfo

from sshbench.errors import printable
from sshbench.options import Options, choices, described, fields_of
from sshbench.outputs import why_no_file, why_no_folder
from sshbench.whole_file import is_stream

Command = TypeVar("Command", bound=Callable[..., Any])
Made = TypeVar("Made", bound=Options)

_DATASET = {
    "--config": "The configuration of a Hugging Face dataset.",
    "--split": "The split of a dataset, or all.  [default: train, or the only one]",
    "--column": "The image column of a dataset; for WebDataset files, a suffix or several, such as 'jpg;png'.",
    "--revision": "The revision of a Hugging Face dataset.",
}


class Number(FloatParamType):
    """A finite number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; fail if it is NaN or infinite."""
        return _finite(self, super().convert(value, param, ctx), param, ctx)


class Within(click.FloatRange):
    """A finite number within a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; fail if it is NaN, infinite or outside the range."""
        return _finite(self, super().convert(value, param, ctx), param, ctx)


class OutFile(click.Path):
    """A file to write, whose folder must exist. The check is made first, as a command may run long before it writes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; fail if no file can be written there."""
        return _writable(self, why_no_file(value), value, param, ctx)


class OutFolder(click.Path):
    """A folder to write into, which is created if it does not exist. A URL is not checked."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; fail if it cannot be a folder."""
        return _writable(self, None if "://" in str(value) else why_no_folder(value), value, param, ctx)


class OutPlace(click.Path):
    """A file or a folder to write. Missing parent folders are created."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; fail if no file or folder can be written there."""
        above = None if is_stream(value) else why_no_folder(os.path.dirname(os.path.realpath(value)))
        return _writable(self, above, value, param, ctx)


def _writable(
    kind: click.Path, fault: str | None, value: Any, param: click.Parameter | None, ctx: click.Context | None
) -> Any:
    if fault is not None:
        kind.fail(f"{printable(str(value))} {fault}.", param, ctx)
    return click.Path.convert(kind, value, param, ctx)


def _finite(kind: Any, number: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
    if not math.isfinite(number):
        kind.fail(f"{number} is not a finite number.", param, ctx)
    return number


def megapixels(default: str) -> Callable[[Command], Command]:
    """Return the option `--max-megapixels`, whose help states the default limit of the command."""
    return click.option(
        "--max-megapixels",
        "max_pixels",
        type=Within(min=0, min_open=True),
        callback=lambda ctx, param, value: None if value is None else max(round(value * 1e6), 1),
        metavar="MP",
        help=f"The largest image to read, in megapixels; a small file can claim any size.  [default: {default}]",
    )


max_megapixels = megapixels("178")
"""Adds the argument `max_pixels`: a number of pixels, or None."""
max_megapixels_to_train = megapixels("100")
"""The same for commands that read photographs to train on."""


def limits(max_pixels: int | None) -> dict[str, Any]:
    """Return the argument `max_pixels` for functions that read images; empty if the option was not given."""
    return {} if max_pixels is None else {"max_pixels": max_pixels}


def within_dataset(command: Command) -> Command:
    """Add `--config`, `--split`, `--column` and `--revision`, each a string or None."""
    for name, said in reversed(_DATASET.items()):
        command = click.option(name, help=said)(command)
    return command


def options_of(
    settings: type[Options], *, only: Iterable[str] = (), leave: Iterable[str] = (), named: Mapping[str, str] = {}
) -> Callable[[Command], Command]:
    """Make a decorator that adds an option for each field of a class of settings, in the order of its fields.

    Parameters
    ----------
    only, leave
        The fields to take (by default all), and the fields to leave out.
    named
        Options whose names differ from those of their fields, such as `{"transfers": "--transfer"}`.
    """
    known = fields_of(settings)
    wanted = (set(only) or set(known)) - set(leave)
    taken = {name: field for name, field in known.items() if name in wanted}

    def decorated(command: Command) -> Command:
        for name, field in reversed(taken.items()):
            option = named.get(name, f"--{name.replace('_', '-')}")
            command = _option(name, option, field, described(settings, name))(command)
        return command

    return decorated


def settings_from(settings: type[Made], values: dict[str, Any]) -> Made:
    """Remove the fields of a class of settings from the values of a command, and return the settings.

    Raises
    ------
    SettingsError
        The values contradict each other.
    """
    return settings(**{name: values.pop(name) for name in fields_of(settings)})


def _option(name: str, option: str, field: FieldInfo, said: str) -> Callable[[Command], Command]:
    known, parts = choices(field.annotation), get_args(field.annotation)
    if (
        isinstance(field.json_schema_extra, dict) and "metavar" in field.json_schema_extra
    ):  # the settings parse the text
        return click.option(option, name, metavar=str(field.json_schema_extra["metavar"]), help=said)
    if isinstance(field.default, bool):
        return click.option(option, name, is_flag=True, help=said)
    if known and parts[-1] is Ellipsis:
        return click.option(option, name, type=click.Choice(known), multiple=True, help=f"{said} May be repeated.")
    if parts and not known:  # a pair of numbers
        low, high = field.default
        said = f"{said}  [default: {low} {high}]"
        return click.option(
            option, name, nargs=2, type=_number(parts[0]), metavar="LOW HIGH", default=field.default, help=said
        )
    kind = click.Choice(known) if known else _number(type(field.default))
    return click.option(option, name, type=kind, default=field.default, show_default=True, help=said)


def _number(kind: Any) -> Any:
    return Number() if kind is float else kind
