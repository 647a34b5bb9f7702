"""Open the bank of LUTs of a run: from folders, from files of many LUTs, from the shipped looks, or by computation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sshbench.lut.bank import LutBank
from sshbench.lut.table import LutError
from sshbench.lut.tables import read_tables
from sshbench.triplets.held_out import Part, bank_part
from sshbench.triplets.settings import BANKED, COMPUTED, Appearance

SHIPPED = "luts"
"""The place that means the looks that ship with sshbench."""

Places = str | os.PathLike[str] | Sequence[str]


def places_of(luts: Places | None) -> tuple[str, ...]:
    """Return the places of `open_bank` as a tuple."""
    if luts is None:
        return (SHIPPED,)
    return (os.fspath(luts),) if isinstance(luts, str | os.PathLike) else tuple(luts) or (SHIPPED,)


def open_bank(luts: Places | None = None, part: Part = "all", appearance: Appearance = "lut") -> LutBank:
    """Read the LUTs of one or several places, or compute the LUTs of an appearance.

    Parameters
    ----------
    luts
        Folders of LUT files, which are resampled to 33 points on each axis; `.npz` files (`sshbench.lut.tables`), which
        keep their size; and `"luts"`, the looks that ship with sshbench, with 17 points. The LUTs of several places are
        resampled to the largest size.
    part
        `"train"` or `"held-out"` leaves out the other looks. The looks of ladders are known errors and are always kept.
    appearance
        `"grades"` and `"ladders"` are computed (`sshbench.triplets.families`), and need no `luts`.

    Raises
    ------
    LutError
        A place does not exist, a file cannot be read, or there are fewer than two LUTs.
    """
    if appearance in COMPUTED:
        from sshbench.triplets.families import grade_bank, ladder_bank

        _refuse(luts, appearance)
        return bank_part(grade_bank(), part, "the grades") if appearance == "grades" else ladder_bank()
    places = places_of(luts)
    bank = LutBank.joined([_opened(place) for place in places])
    bank = bank_part(bank, part, ", ".join(places))
    if len(bank) < 2:
        raise LutError(
            f"{', '.join(places)} holds one LUT{'' if part == 'all' else f' of the part {part}'} ({bank.names[0]}); "
            "alpha and beta differ, so at least two are needed"
        )
    return bank


def bank_of(appearance: Appearance, luts: Places | None = None, part: Part = "all") -> LutBank | None:
    """Return the LUTs of an appearance, as `open_bank` does; None if the appearance uses no LUTs.

    Raises
    ------
    LutError
        `open_bank` raises it, or `luts` is given for an appearance that reads no LUTs.
    """
    if appearance in BANKED:
        return open_bank(luts, part, appearance)
    _refuse(luts, appearance)
    return None


def _refuse(luts: Places | None, appearance: Appearance) -> None:
    if luts:
        raise LutError(f"appearances come from {appearance} and not from files of LUTs; leave --luts out")


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
