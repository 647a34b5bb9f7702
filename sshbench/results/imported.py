"""Read the results of other people's runs: the files of PCT-Net's authors on iHarmony4's test set, one row per image.

The order of rows differs between these files, so results are matched by the names of images.
"""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sshbench.benchmarks.protocol import Protocol
from sshbench.regular_file import read_regular_text
from sshbench.results.records import Record, RecordsError

BENCHMARK = "iharmony4"
SUBSETS = {"a": "HAdobe5k", "c": "HCOCO", "d": "Hday2night", "f": "HFlickr"}
"""The subset by the first letter of an image's name."""

METRICS = {"MSE": "mse", "PSNR": "psnr", "fMSE": "fmse", "SSIM": "ssim"}
"""The metric of each column.

`SE` is left out: it is a multiple of another column, and one published file derives it from the wrong column.
"""

_NAME = re.compile(r"([acdf])[A-Za-z0-9]*_[A-Za-z0-9]+_[A-Za-z0-9]+")
_LARGEST = 1 << 26
_FORMULA = 0.01  # largest difference in dB between a rounded PSNR and the PSNR of its MSE


def read_foreign(path: str | os.PathLike[str], method: str, protocol: Protocol) -> list[Record]:
    """Return the records in a CSV file with `Name`, `MSE`, `PSNR`, `height`, `width`, `mask_area`.

    The columns `fMSE` and `SSIM` are optional.

    Parameters
    ----------
    method
        The name of the method in the records.
    protocol
        The protocol of the numbers, since the file does not name it.

    Raises
    ------
    RecordsError
        The file lacks columns, a row is repeated or does not name an image of iHarmony4, a value is not a number, or
        PSNR does not follow from MSE by the protocol's definition.
    """
    found: dict[str, Record] = {}
    for number, row in _rows(Path(path)):
        where = f"{path}: line {number}"
        id = _id(row["Name"], where)
        if id in found:
            raise RecordsError(f"{where}: {id} occurs twice")
        metrics = {name: _number(row, column, where) for column, name in METRICS.items() if column in row}
        if any(value < 0 for name, value in metrics.items() if name != "ssim"):
            raise RecordsError(f"{where}: an error or a PSNR is below 0")
        _check_formula(metrics, protocol, where)
        height, width = (_number(row, side, where) for side in ("height", "width"))
        area = _number(row, "mask_area", where)
        if not (height >= 1 and width >= 1 and 0 <= area <= height * width):
            raise RecordsError(f"{where}: a mask of {area:g} pixels in an image of {width:g} x {height:g}")
        found[id] = Record(
            id=id,
            benchmark=BENCHMARK,
            method=method,
            protocol=protocol.name,
            protocol_version=str(protocol.version),
            metrics={name: value for name, value in metrics.items() if name in protocol.metrics},
            attributes={"subset": id.partition("/")[0], "foreground_ratio": area / (height * width)},
            trained_by="authors",
        )
    if not found:
        raise RecordsError(f"{path} has no rows")
    return list(found.values())


def method_of(path: str | os.PathLike[str]) -> str:
    """Return the method's name from a file name: `evaluation_PCTNet_CNN.csv` gives `pct-net-cnn+published`."""
    stem = re.sub(r"^evaluation_", "", Path(path).stem.lower()).replace("pctnet", "pct-net")
    return f"{re.sub(r'[^a-z0-9.]+', '-', stem).strip('-.') or 'unnamed'}+published"


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    try:
        text = read_regular_text(path, _LARGEST)
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        _check_columns(path, reader.fieldnames or ())
        for row in reader:
            if None in row or None in row.values():
                raise RecordsError(f"{path}: line {reader.line_num} has another number of columns than the first")
            yield reader.line_num, row
    except OSError as error:
        raise RecordsError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecordsError(f"{path} is no CSV file in UTF-8 ({error})") from error


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    missing = [name for name in ("Name", "MSE", "PSNR", "height", "width", "mask_area") if name not in columns]
    if missing:
        raise RecordsError(
            f"{path} has no column {missing[0]}; a file of PCT-Net's authors has Name, MSE, PSNR, fMSE, SSIM, height, "
            "width and mask_area"
        )


def _id(name: str, where: str) -> str:
    plain = name.removesuffix(".jpg")
    match = _NAME.fullmatch(plain)
    if not match:
        raise RecordsError(f"{where}: {name!r} is no image of iHarmony4, such as a0041_1_3 or a0041_1_3.jpg")
    return f"{SUBSETS[match.group(1)]}/composite_images/{plain}.jpg"


def _number(row: Mapping[str, str], column: str, where: str) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RecordsError(f"{where}: {column} is {row[column]!r} and no number")
    return value


def _check_formula(metrics: Mapping[str, float], protocol: Protocol, where: str) -> None:
    if protocol.peak != "255":
        return
    mse = metrics["mse"] + protocol.epsilon
    expected = 10 * math.log10(255**2 / mse) if mse else math.inf
    if abs(expected - metrics["psnr"]) > _FORMULA:
        raise RecordsError(
            f"{where}: PSNR is {metrics['psnr']:.2f} dB, and MSE and the peak of {protocol.name} give {expected:.2f}; "
            "say by which protocol the file was made with --protocol, such as harmonizer"
        )
