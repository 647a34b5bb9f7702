"""Tables of a run: rows that a run makes again are dropped, and the curve shows what they hold."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sshbench.cli.main import main
from sshbench.training.logs import CsvTable, LogError, Logs, draw_curve, read_rows
from tests.test_whole_file import no_file_above


def row(step: int) -> dict[str, float | int]:
    return {"step": step, "samples": 8 * step, "seconds": step / 2, "loss/ssh": 2**-step, "loss/ssh.harm": 0.75}


def validation(step: int) -> dict[str, float | int]:
    return {"step": step, "samples": 8 * step} | {
        f"{name}{end}": 20 + step / 10 + shift
        for name in ("psnr", "dc_psnr")
        for end, shift in (("", 0), ("_low", -1), ("_high", 1))
    }


def test_rows_come_back_as_they_were(tmp_path: Path):
    table = CsvTable(tmp_path / "log.csv", 0)
    for step in (1, 2):
        table.add(row(step))
    assert read_rows(tmp_path / "log.csv") == [row(1), row(2)]


def test_a_run_that_goes_on_makes_later_rows_again(tmp_path: Path):
    table = CsvTable(tmp_path / "log.csv", 0)
    for step in (1, 2, 3):
        table.add(row(step))
    with (tmp_path / "log.csv").open("a") as file:
        file.write("4,32")  # cut off by a kill
    again = CsvTable(tmp_path / "log.csv", 2)
    assert read_rows(tmp_path / "log.csv") == [row(1), row(2)]
    again.add(row(3) | {"more": 1})
    assert read_rows(tmp_path / "log.csv")[-1] == row(3)


def test_a_run_that_starts_over_has_no_rows(tmp_path: Path):
    CsvTable(tmp_path / "log.csv", 0).add(row(1))
    CsvTable(tmp_path / "log.csv", 0)
    assert read_rows(tmp_path / "log.csv") == []


def test_in_a_log_lines_are_rare_and_validation_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    logs = Logs(tmp_path, 0)
    for step in range(1, 4):
        logs.trained(row(step), f"step {step}")
    logs.validated(validation(3), "held out")
    logs.close()
    assert capsys.readouterr().err == "step 1\nheld out\n"
    quiet = Logs(tmp_path, 3, quiet=True)
    quiet.trained(row(4), "step 4")
    quiet.close()
    assert capsys.readouterr().err == ""
    assert [found["step"] for found in read_rows(tmp_path / "log.csv")] == [1, 2, 3, 4]


def test_tensorboard_gets_the_same_numbers(tmp_path: Path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logs = Logs(tmp_path, 0, quiet=True)
    logs.trained(row(1), "")
    logs.trained(row(2), "")
    logs.validated(validation(2), "")
    logs.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("training/loss/ssh")] == [(1, 0.5), (2, 0.25)]
    assert events.Scalars("validation/psnr")[0].value == pytest.approx(20.2)


def test_the_curve_is_drawn_from_the_tables(tmp_path: Path):
    assert draw_curve(tmp_path) is None
    training, validated = CsvTable(tmp_path / "log.csv", 0), CsvTable(tmp_path / "validation.csv", 0)
    for step in range(1, 40):
        training.add(row(step))
    first = draw_curve(tmp_path)
    assert first is not None
    losses = np.asarray(Image.open(first).convert("L"))
    for step in range(10, 40, 10):
        validated.add(validation(step))
    draw_curve(tmp_path)
    both = np.asarray(Image.open(first).convert("L"))
    assert both.shape[1] == pytest.approx(2 * losses.shape[1], abs=2)
    assert (both < 250).mean(axis=0)[losses.shape[1] :].max() > 0.05


def grown(path: Path, steps: int) -> CsvTable:
    table = CsvTable(path, 0)
    for step in range(1, steps + 1):
        table.add(row(step))
    return table


def test_a_row_that_is_cut_anywhere_is_no_row(tmp_path: Path):
    """A number whose last digits are missing is a number too."""
    path = tmp_path / "log.csv"
    grown(path, 2)
    start = len(path.read_bytes())
    CsvTable(path, 2).add(row(3))
    data = path.read_bytes()
    for length in range(start, len(data)):
        path.write_bytes(data[:length])
        assert read_rows(path) == [row(1), row(2)]
        CsvTable(path, 9).add(row(3))
        assert path.read_bytes() == data


@pytest.mark.parametrize(
    "line", ["4,32", "\0\0\0\0", "4,32,2,a,0.75", "4,32,2,1,2,3", '"4,32', "4.5,32,2,1,2", "\xff,,,,"]
)
def test_a_damaged_row_is_left_out_and_told(tmp_path: Path, line: str):
    path = tmp_path / "log.csv"
    table = grown(path, 2)
    with path.open("a", newline="") as file:
        file.write(f"{line}\r\n")
    table.add(row(3))
    with pytest.warns(RuntimeWarning, match=r"log\.csv: line 4 is damaged and left out"):
        assert read_rows(path) == [row(1), row(2), row(3)]


def test_a_cell_without_a_number_is_no_damage(tmp_path: Path):
    table = CsvTable(tmp_path / "log.csv", 0)
    table.add(row(1))
    table.add({"step": 2, "samples": 16})
    second = read_rows(tmp_path / "log.csv")[1]
    assert (second["step"], second["samples"]) == (2, 16)
    assert np.isnan(second["loss/ssh"])


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "step,step\n1,2\n", "\0\0\0\n", "1,8,0.5\n"])
def test_what_is_no_log_is_a_sentence(tmp_path: Path, text: str):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(LogError, match=r"log\.csv: it is no log of a training"):
        CsvTable(tmp_path / "log.csv", 0)
    assert (tmp_path / "log.csv").read_text() == text


def test_a_row_for_which_there_is_no_space_leaves_the_table_whole(tmp_path: Path):
    path = tmp_path / "log.csv"
    table = grown(path, 2)
    with no_file_above(path.stat().st_size + 5), pytest.raises(OSError, match="File too large") as caught:
        table.add(row(3))
    assert caught.value.filename == str(path)
    assert read_rows(path) == [row(1), row(2)]
    table.add(row(3))
    assert read_rows(path)[-1] == row(3)


class Wandb(ModuleType):
    """What is used of Weights & Biases, noted."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__("wandb")
        self.fails, self.asked, self.logged, self.finished = fails, [], [], 0

    def init(self, **options: Any) -> Any:
        self.asked.append(options)
        given = options["id"] or "abc123"
        return SimpleNamespace(id=given, log=self.log, finish=self.finish, define_metric=lambda *_, **__: None)

    def log(self, values: dict[str, Any]) -> None:
        if self.fails:
            raise ConnectionError("no network")
        self.logged.append(values)

    def finish(self) -> None:
        self.finished += 1


def test_weights_and_biases_is_asked_by_its_own_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    wandb = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    Logs(tmp_path, 0, quiet=True).close()
    assert not wandb.asked
    monkeypatch.setenv("WANDB_PROJECT", "harmony")
    for step in (1, 2):  # resumed, it goes on with the run of before
        logs = Logs(tmp_path, step - 1, quiet=True, config={"lr": 1})
        logs.trained(row(step), "")
        logs.validated(validation(step), "")
        logs.close()
    assert [one["id"] for one in wandb.asked] == [None, "abc123"]
    assert (wandb.asked[0]["dir"], wandb.asked[0]["config"], wandb.finished) == (str(tmp_path), {"lr": 1}, 2)
    assert wandb.logged[0] == {
        "step": 1, "training/samples": 8, "training/seconds": 0.5, "training/loss/ssh": 0.5,
        "training/loss/ssh.harm": 0.75,
    }  # fmt: skip
    assert wandb.logged[1]["validation/psnr"] == pytest.approx(20.1)


def test_a_board_that_fails_is_told_once_and_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "wandb", Wandb(fails=True))
    monkeypatch.setenv("WANDB_PROJECT", "harmony")
    logs = Logs(tmp_path, 0, quiet=True)
    with pytest.warns(RuntimeWarning, match=r"Weights & Biases shows no more of this run \(no network\)"):
        logs.trained(row(1), "")
    logs.trained(row(2), "")
    logs.close()
    assert len(read_rows(tmp_path / "log.csv")) == 2


def test_weights_and_biases_that_is_not_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setenv("WANDB_PROJECT", "harmony")
    with pytest.warns(RuntimeWarning, match=r"WANDB_PROJECT is set and wandb is not installed .*sshbench\[wandb\]"):
        Logs(tmp_path, 0, quiet=True).close()


def plotted(folder: Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--plot", str(folder)])
    return int(stopped.value.code or 0)


def test_curves_can_be_drawn_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    grown(tmp_path / "log.csv", 3)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "matplotlib", None)
        without.setitem(sys.modules, "matplotlib.figure", None)
        without.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
        assert plotted(tmp_path) == 2
    said = capsys.readouterr().err
    assert f"pip install 'sshbench[train]', then sshbench train --plot {tmp_path}" in said
    assert said.count("\n") == 1
    assert plotted(tmp_path) == 0
    assert Image.open(tmp_path / "curve.png").size[0] > 300
    assert plotted(tmp_path / "nowhere") == 2
    assert "no log.csv" in capsys.readouterr().err
