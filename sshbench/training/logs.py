"""The output of a run: a line on the terminal, CSV files, boards, and the curve as a PNG."""

from __future__ import annotations

import csv
import io
import math
import shlex
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sshbench.errors import SshbenchError
from sshbench.training.boards import open_boards
from sshbench.whole_file import append_whole, whole_file

Numbers = dict[str, float | int]
"""One row of `log.csv` or `validation.csv`, by column."""


class LogError(SshbenchError):
    """A file of a run's numbers is not valid, or curves cannot be drawn."""


class CsvTable:
    """A CSV file that grows by rows; the columns are those of its first row.

    Parameters
    ----------
    path
        The file. Existing rows stay if their `step` is at most `step`, since a continued run writes later rows again.

    Raises
    ------
    LogError
        The existing file does not belong to a run.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        rows = [row for row in read_rows(path) if row["step"] <= step]
        self._columns: list[str] = list(rows[0]) if rows else []
        if rows:
            lines = [self._line({name: name for name in self._columns}), *(self._line(row) for row in rows)]
            with whole_file(path) as temporary:
                temporary.write_bytes("".join(lines).encode())
        else:
            path.unlink(missing_ok=True)

    def add(self, row: Numbers) -> None:
        """Write a row; columns that the first row did not have are left out.

        Raises
        ------
        OSError
            There is no space or no permission; the file then stays unchanged.
        """
        header = {} if self._columns else {name: name for name in row}
        self._columns = self._columns or list(row)
        shown = {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()}
        text = "".join(self._line(line) for line in (header, shown) if line)
        append_whole(self.path, text.encode())

    def _line(self, values: Mapping[str, Any]) -> str:
        out = io.StringIO()
        csv.writer(out).writerow([values.get(name, "") for name in self._columns])
        return out.getvalue()


def read_rows(path: Path) -> list[Numbers]:
    """Read the rows of a CSV file of a run; whole numbers become int, and cells without a number become NaN.

    Incomplete rows are left out with a warning, except one at the end that a kill has truncated. Without a file there
    are no rows.

    Raises
    ------
    LogError
        The file does not belong to a run: it has no column `step`.
    """
    if not path.is_file():
        return []
    text = path.read_bytes().decode("utf-8", "replace")
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()  # a number in the last line may be truncated
    names = next(csv.reader(lines[:1]), [])
    if not lines:
        return []
    if "step" not in names or len(set(names)) < len(names):
        raise LogError(f"{path}: it is no log of a training, or its first line is damaged; move it away")
    rows, damaged = [], []
    for number, line in enumerate(lines[1:], start=2):
        try:
            cells = next(csv.reader([line]))
            row = {name: _number(cell) for name, cell in zip(names, cells, strict=True)}
            if not isinstance(row["step"], int):
                raise ValueError
            rows.append(row)
        except (ValueError, StopIteration, csv.Error):
            damaged.append(number)
    if damaged:
        more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        warnings.warn(f"{path}: line {damaged[0]}{more} is damaged and left out", RuntimeWarning, stacklevel=2)
    return rows


def _number(text: str) -> float | int:
    if not text:
        return math.nan
    if not text.isascii() or "_" in text:  # float() accepts texts that no run writes, such as "1_0"
        raise ValueError
    return int(text) if text.isdigit() else float(text)


class Logs:
    """`log.csv` and `validation.csv` in the folder of a run, and the boards.

    TensorBoard writes event files if it is installed; Weights & Biases is used if its variable `WANDB_PROJECT` is set.

    Parameters
    ----------
    config
        The configuration that Weights & Biases shows for the run.
    """

    def __init__(
        self, folder: Path, step: int, *, quiet: bool = False, config: Mapping[str, Any] | None = None
    ) -> None:
        self.folder, self.quiet = folder, quiet
        self.training, self.validation = CsvTable(folder / "log.csv", step), CsvTable(folder / "validation.csv", step)
        self._boards = open_boards(folder, step, config or {})
        self._terminal = sys.stderr.isatty()
        self._said = float("-inf")

    def trained(self, row: Numbers, line: str) -> None:
        """Log a row of training, and show a line.

        On a terminal, the line replaces the last one. Elsewhere, at most two lines a minute are shown.
        """
        self.training.add(row)
        self._boards.add("training", row)
        now = time.monotonic()
        if not self.quiet and (self._terminal or now - self._said >= 30):
            self._said = now
            sys.stderr.write(f"\r\x1b[K{line}" if self._terminal else f"{line}\n")
            sys.stderr.flush()

    def validated(self, row: Numbers, line: str) -> None:
        """Log a row of validation, and show a line that stays."""
        self.validation.add(row)
        self._boards.add("validation", row)
        self.say(line)

    def say(self, line: str) -> None:
        """Show a line that stays."""
        if not self.quiet:
            sys.stderr.write(f"\r\x1b[K{line}\n" if self._terminal else f"{line}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """End the line and close the boards."""
        if self._terminal and not self.quiet:
            sys.stderr.write("\r\x1b[K")
        self._boards.close()


def draw_curve(folder: Path) -> Path | None:
    """Draw `curve.png` from a run's CSV files; return None if there is nothing to draw.

    Raises
    ------
    LogError
        matplotlib is not installed, or a file does not belong to a run.
    """
    training, validation = read_rows(folder / "log.csv"), read_rows(folder / "validation.csv")
    if not training:
        return None
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import EngFormatter
    except ImportError as error:
        later = f"sshbench train --plot {shlex.quote(str(folder))}"
        raise LogError(f"the curves need matplotlib: pip install 'sshbench[train]', then {later} draws them") from error
    panels = 2 if validation else 1
    figure = Figure(figsize=(5.5 * panels, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, *rest = figure.subplots(1, panels, squeeze=False)[0]
    names = [name for name in training[0] if name.startswith("loss/")]
    for name in names:
        total = "." not in name
        _line(left, training, name, label=name.removeprefix("loss/"), linewidth=1.6 if total else 0.8)
    positive = all(row[name] > 0 or math.isnan(row[name]) for row in training for name in names)
    left.set(ylabel="loss", yscale="log" if positive else "symlog")
    for right in rest:
        for name, label, colour in (("psnr", "method", "C0"), ("dc_psnr", "untouched", "0.5")):
            _line(right, validation, name, label=label, color=colour)
            low, high = (_column(validation, f"{name}_{end}") for end in ("low", "high"))
            right.fill_between(_column(validation, "samples"), low, high, color=colour, alpha=0.2, linewidth=0)
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


def _column(rows: list[Numbers], name: str) -> list[float]:
    return [row.get(name, math.nan) for row in rows]


def _line(axes: Any, rows: list[Numbers], name: str, **style: Any) -> None:
    axes.plot(_column(rows, "samples"), _column(rows, name), marker="." if len(rows) < 20 else "", **style)
