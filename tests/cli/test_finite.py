"""No option of any command takes a number that is none."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.types import FloatParamType

from sshbench.cli.main import cli


def options(command: click.Command, context: click.Context, name: str) -> Iterator[tuple[str, click.Parameter]]:
    """All options of a command and of those below it that are numbers, with where they stand."""
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            assert below is not None
            yield from options(below, context, f"{name} {word}")
    kinds = (FloatParamType, click.FloatRange)
    yield from ((f"{name} {p.opts[0]}", p) for p in command.params if isinstance(p.type, kinds))


@pytest.mark.parametrize("number", ["nan", "-NaN", "inf", "-inf", "1e400"])
def test_no_option_takes_what_is_no_finite_number(number: str) -> None:
    context = click.Context(cli)
    found = dict(options(cli, context, "sshbench"))
    assert len(found) >= 12
    taken = [where for where, option in found.items() if not refuses(option, number, context)]
    assert taken == []


def refuses(option: click.Parameter, number: str, context: click.Context) -> bool:
    try:
        option.type.convert(number, option, context)
    except click.BadParameter:
        return True
    return False
