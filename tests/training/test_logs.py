"""Tables of a run: rows that a run makes again are dropped, and the curve shows what they hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sshbench.training.logs import Logs, Table, draw_curve, read_rows


def row(step: int) -> dict[str, float | int]:
    return {"step": step, "samples": 8 * step, "seconds": step / 2, "loss/ssh": 2**-step, "loss/ssh.harm": 0.75}


def validation(step: int) -> dict[str, float | int]:
    return {"step": step, "samples": 8 * step} | {
        f"{name}{end}": 20 + step / 10 + shift
        for name in ("psnr", "dc_psnr")
        for end, shift in (("", 0), ("_low", -1), ("_high", 1))
    }


def test_rows_come_back_as_they_were(tmp_path: Path):
    table = Table(tmp_path / "log.csv", 0)
    for step in (1, 2):
        table.add(row(step))
    assert read_rows(tmp_path / "log.csv") == [row(1), row(2)]


def test_a_run_that_goes_on_makes_later_rows_again(tmp_path: Path):
    table = Table(tmp_path / "log.csv", 0)
    for step in (1, 2, 3):
        table.add(row(step))
    with (tmp_path / "log.csv").open("a") as file:
        file.write("4,32")  # cut off by a kill
    again = Table(tmp_path / "log.csv", 2)
    assert read_rows(tmp_path / "log.csv") == [row(1), row(2)]
    again.add(row(3) | {"more": 1})
    assert read_rows(tmp_path / "log.csv")[-1] == row(3)


def test_a_run_that_starts_over_has_no_rows(tmp_path: Path):
    Table(tmp_path / "log.csv", 0).add(row(1))
    Table(tmp_path / "log.csv", 0)
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
    training, validated = Table(tmp_path / "log.csv", 0), Table(tmp_path / "validation.csv", 0)
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
