"""The field's table: subsets by metrics, published beside measured, each method by its authors' protocol."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from sshbench.benchmarks.folder import Folder
from sshbench.benchmarks.protocol import PROTOCOLS
from sshbench.cli.main import cli
from sshbench.errors import SshbenchError
from sshbench.methods.cards import read_card
from sshbench.methods.named_options import split_options
from sshbench.reproduce import iharmony4
from sshbench.results.published import read_published
from sshbench.results.tables import Table
from tests.benchmarks import trees
from tests.methods.checkpoints import SYNTHETIC
from tests.reproduce.samples import write_two_samples


@pytest.fixture(autouse=True)
def no_weights_but_the_test_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSHBENCH_HOME", str(tmp_path / "home"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return trees.iharmony4(tmp_path / "iHarmony4")


def cells(table: Table, method: str, whose: str) -> dict[str, str]:
    (row,) = [row for row in table.rows if row[0] == method and row[1].startswith(whose)]
    return dict(zip(table.columns, row, strict=True))


def test_measured_and_published_by_subset(root: Path, tmp_path: Path) -> None:
    weights = {"issam": SYNTHETIC["issam"].write(tmp_path)}
    (table,) = iharmony4.reproduce(tmp_path / "out", root=str(root), methods=["issam"], weights=weights, workers=1)
    assert "by issam" in table.title
    ours = cells(table, "issam", "weights of authors")
    for part in ("all", "HAdobe5k", "HFlickr"):
        assert float(ours[f"{part} MSE ↓"]) > 0
    theirs = [row for row in table.rows if row[0] == "issam" and row[1] == "published"]
    by_source = {row[-1].partition(" [")[0]: dict(zip(table.columns, row, strict=True)) for row in theirs}
    assert by_source["issam"]["HFlickr MSE ↓"] == "69.67"
    assert by_source["issam"]["all PSNR dB ↑"] == "37.95"
    assert "needs no weights" in cells(table, "dc", "needs")["whose"]


def test_what_a_protocol_gives_away_and_who_sees_the_target_is_said(root: Path, tmp_path: Path) -> None:
    methods = ["hdnet", "hdnet:background=target"]
    weights = {"hdnet": SYNTHETIC["hdnet"].write(tmp_path)}
    (table,) = iharmony4.reproduce(tmp_path / "out", root=str(root), methods=methods, weights=weights, workers=1)
    assert cells(table, "hdnet", "weights")["all MSE ↓"]
    assert cells(table, "hdnet+background-target ‡", "weights")["all MSE ↓"]
    notes = " ".join(table.notes)
    assert PROTOCOLS["hdnet-gtbg"].gives_away in notes
    assert "‡ sees the ground truth" in notes


def test_the_published_row_is_that_of_the_weights_architecture(root: Path, tmp_path: Path) -> None:
    for name, published in (("pct-net, CNN", "pct-net-cnn"), ("pct-net, ViT", "pct-net-vit")):
        weights = {"pct-net": SYNTHETIC[name].write(tmp_path)}
        (table,) = iharmony4.reproduce(
            tmp_path / name, root=str(root), methods=["pct-net"], weights=weights, workers=1, limit=1
        )
        assert {row[0] for row in table.rows if row[1] == "published"} == {"composite", published}


def test_without_weights_and_without_the_benchmark_it_still_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_two_samples(tmp_path / "two")
    monkeypatch.setattr(iharmony4, "open_benchmark", lambda name, *_, **__: Folder(tmp_path / "two", name=name))
    words = ["reproduce", "iharmony4", "-o", str(tmp_path / "out"), "-w", "1"]
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    for protocol in ("dih-tf", "s2am", "dovenet", "issam", "harmonizer", "pct-fullres", "hdnet-gtbg"):
        assert f"iHarmony4 by {protocol}:" in result.output
    assert "run sshbench weights get pct-net" in result.output
    assert "compare differences between rows, not values" in result.output
    assert "no weights here" in (tmp_path / "out" / "iharmony4.md").read_text()


def test_a_method_without_a_protocol_has_no_place_in_it(tmp_path: Path) -> None:
    with pytest.raises(SshbenchError, match="the card of wct2 names no protocol"):
        list(iharmony4.reproduce(tmp_path, methods=["wct2"]))


def test_every_method_of_it_is_published_on_it_by_its_protocol_or_one_that_is_not_said() -> None:
    known = {(p.method, p.protocol) for p in read_published() if p.benchmark == "iharmony4"}
    for method in iharmony4.METHODS:
        card = read_card(split_options(method)[0])
        assert card.protocol in PROTOCOLS
        assert {(card.published_as, card.protocol), (card.published_as, "")} & known


def test_published_means_of_all_images_are_those_of_the_subsets() -> None:
    rows = [p for p in read_published() if p.benchmark == "iharmony4"]
    checked = 0
    for key in {(p.method, p.metric, p.source) for p in rows}:
        parts = {p.subset: p for p in rows if (p.method, p.metric, p.source) == key}
        if len(parts) == 5:
            whole = parts.pop("all")
            mean = sum(float(p.value) * p.n for p in parts.values()) / sum(p.n for p in parts.values())
            assert sum(p.n for p in parts.values()) == whole.n
            assert mean == pytest.approx(float(whole.value), rel=0.012), key  # papers round, or average otherwise
            checked += 1
    assert checked == 25
