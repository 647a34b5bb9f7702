"""Options that are made of the fields of settings: what --help, Python and a recipe say is one and the same."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from sshbench.cli.generate_triplets import generate_triplets
from sshbench.cli.options import options_of
from sshbench.compositing.finishing import Finish
from sshbench.compositing.place import Place
from sshbench.options import Options, SettingsError, described, fields_of
from sshbench.training.options import PairSettings, Shares
from sshbench.training.recipe import Data
from sshbench.triplets.settings import TRANSFERS, Settings


def values_of(*words: str) -> dict[str, Any]:
    """What a command with the options of `Settings` is given."""
    taken: dict[str, Any] = {}

    @click.command()
    @options_of(Settings, leave=("weights",), named={"transfers": "--transfer"})
    def command(**values: Any) -> None:
        taken.update(values)

    result = CliRunner().invoke(command, words)
    assert result.exit_code == 0, result.output
    return taken


def test_without_words_the_settings_are_the_defaults():
    values = values_of()
    assert Settings(**values | {"transfers": values["transfers"] or TRANSFERS}) == Settings()


def test_words_become_values_of_the_fields_types():
    words = "--kind composites --scale 300 400 --mask-area 0.1 0.25 --transfer xiao --transfer histogram --seed 7"
    settings = Settings(**values_of(*words.split()))
    assert (settings.kind, settings.scale, settings.mask_area) == ("composites", (300, 400), (0.1, 0.25))
    assert (settings.transfers, settings.seed) == (("xiao", "histogram"), 7)


@pytest.mark.parametrize("settings", [Settings, PairSettings, Shares, Data, Finish, Place])
def test_every_field_is_described_in_a_sentence(settings: type[Options]):
    assert [name for name in fields_of(settings) if not described(settings, name).endswith(".")] == []


def test_the_help_of_the_command_has_the_descriptions():
    shown = {option.name: option.help or "" for option in generate_triplets.params if isinstance(option, click.Option)}
    for name in set(fields_of(Settings)) - {"weights"}:
        assert shown[name].startswith(described(Settings, name))


def test_a_recipe_has_the_same_fields_with_the_same_defaults():
    own = set(fields_of(Settings)) - {"seed", "weights"}
    assert own <= set(fields_of(Data))
    assert Data().settings(3) == Settings(seed=3)
    assert Data(own=0.25).shares() == Shares(own=0.25)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Shares(own=2), "own: input should be less than or equal to 1, not 2"),
        (lambda: Shares(own=0.6, cross=0.6), "own and cross together no more than 1"),
        (lambda: PairSettings(window=(0.5, 0.2)), "window must be an ascending pair within 0.1 to 1"),
        (lambda: Settings(colour=1), "there is no 'colour'; there are kind, draws, crop"),  # type: ignore[call-arg]
        (lambda: Settings(crop="wide"), "crop: input should be a valid integer"),  # type: ignore[arg-type]
    ],
)
def test_values_that_do_not_fit_are_one_sentence(make: Any, said: str):
    with pytest.raises(SettingsError) as caught:
        make()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
