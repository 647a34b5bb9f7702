"""`generate_triplets`: make a store of triplets from photographs in one call, as `sshbench generate-triplets` does."""

from __future__ import annotations

import os
from typing import Any, Literal

from sshbench.errors import SshbenchError
from sshbench.lut.bank import LutBank
from sshbench.outputs import check_folder
from sshbench.triplets.codecs import Codec
from sshbench.triplets.engine import Engine, Summary, generate, plan
from sshbench.triplets.held_out import Part
from sshbench.triplets.luts import Places, bank_of
from sshbench.triplets.manifest import Run, StoreKind
from sshbench.triplets.settings import Settings
from sshbench.triplets.sources import Source, open_source


def generate_triplets(
    source: str | os.PathLike[str] = "sample",
    output: str | os.PathLike[str] = "triplets",
    settings: Settings | None = None,
    *,
    luts: Places | None = None,
    masks: str | os.PathLike[str] | None = None,
    part: Part = "all",
    limit: int | None = None,
    store: StoreKind = "pixels",
    image_format: Literal["png", "jpeg", "webp"] = "png",
    quality: int | None = None,
    views: Literal[3, 4] = 3,
    rows_per_shard: int | None = None,
    license: str | None = None,
    workers: int = 1,
    engine: Engine = "local",
    address: str | None = None,
    shard: tuple[int, int] | None = None,
    progress: bool = False,
    **opening: Any,
) -> Summary:
    """Make training triplets or composites from photographs and write them as Parquet files.

    A call with the arguments of an earlier call checks the files in `output` and makes the missing ones. The number of
    workers and interruptions change no byte of the output. A script needs no `if __name__ == "__main__":`.

    Parameters
    ----------
    source
        `"sample"` for the photographs that ship with sshbench, a folder of photographs, Parquet, Arrow or WebDataset
        files, or the id of a Hugging Face dataset.
    output
        The folder to write, or an fsspec URL such as `"s3://bucket/triplets"`.
    settings
        The settings of the triplets: the kind, the seed, the crop in pixels, and so on. The default is the paper's
        (Jiang et al., ICCV 2021, sections 3.1 and 3.2): triplets of 224 x 224 pixels.
    luts
        Folders of `.cube` files or Hald images, `.npz` files of tables, or `"luts"` for the looks that ship with
        sshbench, which is the default.
    masks
        For composites: a folder of masks with the names of the photographs, or a column of the data set. Without masks,
        shapes are generated.
    part
        `"train"` leaves out the tenth of the photographs and looks on which trained networks are measured;
        `"held-out"` takes only this tenth.
    limit
        The number of photographs to take, spread over the source.
    store
        `"pixels"` writes encoded images. `"recipes"` writes about a hundred bytes per triplet; images are rendered when
        the store is read.
    image_format, quality
        The encoding of the images. PNG is lossless; the quality of JPEG and WebP is 1 to 100, by default 95.
    views
        3 for the triplet, or 4 to add `reference_alpha`, which the reconstruction loss needs.
    rows_per_shard
        The number of triplets in a file: by default 500 with pixels and 200,000 with recipes.
    license
        The licence of the photographs, for the data set's card.
    workers, engine, address
        The number of processes on this machine; or `engine="ray"` with the address of a Ray cluster.
    shard
        `(i, n)` makes only part i of n, counted from 0, as in a job array.
    progress
        Show a progress bar on the standard error.
    **opening
        More arguments of `sshbench.triplets.open_source`, such as `split`, `column`, `streaming` or `max_pixels`.

    Returns
    -------
    Summary
        How many photographs were read and shards made, the photographs that were skipped with the reason of each, and
        the manifest of the output. `sshbench.load_triplets(output)` opens the result.

    Raises
    ------
    SshbenchError
        The source, the LUTs or the settings cannot be used, the folder belongs to another run, or it cannot be written.
        Finished shards are kept.

    Examples
    --------
    >>> import sshbench
    >>> from sshbench.triplets import Settings
    >>> made = sshbench.generate_triplets("sample", "triplets", Settings(crop=64))
    >>> made
    <Summary of triplets in 1 of 1 shards; 12 photographs read, 0 skipped>
    >>> sshbench.load_triplets("triplets")[0]["foreground"].shape
    (64, 64, 3)
    """
    check_folder(output)
    asked = {"masks": None if masks is None else os.fspath(masks), "part": part, "limit": limit, **opening}
    run, photos, bank = open_run(
        os.fspath(source), settings or Settings(), asked, luts=luts, lut_part=part, store=store,
        codec=Codec.choose(image_format, quality), views=views, rows_per_shard=rows_per_shard, license=license,
    )  # fmt: skip
    return generate(
        run, photos, bank, output, engine=engine, workers=workers, address=address, shard=shard, progress=progress
    )


def open_run(
    source: str, settings: Settings, asked: dict[str, Any], *, luts: Places | None = None, lut_part: Part = "all",
    **planned: Any,
) -> tuple[Run, Source, LutBank | None]:  # fmt: skip
    """Open the photographs and the LUTs of a run, and plan it.

    Parameters
    ----------
    asked
        More arguments of `open_source`. The manifest keeps them, so that a store of recipes can open its photographs.
    **planned
        More arguments of `plan`.

    Raises
    ------
    SshbenchError
        The source, the LUTs or the settings cannot be used, or they contradict each other.
    """
    if luts and settings.appearance != "lut":
        raise SshbenchError("--luts needs --appearance lut; leave --luts out")
    if settings.appearance not in ("lut", "grades"):
        lut_part = "all"
    bank = bank_of(settings.appearance, luts, lut_part)
    photos = open_source(source, **asked)
    kept = {"spec": source, **asked}
    return plan(settings, photos, bank, asked=kept, luts_from=luts, lut_part=lut_part, **planned), photos, bank
