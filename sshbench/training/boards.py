"""Boards that show a run: TensorBoard if it is installed, Weights & Biases if it is asked for.

A board that fails never ends a run: the failure is reported once, and the run continues without the board.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from sshbench.errors import sentence
from sshbench.whole_file import whole_file

PROJECT = "WANDB_PROJECT"  # the variable in which Weights & Biases itself looks for the project


class Board(Protocol):
    """Receives the numbers of a step."""

    def add(self, group: str, row: Mapping[str, float | int]) -> None: ...

    def close(self) -> None: ...


class Boards:
    """Several boards as one.

    If a board raises an error, the error is reported and the board is left out from then on.
    """

    def __init__(self, boards: Mapping[str, Board]) -> None:
        self._boards = dict(boards)

    def add(self, group: str, row: Mapping[str, float | int]) -> None:
        """Show a row of numbers, including its `step`, under the names `group/name`."""
        self._each(lambda board: board.add(group, row))

    def close(self) -> None:
        """Close the boards."""
        self._each(lambda board: board.close())

    def _each(self, call: Callable[[Board], None]) -> None:
        for name, board in list(self._boards.items()):
            try:
                call(board)
            except Exception as error:
                del self._boards[name]
                _told(name, error)


def open_boards(folder: Path, step: int, config: Mapping[str, Any]) -> Boards:
    """Open the boards of a run that continues after `step`."""
    wanted: dict[str, Callable[[], Board]] = {"TensorBoard": lambda: _TensorBoard(folder, step)}
    if os.environ.get(PROJECT):
        wanted["Weights & Biases"] = lambda: _Wandb(folder, config)
    boards: dict[str, Board] = {}
    for name, make in wanted.items():
        try:
            boards[name] = make()
        except ImportError as error:
            if name != "TensorBoard":  # the user did not ask for TensorBoard, so its absence is no failure
                warnings.warn(
                    f"{PROJECT} is set and wandb is not installed ({error}); pip install 'sshbench[wandb]'",
                    RuntimeWarning,
                    stacklevel=2,
                )
        except Exception as error:
            _told(name, error)
    return Boards(boards)


def _told(name: str, error: Exception) -> None:
    warnings.warn(f"{name} shows no more of this run ({sentence(error)[:300]})", RuntimeWarning, stacklevel=3)


class _TensorBoard:
    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def add(self, group: str, row: Mapping[str, float | int]) -> None:
        for name, value in row.items():
            if name != "step":
                self._writer.add_scalar(f"{group}/{name}", value, row["step"])

    def close(self) -> None:
        self._writer.close()


class _Wandb:
    """A run on Weights & Biases, which its own variables configure (`WANDB_PROJECT`, `WANDB_MODE` and others).

    A resumed training continues the run whose id is in `wandb/id`.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        import wandb

        kept = folder / "wandb" / "id"
        kept.parent.mkdir(exist_ok=True)
        id = kept.read_text().strip() if kept.is_file() else None
        self._run: Any = wandb.init(dir=str(folder), name=folder.name, config=dict(config), id=id, resume="allow")
        with whole_file(kept) as temporary:
            temporary.write_text(f"{self._run.id}\n")
        self._run.define_metric("*", step_metric="step")  # a resumed run repeats some steps

    def add(self, group: str, row: Mapping[str, float | int]) -> None:
        self._run.log({"step": row["step"]} | {f"{group}/{name}": row[name] for name in row if name != "step"})

    def close(self) -> None:
        self._run.finish()
