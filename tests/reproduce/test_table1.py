"""Table 1: every row says whose weights it has, or how to get some, and stands beside what is published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from sshbench.benchmarks.folder import Folder
from sshbench.cli.main import cli
from sshbench.methods.weights import WeightsCard, WeightsError, save_weights
from sshbench.networks.dovenet import DoveNetGenerator
from sshbench.networks.s2am import S2AM
from sshbench.networks.ssh import SSH
from sshbench.reproduce import table1
from sshbench.results.tables import Table
from tests.reproduce.samples import write_two_samples

pytestmark = pytest.mark.filterwarnings("ignore:LPIPS")  # whose weights are not there


@pytest.fixture(autouse=True)
def two_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the embedded sample and RealHM a folder of two samples, and no weights but those of the test."""
    write_two_samples(tmp_path / "two")
    monkeypatch.setattr(table1, "open_benchmark", lambda name, *_, **__: Folder(tmp_path / "two", name=name))
    monkeypatch.setenv("SSHBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SSHBENCH_LPIPS_WEIGHTS", str(tmp_path / "none.pth"))


@pytest.fixture
def weights(tmp_path: Path) -> dict[str, str | Path]:
    """Of the authors of DoveNet, trained by sshbench of S2AM, and of a user of SSH."""
    torch.save(DoveNetGenerator("batch", width=2).state_dict(), tmp_path / "latest_net_G.pth")
    s2am = {"width": 2, "depth": 6}
    data = {"source": {"spec": "/photos", "photographs": 30}, "looks": ["a", "b"]}
    card = WeightsCard(
        method="s2am", architecture=s2am, trained_by="sshbench", data=data, samples_seen=4000, seconds=600
    )
    save_weights(tmp_path / "s2am", S2AM(**s2am).state_dict(), card)
    save_weights(tmp_path / "ssh", SSH(width=2).state_dict(), WeightsCard(method="ssh", architecture={"width": 2}))
    return {"dovenet": tmp_path / "latest_net_G.pth", "s2am": tmp_path / "s2am", "ssh": tmp_path / "ssh"}


def column(table: Table, name: str) -> dict[str, str]:
    place = next(i for i, head in enumerate(table.columns) if head.startswith(name))
    return {row[0]: row[place] for row in table.rows}


def test_rows_are_measured_with_the_weights_there_are(tmp_path: Path, weights: dict[str, str | Path]) -> None:
    tables = list(table1.reproduce(tmp_path / "out", workers=1, weights=weights))
    assert [table.title for table in tables] == [
        "Table 1, on the embedded sample, by ssh-iccv21",
        "Table 1, on the embedded sample, by sshbench-v1",
    ]
    for table in tables:
        assert list(column(table, "method")) == ["dc", "wct2", "dih", "s2am", "dovenet", "ssh"]
        measured = column(table, "PSNR")
        assert {name for name, value in measured.items() if value} == {"dc", "s2am", "dovenet", "ssh"}
        printed = [i for i, head in enumerate(table.columns) if head.startswith("published")]
        dovenet = next(row for row in table.rows if row[0] == "dovenet")
        assert [dovenet[i] for i in printed] == ["27.41", "214.11", "0.9416", "0.044"]
        assert not any(column(table, "LPIPS").values())
        whose = column(table, "trained on")
        assert whose["dc"] == "nothing"
        assert whose["dovenet"] == "weights of its authors, latest_net_G.pth"
        assert whose["s2am"] == "weights of sshbench: 30 photographs of photos, 2 looks: 4,000 samples, 10 min 00 s"
        assert whose["ssh"].startswith("weights of user")
        assert whose["wct2"] == "no weights; sshbench weights import wave_encoder_cat5_l4.pth --method wct2"
        assert column(table, "measured on")["dih"] == "not measured"
        assert any(note.startswith("† dih has no weights here; get ") for note in table.notes)
        assert any(note.startswith("RealHM was not given") for note in table.notes)
    assert not any(column(tables[0], "SSIM").values())
    assert column(tables[1], "SSIM")["dovenet"]


def test_ssh_runs_as_in_the_notebook_under_the_papers_protocol(
    tmp_path: Path, weights: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    run = table1.evaluate
    monkeypatch.setattr(
        table1, "evaluate", lambda b, methods, *a, **k: asked.append(methods) or run(b, methods, *a, **k)
    )
    list(table1.reproduce(tmp_path / "out", workers=1, weights={"ssh": weights["ssh"]}, realhm="anywhere", limit=1))
    assert [methods[-1] for methods in asked] == ["ssh:notebook=true", "ssh"]


def test_weights_that_are_given_and_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there are no such weights"):
        list(table1.reproduce(tmp_path / "out", workers=1, weights={"dovenet": tmp_path / "no.pth"}))


def test_on_the_command_line_it_is_printed_and_kept_as_markdown(tmp_path: Path, weights: dict[str, str | Path]) -> None:
    arguments = ["reproduce", "table1", "-o", str(tmp_path / "out"), "--workers", "1", "--protocol", "ssh-iccv21"]
    result = CliRunner().invoke(cli, [*arguments, "--weights", f"dovenet={weights['dovenet']}", "--limit", "1"])
    assert result.exit_code == 0, result.output
    assert "weights of its authors, latest_net_G.pth" in result.output
    kept = (tmp_path / "out" / "table1.md").read_text()
    assert "**Table 1, on the embedded sample, by ssh-iccv21**" in kept
    assert "| dovenet |" in kept
