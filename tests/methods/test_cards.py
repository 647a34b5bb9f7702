"""Cards that ship keep to the schema, and what is wrong with one is said in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from sshbench.folders import data_folder
from sshbench.methods.cards import CardError, carded, parse_card, read_card
from sshbench.results.published import read_published


@pytest.mark.parametrize("method", carded())
def test_every_card_is_whole(method: str) -> None:
    card = read_card(method)
    assert card.published_as in {one.method for one in read_published()}
    for checkpoint in card.checkpoint:
        assert set(checkpoint.sha256) <= set(checkpoint.files)


def test_an_unknown_method_names_those_that_have_one() -> None:
    with pytest.raises(CardError, match=r"there are cards of .*ssh"):
        read_card("sssh")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("[paper]", "[paper"), "at line"),
        (("year = 2021", f"year = {'1' * 5000}"), "limit"),
        (("year = 2021", f"year = {'[' * 50_000}"), "recursion"),
        (("year = 2021", 'year = "soon"'), r"paper\.year: Input should be a valid integer"),
        (("[input]\n", '[input]\nname = "x"\n'), r"input\.name: Extra inputs are not permitted"),
        (('method = "ssh"', 'method = "other"'), "method is 'other', and the folder 'ssh'"),
        (('files = ["checkpoint"]', "files = []"), r"checkpoint\.0\.files"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, change: tuple[str, str], sentence: str) -> None:
    text = (data_folder("baselines") / "ssh" / "card.toml").read_text()
    assert change[0] in text
    path = tmp_path / "ssh" / "card.toml"
    path.parent.mkdir()
    path.write_text(text.replace(*change))
    with pytest.raises(CardError, match=sentence):
        parse_card(path)


def test_a_byte_order_mark_is_no_part_of_a_card(tmp_path: Path) -> None:
    text = (data_folder("baselines") / "ssh" / "card.toml").read_text()
    path = tmp_path / "ssh" / "card.toml"
    path.parent.mkdir()
    path.write_text("\ufeff" + text, encoding="utf-8")
    assert parse_card(path) == read_card("ssh")
