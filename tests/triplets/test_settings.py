"""Settings refuse what no recipe can follow, and go to text and back."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from sshbench.errors import SshbenchError
from sshbench.triplets.settings import TRANSFERS, Settings, SettingsError

OTHER = Settings(
    seed=2**64 - 1,
    kind="composites",
    draws=3,
    crop=128,
    scale=(130, 700),
    crops="single",
    appearance="saturation",
    background="look",
    overlap=(0.0, 0.5),
    strength=(0.25, 0.75),
    weights=(0.0, 1.5, 2.0),
    saturation=(0.0, 2.0),
    transfers=("xiao", "histogram"),
    mask_area=(0.1, 0.2),
    min_mask=0.05,
)


def test_the_defaults_are_the_papers() -> None:
    settings = Settings()
    assert (settings.crop, settings.scale, settings.crops, settings.appearance) == (224, (256, 320), "multi", "lut")
    assert settings.strength == (1.0, 1.0)
    assert settings.short_side == 320


@pytest.mark.parametrize("settings", [Settings(), OTHER])
def test_text_holds_everything(settings: Settings) -> None:
    text = settings.to_json()
    assert "\n" not in text
    assert Settings.from_json(text) == settings
    assert hash(Settings.from_json(text)) == hash(settings)


def test_settings_of_a_store_from_before_there_were_looked_backgrounds_are_read() -> None:
    assert Settings.from_json('{"seed": 3, "kind": "composites", "crop": 64}').background == "photographed"


def test_every_field_differs_where_it_differs() -> None:
    found = Settings().differences(OTHER)
    assert [line.partition(":")[0] for line in found] == [field.name for field in dataclasses.fields(Settings)]
    assert "scale: 256 to 320, not 130 to 700" in found
    assert Settings().differences(Settings()) == []


@pytest.mark.parametrize("text", ["", "[1]", '{"colour": 1}', '{"seed": -1}', '{"crop": "a"}'])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        Settings.from_json(text)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"kind": "pairs"}, "kind is triplets or composites, not 'pairs'"),
        ({"crops": "two"}, "crops"),
        ({"appearance": "blur"}, "appearance is lut or grades or ladders or color-transfer or saturation"),
        ({"kind": "composites", "background": "plain"}, "background is photographed or look, not 'plain'"),
        ({"background": "look"}, "the setting background is only for composites"),
        ({"draws": 0}, "draws"),
        ({"crop": 4}, "crop"),
        ({"scale": (200, 320)}, "scale .* 224 to 65535"),
        ({"scale": (320, 256)}, "scale"),
        ({"crop": 512}, "not 256 to 320; 585 to 731 would keep the paper's proportions"),
        ({"overlap": (0.8, 0.2)}, "overlap must be an ascending pair within 0 to 1, not 0.8 to 0.2"),
        ({"overlap": (0.0, 1.1)}, "overlap"),
        ({"overlap": (float("nan"), 1.0)}, "overlap"),
        ({"strength": (-0.1, 1.0)}, "strength"),
        ({"saturation": (0.0, 11.0)}, "saturation"),
        ({"mask_area": (0.0, 0.5)}, "mask_area"),
        ({"min_mask": 0.6}, "min_mask"),
        ({"transfers": ()}, "transfers"),
        ({"transfers": ("reinhardt",)}, "transfers are among reinhard, xiao, histogram, distribution"),
        ({"weights": (1.0, -1.0)}, "weights"),
        ({"weights": (1.0, float("inf"))}, "weights"),
        ({"weights": (1.0, 0.0, 0.0)}, "two LUTs"),
    ],
)
def test_settings_that_no_recipe_can_follow_are_refused_in_one_sentence(values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        Settings(**values)
    assert isinstance(caught.value, SshbenchError)
    assert "\n" not in str(caught.value)


def test_all_four_transfers_are_drawn_by_default() -> None:
    assert Settings().transfers == TRANSFERS == ("reinhard", "xiao", "histogram", "distribution")
