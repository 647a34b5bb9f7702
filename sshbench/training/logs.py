"""What a run tells: a line on the terminal, CSV files, TensorBoard where it is installed, and the curve as a PNG."""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path
from typing import Any

from sshbench.whole_file import whole_file

Row = dict[str, float | int]


class Table:
    """A CSV file that grows by rows; the columns are those of its first row.

    Parameters
    ----------
    path
        Where; rows that are there stay if their `step` is at most `step`, as a run that goes on makes the rest again.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        rows = [row for row in read_rows(path) if row["step"] <= step]
        self._columns: list[str] = list(rows[0]) if rows else []
        if rows:
            with whole_file(path) as temporary, temporary.open("w", newline="") as file:
                writer = csv.DictWriter(file, self._columns)
                writer.writeheader()
                writer.writerows(rows)
        else:
            path.unlink(missing_ok=True)

    def add(self, row: Row) -> None:
        """Write a row; columns that the first row lacked are left out."""
        with self.path.open("a", newline="") as file:
            new = not self._columns
            self._columns = self._columns or list(row)
            writer = csv.DictWriter(file, self._columns, extrasaction="ignore")
            if new:
                writer.writeheader()
            writer.writerow(
                {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()}
            )


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV file of a run, whole numbers as int; empty where there is none."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if None not in row.values()]  # a row may have been cut off
    return [{name: int(text) if text.isdigit() else float(text) for name, text in row.items()} for row in rows]


class Logs:
    """`log.csv`, `validation.csv` and, where TensorBoard is installed, its event files, in the folder of a run."""

    def __init__(self, folder: Path, step: int, *, quiet: bool = False) -> None:
        self.folder, self.quiet = folder, quiet
        self.training, self.validation = Table(folder / "log.csv", step), Table(folder / "validation.csv", step)
        self._board: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
        except ImportError:
            pass
        self._terminal = sys.stderr.isatty()
        self._said = float("-inf")

    def trained(self, row: Row, line: str) -> None:
        """Log a row of training, and show a line: on a terminal over the last one, elsewhere every half minute."""
        self.training.add(row)
        self._to_board("training", row)
        now = time.monotonic()
        if not self.quiet and (self._terminal or now - self._said >= 30):
            self._said = now
            sys.stderr.write(f"\r\x1b[K{line}" if self._terminal else f"{line}\n")
            sys.stderr.flush()

    def validated(self, row: Row, line: str) -> None:
        """Log a row of validation, and show a line that stays."""
        self.validation.add(row)
        self._to_board("validation", row)
        self.say(line)

    def say(self, line: str) -> None:
        """Show a line that stays."""
        if not self.quiet:
            sys.stderr.write(f"\r\x1b[K{line}\n" if self._terminal else f"{line}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """End the line and the event file."""
        if self._terminal and not self.quiet:
            sys.stderr.write("\r\x1b[K")
        if self._board is not None:
            self._board.close()

    def _to_board(self, group: str, row: Row) -> None:
        if self._board is not None:
            for name, value in row.items():
                if name != "step":
                    self._board.add_scalar(f"{group}/{name}", value, row["step"])


def draw_curve(folder: Path) -> Path | None:
    """Draw `curve.png` of a run's CSV files; None without matplotlib or anything to draw."""
    training, validation = read_rows(folder / "log.csv"), read_rows(folder / "validation.csv")
    if not training:
        return None
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import EngFormatter
    except ImportError:
        return None
    panels = 2 if validation else 1
    figure = Figure(figsize=(5.5 * panels, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, *rest = figure.subplots(1, panels, squeeze=False)[0]
    names = [name for name in training[0] if name.startswith("loss/")]
    for name in names:
        total = "." not in name
        _line(left, training, name, label=name.removeprefix("loss/"), linewidth=1.6 if total else 0.8)
    positive = all(row[name] > 0 for row in training for name in names)
    left.set(ylabel="loss", yscale="log" if positive else "symlog")
    for right in rest:
        for name, label, colour in (("psnr", "method", "C0"), ("dc_psnr", "untouched", "0.5")):
            _line(right, validation, name, label=label, color=colour)
            low, high = ([row[f"{name}_{end}"] for row in validation] for end in ("low", "high"))
            right.fill_between(_samples(validation), low, high, color=colour, alpha=0.2, linewidth=0)
        right.set(ylabel="PSNR of held-out images (dB)")
    for axes in (left, *rest):
        axes.set(xlabel="training samples")
        axes.legend(fontsize="small", framealpha=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.grid(alpha=0.3)
    path = folder / "curve.png"
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=110)
    return path


def _samples(rows: list[Row]) -> list[float]:
    return [row["samples"] for row in rows]


def _line(axes: Any, rows: list[Row], name: str, **style: Any) -> None:
    axes.plot(_samples(rows), [row[name] for row in rows], marker="." if len(rows) < 20 else "", **style)
