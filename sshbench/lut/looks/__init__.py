"""One hundred parametric looks, and `bake`, which writes them as the `.cube` files of `luts/`."""

from __future__ import annotations

import os
from pathlib import Path

from sshbench.lut.cube import write_cube
from sshbench.lut.looks import film, grade, light
from sshbench.lut.looks.look import Look

LOOKS: tuple[Look, ...] = (
    *light.EXPOSURE,
    *light.LIGHT,
    *light.WEATHER,
    *light.NIGHT,
    *film.PRINTS,
    *film.CROSS,
    *film.INSTANT,
    *film.AGED,
    *film.TONED,
    *grade.CINEMA,
    *grade.HUES,
    *grade.CHANNELS,
)

__all__ = ["LOOKS", "Look", "bake"]


def bake(folder: str | os.PathLike[str]) -> list[Path]:
    """Write every look to `folder` as `NAME.cube`, with the same bytes on every machine; create the folder if needed.

    Returns
    -------
    list of Path
        The files, in the order of `LOOKS`.

    Raises
    ------
    OSError
        The folder cannot be made or written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{look.name}.cube" for look in LOOKS]
    for look, path in zip(LOOKS, paths, strict=True):
        write_cube(look.lut(), path)
    return paths
