"""The split into data for training and data for measuring: a tenth of the photographs and of the looks is held out.

The split depends on the name alone, and neither on the folder of a photograph or look nor on the files beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Literal, TypeVar

from sshbench.file_names import same_name
from sshbench.lut.bank import LutBank
from sshbench.lut.table import LutError
from sshbench.triplets.source import SourceError
from sshbench.triplets.source_files import IMAGES

Part = Literal["train", "held-out", "all"]

Opened = TypeVar("Opened")

_SUFFIXES = {*IMAGES, ".cube"}
_NUMBER = re.compile(r" \(\d+\)$")  # the suffix by which a bank distinguishes looks of the same name


def is_held_out(name: str) -> bool:
    """Return whether the photograph or look of this name is in the held-out tenth.

    A name is held out if the first eight bytes of its SHA-256, read as a big-endian number, are a multiple of ten. The
    name is hashed in UTF-8 and in Unicode's normal form NFC.
    """
    digest = sha256(same_name(name).encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % 10 == 0


def bare_name(name: str) -> str:
    """Return the name that decides the split: the last path component of a row id or look, without the file suffix."""
    path = PurePosixPath(_NUMBER.sub("", name))
    return path.stem if path.suffix.lower() in _SUFFIXES else path.name


def in_part(name: str, part: Part) -> bool:
    """Return whether the photograph with this row id, or the look of this name, belongs to a part."""
    return part == "all" or is_held_out(bare_name(name)) == (part == "held-out")


def bank_part(bank: LutBank, part: Part, where: str = "the bank") -> LutBank:
    """Return the looks of a bank that belong to a part.

    Raises
    ------
    LutError
        The part contains no looks. The message names the bank by `where`.
    """
    names = [name for name in bank.names if in_part(name, part)]
    if not names:
        raise LutError(
            f"{where}: none of the {len(bank)} looks is in the part {part!r}; give more looks, or use the part all"
        )
    return bank if len(names) == len(bank) else bank.select(names)


def held_out_or_all(opened: Callable[[Part], Opened], what: str) -> tuple[Opened, str]:
    """Open the held-out part, or everything if no name is held out; return the opened part and its description.

    A small source or bank may have no held-out names. The description then says that training sees all of them.
    """
    try:
        found, said = opened("held-out"), f"held-out {what}"
    except (SourceError, LutError):
        found, said = opened("all"), f"{what} that training sees, as so few leave none held out"
    return found, said
