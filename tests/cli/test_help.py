"""Help names the defaults that the code has, all methods, and nothing that is markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sshbench.cli.groups import LazyGroup
from sshbench.cli.main import cli
from sshbench.cli.names import METHOD, NETWORK
from sshbench.methods.registry import DEFAULTS, METHODS
from sshbench.training.objectives import OBJECTIVES


def commands(group: click.Group = cli, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it."""
    context = click.Context(group)
    yield words, group
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


ALL = dict(commands())


def help_of(*words: str) -> str:
    """The help of a command, its lines joined."""
    with click.Context(ALL[words], info_name="sshbench") as context:
        return re.sub(r"\s+", " ", ALL[words].get_help(context))


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_no_markup_is_left_in_help(words: tuple[str, ...]) -> None:
    command = ALL[words]
    with click.Context(command, info_name="sshbench") as context:
        text = command.get_help(context)
        short = command.get_short_help_str(200)
    assert "\b" not in text + short
    assert "\\b" not in text + short
    if isinstance(command, LazyGroup):
        assert all("\\b" not in line for _, line in command.lazy.values())


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_what_help_calls_the_default_is_the_default(words: tuple[str, ...]) -> None:
    """A default written into the text by hand is of an option without one in code, which decides for itself."""
    for one in ALL[words].params:
        if isinstance(one, click.Option) and one.help and "[default:" in one.help:
            assert one.default in (None, (), False) or not one.show_default, (words, one.name)


def test_evaluate_names_the_methods_it_runs() -> None:
    found = re.search(r"-m, --method NAME .*?\[default: (.*?)\]", help_of("evaluate"))
    assert found
    assert tuple(re.sub(r"- ", "-", found[1]).split(", ")) == DEFAULTS


@pytest.mark.parametrize(("option", "default"), [("--split", "sample"), ("--protocol", "sshbench-v1")])
def test_evaluate_names_its_other_defaults(option: str, default: str) -> None:
    from sshbench.benchmarks.protocol import DEFAULT

    assert re.search(rf"{option} NAME .*?\[default: {default}\]", help_of("evaluate"))
    assert option != "--protocol" or default == DEFAULT


def test_the_page_on_evaluate_lists_the_methods_it_runs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "evaluate.md").read_text("utf-8")
    table = text.partition("## Methods")[2].partition("\n\n")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.M)) == set(DEFAULTS)


def test_train_names_every_method_that_it_trains() -> None:
    text = help_of("train")
    named = re.search(r"Train METHOD: (.*?)\.", text)
    assert named
    assert set(re.split(r", | or ", re.sub(r"- ", "-", named[1]))) == set(OBJECTIVES)


def test_names_are_completed() -> None:
    assert set(METHODS) <= set(METHOD.known())
    assert set(NETWORK.known()) == set(OBJECTIVES)


@pytest.mark.parametrize(
    ("words", "option", "start", "expected"),
    [
        (("evaluate",), "--method", "reinh", "reinhard"),
        (("evaluate",), "--method", "dc,ssh-l", "dc,ssh-lut"),
        (("evaluate",), "--protocol", "dov", "dovenet"),
        (("evaluate",), "--split", "real", "realhm"),
        (("harmonize",), "--method", "ssh-l", "ssh-lut"),
        (("leaderboard",), "--metrics", "psnr,fm", "psnr,fmse"),
        (("weights", "import"), "--method", "pct", "pct-net"),
    ],
)
def test_options_that_take_a_name_complete_it(words: tuple[str, ...], option: str, start: str, expected: str) -> None:
    command = ALL[words]
    one = next(p for p in command.params if option in p.opts)
    with click.Context(command) as context:
        assert expected in [item.value for item in one.shell_complete(context, start)]
