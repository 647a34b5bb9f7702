"""`sshbench lut preview`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from sshbench.cli.lut.arguments import LutName, find_all_luts
from sshbench.cli.options import OutFile, limits, max_megapixels
from sshbench.errors import SshbenchError

PHOTOS = Path(__file__).resolve().parents[2] / "data" / "photos"


@click.command()
@click.argument("luts", nargs=-1, required=True, type=LutName(), metavar="LUT...")
@click.option("-o", "--output", required=True, type=OutFile(), metavar="FILE", help="The image to write.")
@click.option(
    "--photo",
    "photos",
    multiple=True,
    type=click.Path(),
    metavar="IMAGE",
    help="A photograph to show. May be repeated.",
)
@click.option("--columns", type=click.IntRange(1, 100), default=10, show_default=True, help="Tiles in a row.")
@click.option(
    "--tile",
    type=(click.IntRange(16, 4096), click.IntRange(16, 4096)),
    default=(160, 120),
    show_default=True,
    metavar="W H",
    help="Width and height of a tile in pixels.",
)
@max_megapixels
def preview(
    luts: tuple[str, ...],
    output: str,
    photos: tuple[str, ...],
    columns: int,
    tile: tuple[int, int],
    max_pixels: int | None,
) -> None:
    """Show the effect of LUTs on photographs on one contact sheet.

    LUT is a .cube file, a Hald image, the name of a look, a folder, or a pattern in quotes; `looks` stands for all
    looks that ship. Without --photo, the sheet shows two photographs that ship. If all photographs have the same ICC
    profile, the sheet carries it; otherwise they are converted to sRGB first.

    \b
    sshbench lut preview looks -o looks.png
    sshbench lut preview luts/ --photo portrait.jpg --photo street.jpg -o sheet.png
    sshbench lut preview golden-hour day-for-night film.cube --tile 480 320 --columns 3 -o three.jpg
    """
    import numpy as np

    from sshbench.compositing.photo import in_srgb
    from sshbench.images.files import ImageFile, format_of, write_image
    from sshbench.images.profiles import srgb_profile
    from sshbench.images.reading import open_image
    from sshbench.lut.files import read_lut
    from sshbench.lut.sheet import contact_sheet

    format_of(output)
    files = find_all_luts(luts)
    if os.path.realpath(output) in {os.path.realpath(path) for path in [*files, *map(Path, photos)]}:
        raise SshbenchError(f"{output} would overwrite an input; choose another -o")
    tables = [read_lut(path) for path in files]
    shown = photos or [str(path) for path in sorted(PHOTOS.glob("*.jpg"))]
    images = [open_image(photo, photo, **limits(max_pixels)).upright().to_8_bit() for photo in shown]
    profiles = {image.icc for image in images}
    icc = images[0].icc if len(profiles) == 1 else None
    pictures = [
        np.asarray(image.pixels if len(profiles) == 1 else in_srgb(image, name), np.uint8)
        for image, name in zip(images, shown, strict=True)
    ]
    sheet = contact_sheet(tables, pictures, columns=columns, tile=tile)
    write_image(output, ImageFile(np.asarray(sheet.convert("RGB")), icc=icc or srgb_profile()))
    click.echo(f"{len(tables)} LUT{'' if len(tables) == 1 else 's'} on {output}")
