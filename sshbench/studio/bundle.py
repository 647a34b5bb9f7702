"""A bundle: a zip with a visitor's files, the studio's results, and a command line that makes the same results."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from sshbench.compositing.harmonize import Harmonized
from sshbench.whole_file import whole_file

SUFFIXES = (".png", ".tif", ".jpg", ".webp")
"""The suffixes of the pictures that the studio writes."""
LUT, COMMAND, MASK = "look.cube", "command.sh", "mask.png"


def layer_suffix(suffix: str) -> str:
    """Return the suffix of a layer beside a picture. It differs for JPEG, which has no transparency."""
    return ".png" if suffix == ".jpg" else suffix


def made_names(suffix: str) -> tuple[str, str, str]:
    """Return the names of the picture, the layer and the LUT in a bundle whose picture has this suffix."""
    return f"picture{suffix}", f"layer{layer_suffix(suffix)}", LUT


def bundle_names(given: Mapping[str, str], *, mask: bool) -> dict[str, str]:
    """Return distinct names for a visitor's files in a bundle, none of which is the name of another file.

    Parameters
    ----------
    given
        The role of each photograph and the visitor's name of its file.
    mask
        Whether there is a mask beside the photographs.
    """
    names = dict(given)
    if mask:
        names["mask"] = MASK
    taken = {f"{kind}{suffix}" for kind in ("picture", "layer") for suffix in SUFFIXES} | {LUT, COMMAND, MASK}
    for role in given:
        if names[role].lower() in taken:
            names[role] = f"{role}-{names[role]}"
        taken.add(names[role].lower())
    return names


def write_bundle(path: Path, result: Harmonized, files: Mapping[str, Path], suffix: str, command: str) -> None:
    """Write a bundle.

    Parameters
    ----------
    files
        The path of each of the visitor's files, by its name in the bundle.
    suffix
        The suffix of the picture.
    command
        The command line that makes the picture again from these files, and replaces the picture of the bundle.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".bundle-") as folder:
        made = {name: Path(folder) / name for name in made_names(suffix)}
        picture, layer, cube = made.values()
        result.save(picture)
        result.save_layer(layer)
        result.export_lut(cube)
        with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w") as bundle:
            for name, source in {**files, **made}.items():
                bundle.write(source, name)
            bundle.writestr(COMMAND, f"#!/bin/sh\n{command}\n")
