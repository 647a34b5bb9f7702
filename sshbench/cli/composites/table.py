"""A table of composites, `--jobs jobs.csv`: one row for each picture, whose cells are options of the command.

A cell is parsed like the option on the command line; an empty cell keeps the command line's value. A fault of the whole
table raises an error at once; a fault of a row is kept in the row, so that the other rows can be made.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sshbench.cli.composites.jobs import BESIDE, SOURCES, Job, Look, plan
from sshbench.cli.options import OutPlace
from sshbench.errors import SshbenchError, sentence, suggestion
from sshbench.file_names import relative_parts
from sshbench.regular_file import read_regular_text

MOST_BYTES = 64 << 20
_OF_THE_COMMAND = ("jobs", "device", "max_pixels", "existing", "quiet", "help")
"""Options that apply to all pictures and cannot be columns."""


class TableError(SshbenchError):
    """A table of composites that cannot be used; the message names the file and the line."""


@dataclass(frozen=True)
class Row:
    """A row of the table: a picture to make, or the reason why it cannot be made.

    Parameters
    ----------
    line
        The line on which the row starts, counted from 1.
    cells
        The texts of the row's non-empty cells, by column.
    """

    line: int
    cells: Mapping[str, str]
    job: Job | None = None
    error: str | None = None


def read_rows(path: Path, command: click.Command, values: Mapping[str, Any], folder: Path) -> list[Row]:
    """Read the table.

    Parameters
    ----------
    path
        The file, CSV in UTF-8 with a header; input paths are relative to its folder.
    command
        The command whose options are the columns.
    values
        The values from the command line, by the names of the options.
    folder
        The folder to which output paths are relative.

    Raises
    ------
    TableError
        The file is not CSV, has no rows, or has a column that is not an option.
    """
    options = _columns(command)
    rows = []
    for line, cells in _records(path, options):
        try:
            job = _job(path, line, cells, options, values, folder)
            rows.append(Row(line, cells, job))
        except (SshbenchError, OSError) as error:
            rows.append(Row(line, cells, error=f"{path}, line {line}: {sentence(error)}"))
    if not rows:
        raise TableError(f"{path}: has no rows below the header; add one row for each picture")
    return rows


def _columns(command: click.Command) -> dict[str, click.Option]:
    """Return the options that may be columns, by their names without leading dashes."""
    found = {}
    for option in command.params:
        if isinstance(option, click.Option) and option.name not in _OF_THE_COMMAND:
            for name in option.opts:
                if name.startswith("--"):
                    found[name.removeprefix("--")] = option
    return found


def _records(path: Path, options: Mapping[str, click.Option]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells of each row that is not empty."""
    try:
        text = read_regular_text(path, MOST_BYTES)
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: byte {error.start} is not UTF-8; save the table as CSV in UTF-8") from error
    if "\0" in text:
        raise TableError(f"{path}: contains null characters; save the table as CSV in UTF-8")
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    names: list[str] = []
    line = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            break
        except csv.Error as error:
            raise TableError(f"{path}, line {line}: is not CSV ({error})") from error
        if not any(cells):
            continue
        if not names:
            names = _head(path, line, cells, options)
            continue
        if len(cells) > len(names) and any(cells[len(names) :]):
            raise TableError(
                f"{path}, line {line}: has {len(cells)} cells, but the header has {len(names)}; put a cell that "
                f"contains a "
                f'{"tab" if delimiter == chr(9) else delimiter} in quotes, such as "50%,95%"'
            )
        yield line, {name: cell for name, cell in zip(names, cells, strict=False) if cell}
    if not names:
        raise TableError(
            f"{path}: is empty; write the columns in the first line, such as foreground,background,mask,output"
        )


def _head(path: Path, line: int, cells: list[str], options: Mapping[str, click.Option]) -> list[str]:
    names = [cell.lower().replace("_", "-").removeprefix("--") for cell in cells]
    for name, cell in zip(names, cells, strict=True):
        if name and name not in options:
            raise TableError(f"{path}, line {line}: unknown column {cell!r}{suggestion(name, options)}")
        if name and names.count(name) > 1:
            raise TableError(f"{path}, line {line}: the column {cell!r} appears twice; remove one of them")
    if "output" not in names:
        raise TableError(f"{path}, line {line}: the column 'output' is missing; add it with the file of each picture")
    return names


def _job(
    path: Path, line: int, cells: Mapping[str, str], options: Mapping[str, click.Option], values: Mapping[str, Any],
    folder: Path,
) -> Job:  # fmt: skip
    from sshbench.compositing.masking import request_of

    given = dict(values)
    for name, cell in cells.items():
        option = options[name]
        if isinstance(option.type, OutPlace):  # relative to the folder of the outputs, and not to the current folder
            if relative_parts(cell) is None:
                raise SshbenchError(f"{name}: {cell!r} leads out of {folder}; give a path below it")
            given[str(option.name)] = cell
            continue
        if name == "method" and ".py" in cell and cell != values["method"]:
            raise SshbenchError(f"method: {cell!r} is code, which a table cannot name; name it with --method to run it")
        try:
            given[str(option.name)] = option.type_cast_value(click.Context(click.Command("jobs")), cell)
        except click.BadParameter as error:
            raise SshbenchError(f"{name}: {error.message}") from error
    if "output" not in cells:
        raise SshbenchError("output is empty; name the file of this picture")
    files = {str(options[name].name): cell for name, cell in cells.items()}
    for name in SOURCES:
        if name == "mask" and request_of(given[name]):  # an automatic mask
            continue
        if name in files:
            given[name] = str(path.parent / files[name])
        if given[name] is not None and not Path(given[name]).is_file():
            what = (
                "is a folder, but a row makes one picture; give a file"
                if Path(given[name]).is_dir()
                else "there is no such file"
            )
            raise SshbenchError(f"{name}: {given[name]}: {what}")
    if "weights" in files and (path.parent / files["weights"]).exists():
        given["weights"] = str(path.parent / files["weights"])
    for name, suffix in BESIDE.items():
        if name in files:
            given[name] = str(folder / files[name])
        elif given[name] is not None:  # the command line names a folder
            given[name] = str(Path(given[name]) / Path(cells["output"]).with_suffix(suffix))
    sources, beside = ({name: given.pop(name) for name in names} for names in (SOURCES, BESIDE))
    (job,) = plan(Look.taken(given), sources, str(folder / cells["output"]), beside, f"{path}, line {line}")
    return job
