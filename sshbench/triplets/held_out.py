"""The split into data for training and data for measuring: a tenth of the photographs and of the looks is held out.

The name alone decides, so the split does not depend on where a photograph or a look lies, or on what lies beside it.
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
_NUMBER = re.compile(r" \(\d+\)$")  # by which a bank tells looks of one name apart


def is_held_out(name: str) -> bool:
    """Return whether the photograph or look of this name is in the held-out tenth.

    It is if the first eight bytes of the SHA-256 of the name in UTF-8 and Unicode's form NFC, as a big-endian number,
    are a multiple of ten.
    """
    digest = sha256(same_name(name).encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % 10 == 0


def bare_name(name: str) -> str:
    """Return the name that decides the split: the last part of a row id or look, without its file suffix."""
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
        There are none; `where` names the bank in the message.
    """
    names = [name for name in bank.names if in_part(name, part)]
    if not names:
        raise LutError(
            f"{where}: none of the {len(bank)} looks is in the part {part!r}; give more looks, or use the part all"
        )
    return bank if len(names) == len(bank) else bank.select(names)


def held_out_or_all(opened: Callable[[Part], Opened], what: str) -> tuple[Opened, str]:
    """Open the held-out part, or everything if nothing is held out; return it, and which it is in words.

    This serves measurements on a source or bank so small that none of it is held out; the words then say that training
    sees it.
    """
    try:
        found, said = opened("held-out"), f"held-out {what}"
    except (SourceError, LutError):
        found, said = opened("all"), f"{what} that training sees, as so few leave none held out"
    return found, said
