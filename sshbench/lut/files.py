"""Find and read LUTs by file or name: `.cube` files, Hald CLUT images, and the looks that ship with sshbench."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

from sshbench.errors import suggestion
from sshbench.folders import data_folder
from sshbench.images.kinds import picture_kind
from sshbench.lut.cube import read_cube
from sshbench.lut.table import Lut, LutError

_IMAGE_SUFFIXES = (".png", ".tif", ".tiff")


def looks() -> dict[str, Path]:
    """Return the file of each look that ships with sshbench, by name."""
    return {path.stem: path for path in sorted(data_folder("luts").glob("*.cube"))}


def find_lut(text: str) -> Path:
    """Return the file that `text` names: a path, or one of the looks, regardless of blanks and case.

    Raises
    ------
    LutError
        There is neither a file nor a look of this name; the message lists similar names.
    """
    path = Path(text)
    if path.is_file():
        return path
    known = looks()
    name = re.sub(r"[\s_]+", "-", text.strip().lower())
    if name in known:
        return known[name]
    if path.exists():
        return path
    if path.suffix or os.sep in text:
        raise LutError(f"{text}: no such LUT file")
    advice = suggestion(name, known, most=3, otherwise="`sshbench lut info looks` lists the looks")
    raise LutError(f"{text}: no LUT file or look of this name{advice}")


def read_lut(path: str | os.PathLike[str]) -> Lut:
    """Read a LUT file of any kind; the content determines the kind, not the name.

    Parameters
    ----------
    path
        A `.cube` file or a Hald CLUT, or the name of a look that ships with sshbench, such as `"golden-hour"`.

    Returns
    -------
    Lut
        The LUT, as `read_cube` or `read_hald` returns it.

    Raises
    ------
    CubeFormatError, HaldError
        The file breaks a rule of its format.
    LutError
        There is neither a file nor a look of this name.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> from sshbench.lut import read_lut
    >>> read_lut("golden-hour")
    <Lut 'Golden hour' 3d, 17^3 points>
    """
    if not isinstance(path, str):
        return _read_file(Path(path))
    found = find_lut(path)
    return _read_file(found) if Path(path).exists() else _read_look(found)


@lru_cache(maxsize=128)
def _read_look(path: Path) -> Lut:
    return _read_file(path)


def _read_file(path: Path) -> Lut:
    if path.is_file():
        with open(path, "rb") as file:
            start = file.read(16)
        if picture_kind(start) is not None:
            from sshbench.lut.hald import read_hald

            return read_hald(path)
    return read_cube(path)


def find_luts(folder: str | os.PathLike[str]) -> list[Path]:
    """Find the LUT files in a folder and the folders in it: `.cube` files, and images of the size of a Hald CLUT.

    Parameters
    ----------
    folder
        The folder to search. Hidden files and folders are left out.

    Returns
    -------
    list of Path
        The files, sorted.

    Raises
    ------
    LutError
        There is no such folder.

    Examples
    --------
    >>> from sshbench.lut import Lut, find_luts, write_cube
    >>> write_cube(Lut.identity(17), "look.cube")
    >>> find_luts(".")
    [PosixPath('look.cube')]
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise LutError(f"{folder} is not a folder")
    visible = (
        path
        for path in folder.rglob("*")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts) and path.is_file()
    )
    return sorted(path for path in visible if path.suffix.lower() == ".cube" or _has_hald_size(path))


def _has_hald_size(path: Path) -> bool:
    if path.suffix.lower() not in _IMAGE_SUFFIXES:
        return False
    from PIL import Image

    from sshbench.lut.hald import level_of

    try:
        with Image.open(path, formats=["PNG", "TIFF"]) as image:
            return level_of(*image.size) is not None
    except (OSError, ValueError, Image.DecompressionBombError):
        return False
