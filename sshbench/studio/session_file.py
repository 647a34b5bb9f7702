"""`session.json` in the folder of a session: the state from which a restarted server continues."""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from sshbench.studio.wish import StudioError
from sshbench.whole_file import whole_file

_FILE = "session.json"
_TAKEN = re.compile(r"(upload|foreground|background)-")  # the start of the names of visitors' files
_OLD = 3600.0  # an upload that has not grown for this number of seconds counts as abandoned


@dataclass(frozen=True)
class Picture:
    """A photograph of a session.

    Parameters
    ----------
    name
        The visitor's name of the file, in characters that are safe in a shell and a folder.
    file
        The name of the file in the session's folder.
    width, height
        The size of the upright photograph in pixels.
    version
        A number that is unique among the photographs and masks of the session.
    cutout
        Whether the photograph has transparency.
    """

    name: str
    file: str
    width: int
    height: int
    version: int
    cutout: bool

    @property
    def size(self) -> tuple[int, int]:
        """Return the height and the width in pixels."""
        return self.height, self.width


@dataclass(frozen=True)
class StoredSession:
    """The stored state of a session.

    Parameters
    ----------
    pictures
        The photographs by role.
    mask
        The version of the mask; None without a mask.
    wish
        The fields of the last wish.
    saved
        The descriptions of the saved files.
    count
        The last number that was given to a photograph, a mask or a file.
    """

    pictures: dict[str, Picture]
    mask: int | None
    wish: dict[str, Any] | None
    saved: list[dict[str, Any]]
    count: int


def write_session(folder: Path, session: StoredSession) -> None:
    """Write the state of a session; the file appears whole or not at all."""
    with whole_file(folder / _FILE) as temporary:
        temporary.write_text(json.dumps(asdict(session)), encoding="utf-8")


def read_session(folder: Path) -> StoredSession | None:
    """Read the state of a session, and remove the files that a killed server left; None if there is no state.

    Raises
    ------
    StudioError
        The file is damaged.
    """
    path = folder / _FILE
    if not path.is_file():
        return None
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        names = [field.name for field in fields(Picture)]
        pictures = {role: Picture(**{name: one[name] for name in names}) for role, one in state["pictures"].items()}
        found = StoredSession(pictures, state["mask"], state["wish"], state["saved"], state["count"])
        _clear(folder, {one.file for one in pictures.values()})
        return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudioError(f"{path} is damaged; remove its folder") from error


def _clear(folder: Path, kept: set[str]) -> None:
    """Remove the uploads and photographs of a killed server, but not those that another server may be receiving."""
    for path in folder.iterdir():
        if _TAKEN.match(path.name) and path.name not in kept:
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - _OLD:
                    path.unlink()
