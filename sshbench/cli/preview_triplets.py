"""`sshbench preview-triplets`: show triplets on a contact sheet."""

from __future__ import annotations

from typing import Any

import click

from sshbench.cli.options import OutFile, limits, max_megapixels_to_train, options_of, within_dataset
from sshbench.triplets.settings import Settings

PREVIEWED = ("kind", "crops", "appearance", "background", "seed")


@click.command("preview-triplets")
@click.argument("store", required=False, metavar="[STORE]")
@click.option(
    "-o",
    "--output",
    type=OutFile(),
    default="preview.png",
    show_default=True,
    metavar="FILE",
    help="The image to write.",
)
@click.option(
    "--count",
    "-n",
    type=click.IntRange(1, 200),
    default=4,
    show_default=True,
    help="The number of photographs to show.",
)
@click.option(
    "--tile",
    type=click.IntRange(64, 2048),
    default=200,
    show_default=True,
    metavar="PIXELS",
    help="The side of an image.",
)
@click.option(
    "--source",
    metavar="WHAT",
    help="The photographs: sample, a folder, Parquet/Arrow/WebDataset files, or a Hugging Face dataset id; "
    "with STORE, the present location of its photographs.  [default: sample]",
)
@within_dataset
@click.option(
    "--masks", metavar="WHAT", help="For composites: a folder of masks with the names of the photographs, or a column."
)
@max_megapixels_to_train
@options_of(Settings, only=PREVIEWED)
@click.option(
    "--luts",
    multiple=True,
    metavar="PLACE",
    help="A folder of .cube files or Hald images, an .npz file of tables, or luts for the 100 looks of sshbench. May "
    "be repeated.  [default: luts]",
)
def preview_triplets(
    store: str | None,
    output: str,
    count: int,
    tile: int,
    source: str | None,
    config: str | None,
    split: str | None,
    column: str | None,
    revision: str | None,
    masks: str | None,
    max_pixels: int | None,
    luts: tuple[str, ...],
    **values: Any,
) -> None:
    """Show triplets on a contact sheet: each photograph with its crops drawn in, and the resulting images.

    With STORE, the sheet shows the first triplets of a store of sshbench generate-triplets; otherwise, it shows the
    triplets that the command would write.

    \b
    sshbench preview-triplets
    sshbench preview-triplets triplets/ -o stored.png
    sshbench preview-triplets --source ~/photos --kind composites --seed 7 -n 6 -o composites.png
    """
    import numpy as np

    from sshbench.images.files import ImageFile, format_of, write_image
    from sshbench.images.profiles import srgb_profile
    from sshbench.triplets.preview import would_be, written
    from sshbench.triplets.sheet import triplet_sheet

    format_of(output)
    if store is None:
        rows = would_be(
            count, source or "sample", luts, settings=Settings(**values), config=config, split=split, column=column,
            revision=revision, masks=masks, **limits(max_pixels),
        )  # fmt: skip
    else:
        rows = written(count, store, source, luts)
    write_image(output, ImageFile(np.asarray(triplet_sheet(rows, tile=tile)), icc=srgb_profile()))
    what = values["kind"] if store is None else f"of {store}"
    click.echo(f"{len(rows)} {what} on {output}")
