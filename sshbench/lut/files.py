"""LUT files of any kind that is read here: `.cube` and Hald CLUT images."""

from __future__ import annotations

import os
from pathlib import Path

from sshbench.lut.cube import read_cube
from sshbench.lut.table import Lut, LutError

_IMAGE_SUFFIXES = (".png", ".tif", ".tiff")
_IMAGE_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*")


def read_lut(path: str | os.PathLike[str]) -> Lut:
    """Read a LUT file; what it holds decides, not its name.

    Raises
    ------
    CubeFormatError, HaldError
        The file breaks a rule of its format.
    OSError
        The file does not exist or cannot be read.
    """
    path = Path(path)
    if path.is_file():
        with open(path, "rb") as file:
            if file.read(8).startswith(_IMAGE_SIGNATURES):
                from sshbench.lut.hald import read_hald

                return read_hald(path)
    return read_cube(path)


def find_luts(folder: str | os.PathLike[str]) -> list[Path]:
    """The LUT files in a folder and the folders in it, sorted: `.cube`, and images of a Hald CLUT's size.

    Hidden files and folders are left out.

    Raises
    ------
    LutError
        There is no such folder.
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
        with Image.open(path) as image:
            return level_of(*image.size) is not None
    except (OSError, ValueError, Image.DecompressionBombError):
        return False
