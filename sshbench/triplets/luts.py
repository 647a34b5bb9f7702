"""The bank of LUTs of a run: of folders, of files that hold many, and of the looks that ship with sshbench."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sshbench.lut.bank import LutBank
from sshbench.lut.table import LutError
from sshbench.lut.tables import read_tables
from sshbench.triplets.held_out import Part, bank_part

SHIPPED = "luts"
"""What stands for the looks that ship with sshbench where a place is asked for."""

Places = str | os.PathLike[str] | Sequence[str]


def places_of(luts: Places | None) -> tuple[str, ...]:
    """The places of `open_bank`, one by one."""
    if luts is None:
        return (SHIPPED,)
    return (os.fspath(luts),) if isinstance(luts, str | os.PathLike) else tuple(luts) or (SHIPPED,)


def open_bank(luts: Places | None = None, part: Part = "all") -> LutBank:
    """Read the LUTs of one or several places, or the looks that ship with sshbench.

    Parameters
    ----------
    luts
        Folders of LUT files, which are brought to 33 points an axis; `.npz` files (`sshbench.lut.tables`), which stay
        as they are; and `"luts"`, the looks that ship with sshbench, of 17 points. Several are brought to the largest.
    part
        `"train"` or `"held-out"` to leave the other looks out.

    Raises
    ------
    LutError
        There is no such place, a file cannot be read, or there are fewer than two LUTs.
    """
    places = places_of(luts)
    bank = LutBank.joined([_opened(place) for place in places])
    bank = bank_part(bank, part, ", ".join(places))
    if len(bank) < 2:
        raise LutError(
            f"{', '.join(places)} holds one LUT{'' if part == 'all' else f' of the part {part}'} ({bank.names[0]}); "
            "alpha and beta differ, so at least two are needed"
        )
    return bank


def _opened(place: str) -> LutBank:
    path = Path(place).expanduser()
    if place == SHIPPED:
        return LutBank.of_looks(size=17)
    if path.is_dir():
        return LutBank.from_folder(path, size=33)
    if path.suffix.lower() == ".npz" and path.is_file():
        return read_tables(path)
    raise LutError(
        f"{place} is not a folder; --luts takes a folder of .cube files or Hald images, or an .npz of tables"
    )
