"""The bank of LUTs of a run, from a folder or from the looks that ship with sshbench."""

from __future__ import annotations

from pathlib import Path

from sshbench.folders import data_folder
from sshbench.lut.bank import LutBank
from sshbench.lut.table import LutError

SHIPPED = "luts"
"""What stands for the looks that ship with sshbench where a folder is asked for."""


def open_bank(folder: str | None = None) -> LutBank:
    """Read the LUTs of `folder`, or the looks that ship with sshbench.

    The latter have 17 points an axis and stay as they are; those of a folder are brought to 33.

    Raises
    ------
    LutError
        There is no such folder, a file in it cannot be read, or it holds fewer than two LUTs.
    """
    if folder is None or folder == SHIPPED:
        return LutBank.from_folder(data_folder("luts"), size=17)
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise LutError(f"{folder} is not a folder; --luts takes a folder of .cube files or Hald images")
    bank = LutBank.from_folder(path, size=33)
    if len(bank) < 2:
        raise LutError(f"{folder} holds one LUT ({bank.names[0]}); alpha and beta differ, so at least two are needed")
    return bank
