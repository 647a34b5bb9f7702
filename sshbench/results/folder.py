"""The layout of a folder of results, and checks of outputs against it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from sshbench.benchmarks.ids import fault_of, leads_out
from sshbench.methods.base import NAME
from sshbench.results.records import RecordsError


def records_file(out: str | os.PathLike[str], method: str, protocol: str) -> Path:
    """Return the path of the records of a method under a protocol in the folder of results `out`.

    Raises
    ------
    RecordsError
        The method's name cannot be part of a file name.
    """
    _check_path(method)
    return Path(out) / "records" / f"{method}-{protocol}.parquet"


def check_output(out: str | os.PathLike[str], results: Iterable[str | os.PathLike[str]]) -> None:
    """Check that an output made from results, such as a page, does not replace any of these results.

    Raises
    ------
    RecordsError
        `out` is one of the folders or files of `results`, or lies among the records or predictions of such a folder.
    """
    target = Path(out).resolve()
    for where in results:
        folder = Path(where).resolve()
        own = [folder / name for name in ("records", "predictions", "run.json")]
        if target == folder or any(target.is_relative_to(path) for path in own):
            raise RecordsError(f"{out} would lie inside the results of {where}, or replace them; choose another --out")


def prediction_file(out: str | os.PathLike[str], method: str, id: str) -> Path:
    """Return the path of the prediction of `method` for the composite `id` in the folder of results `out`.

    Raises
    ------
    RecordsError
        The name cannot be a file name, or leads out of the folder.
    """
    _check_path(method)
    if leads_out(id) or fault_of(id):
        raise RecordsError(f"the id {id!r} is no path in a folder of results")
    return Path(out) / "predictions" / method / f"{id}.png"


def _check_path(method: str) -> None:
    if not NAME.fullmatch(method):
        raise RecordsError(f"the name of the method, {method!r}, is not of up to 200 letters, digits and . _ + -")
