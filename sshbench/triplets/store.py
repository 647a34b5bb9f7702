"""`load_triplets`: open the output of `sshbench generate-triplets` as a dataset; recipes are rendered when read."""

from __future__ import annotations

import os
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError
from sshbench.images.cells import cell_bytes
from sshbench.images.opening import MAX_PIXELS, Encoded, opened
from sshbench.lut.bank import LutBank
from sshbench.pieces import Pieces
from sshbench.triplets.dataset import Sample, Unreadable, first_usable
from sshbench.triplets.luts import Places, open_bank, places_of
from sshbench.triplets.manifest import Run, ShardRecord, lut_hashes, read_manifest
from sshbench.triplets.recipe import Recipe
from sshbench.triplets.render import Rendered, RenderedComposite, render
from sshbench.triplets.settings import COMPUTED, Settings
from sshbench.triplets.shard_file import IMAGES, columns
from sshbench.triplets.source import Partners, Source
from sshbench.triplets.sources import open_source
from sshbench.triplets.writer import appearance_name

if TYPE_CHECKING:
    import pyarrow as pa

_GROUPS_KEPT = 4
_FILES_KEPT = 256  # open files: systems allow a process 1,024, and a store may have more shards
_ASKED = ("config", "split", "column", "revision", "masks", "min_side", "max_pixels", "part", "masked", "limit")
_SCALARS = ("row", "draw", "alpha", "beta", "alpha_strength", "beta_strength")


class StoredTriplets:
    """The rows of a store, in order: a map-style dataset for torch's `DataLoader`, `TripletLoader` or a plain loop.

    A row is a dict, the same for both kinds of store. Triplets have uint8 images `foreground`, `background` and
    `ground_truth` `[crop, crop, 3]`, and with four views also `reference_alpha`. Composites have `composite`, `real`
    and `mask` `[crop, crop]`. A row also has `row`, `draw`, the names `alpha` and `beta`, `alpha_strength`,
    `beta_strength`, `content_box` and `reference_box`.

    `load_triplets` returns this object.
    """

    unreadable: Unreadable = "replace"

    def __init__(
        self, url: str, run: Run, shards: list[ShardRecord], source: Source | None, bank: LutBank | None
    ) -> None:
        self.url, self.run, self.source, self.bank = url, run, source, bank
        self._shards = shards
        self._pieces = Pieces(record.rows for record in shards)
        self._groups: OrderedDict[tuple[int, int], pa.Table] = OrderedDict()
        self._files: OrderedDict[int, tuple[Any, Pieces]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<StoredTriplets of {len(self)} {self.settings.kind} in {self.url}>"

    @property
    def settings(self) -> Settings:
        """The settings of the rendered images."""
        return self.run.settings

    def __len__(self) -> int:
        return len(self._pieces)

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        """Return row `i`. A key (epoch, i) of `TripletSampler` gives the same row in each epoch."""
        i = key[1] if isinstance(key, tuple) else key
        if not -len(self) <= i < len(self):
            raise IndexError(f"row {i} of {len(self)}")
        if self.run.store == "recipes":
            if self.unreadable == "raise":
                return self.render(self.recipe(i))
            return first_usable(lambda k: self.render(self.recipe(k)), i, self.settings.draws, len(self))
        row = self._stored(i % len(self))
        return {
            name: _decoded(value.get("bytes"), f"{self.url}: row {i}: {name}") if isinstance(value, dict) else value
            for name, value in row.items()
        }

    def recipe(self, i: int) -> Recipe:
        """Return the recipe of row `i` of a store of recipes."""
        if self.run.store != "recipes":
            raise SshbenchError(f"{self.url} holds pixels and no recipes")
        recipe = Recipe.from_row(self._stored(i % len(self)))
        if not recipe.fits(self.settings, len(self.run.luts)):
            raise SshbenchError(
                f"{self.url}: row {i} is no recipe of this run; the command that made it makes it again"
            )
        return recipe

    def column(self, name: str) -> list[Any]:
        """Return the values of a column without images, for all rows."""
        values: list[Any] = []
        for shard in range(len(self._shards)):
            file, _ = self._open(shard)
            with self._named(shard):
                values += file.read(columns=[name])[name].to_pylist()
        return values

    def __getstate__(self) -> dict[str, Any]:
        # Open files and cached row groups are not sent to other processes.
        return self.__dict__ | {"_groups": OrderedDict(), "_files": OrderedDict()}

    def _stored(self, i: int) -> dict[str, Any]:
        shard, place = self._pieces.find(i)
        file, groups = self._open(shard)
        group, row = groups.find(place)
        key = (shard, group)
        if key not in self._groups:
            with self._named(shard):
                self._groups[key] = file.read_row_group(group)
            if len(self._groups) > _GROUPS_KEPT:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        rows: list[dict[str, Any]] = self._groups[key].slice(row, 1).to_pylist()
        return rows[0]

    def _open(self, shard: int) -> tuple[Any, Pieces]:
        if shard not in self._files:
            import fsspec
            import pyarrow.parquet as pq

            record = self._shards[shard]
            fs, root = fsspec.core.url_to_fs(self.url)
            with self._named(shard):
                file = pq.ParquetFile(fs.open(f"{root.rstrip('/')}/{record.file}", "rb"))
                meta = file.metadata
                if missing := columns(self.run).keys() - set(file.schema_arrow.names):
                    raise ValueError(f"it has no column {min(missing)!r}")
                if meta.num_rows != record.rows:
                    raise ValueError(f"it has {meta.num_rows} rows, and its record says {record.rows}")
            self._files[shard] = file, Pieces.of_groups(meta)
            if len(self._files) > _FILES_KEPT:
                self._files.popitem(last=False)[1][0].close(force=True)
        self._files.move_to_end(shard)
        return self._files[shard]

    @contextmanager
    def _named(self, shard: int) -> Iterator[None]:
        """Turn errors of reading a shard into errors that name its file."""
        try:
            yield
        except (OSError, ValueError, TypeError, KeyError, NotImplementedError) as error:  # includes pyarrow's errors
            file = f"{self.url}/{self._shards[shard].file}"
            raise SshbenchError(f"{file} cannot be read ({error}); the command that made it makes it again") from error

    def render(self, recipe: Recipe) -> Sample:
        """Render a recipe of this run, and return its row.

        Raises
        ------
        SkippedImage
            The photograph cannot be used.
        """
        source, settings = self.source, self.settings
        assert source is not None
        rendered = render(
            recipe,
            settings,
            lambda row: source.read(source.index(row), settings.short_side),
            self.bank,
            read_mask=lambda row: source.read_mask(source.index(row), settings.short_side),
            partners=self._partners,
            views=self.run.views,
        )
        return sample_of(self.run, recipe, rendered)

    @cached_property
    def _partners(self) -> Partners | None:
        if self.source is None or self.settings.appearance != "color-transfer":
            return None
        return Partners([self.source.row_id(i) for i in range(len(self.source))])


def sample_of(run: Run, recipe: Recipe, rendered: Rendered | RenderedComposite) -> Sample:
    """Return the row of a `StoredTriplets` from the rendered images of its recipe."""
    names, boxes = list(IMAGES[run.settings.kind]), ["content_box"]
    if isinstance(rendered, Rendered):
        boxes.append("reference_box")
        if rendered.reference_alpha is not None:
            names.append("reference_alpha")
    sample = {name: getattr(rendered, name) for name in names} | {name: getattr(recipe, name) for name in _SCALARS}
    sample |= {name: appearance_name(run, sample[name]) for name in ("alpha", "beta")}
    return sample | {name: list(getattr(rendered, name)) for name in boxes}


def _decoded(value: Any, name: str) -> NDArray[np.uint8]:
    """Return the decoded image, uint8 `[H, W, 3]`, or mask, uint8 `[H, W]`, of a cell of a shard."""
    data = cell_bytes(value, name, None) or b""
    with opened(Encoded(name, data), MAX_PIXELS) as image:
        return np.array(image)  # a copy, since torch warns of arrays that cannot be written


def load_triplets(
    path: str | os.PathLike[str],
    *,
    source: str | os.PathLike[str] | Source | None = None,
    luts: Places | LutBank | None = None,
    unreadable: Unreadable = "replace",
) -> StoredTriplets:
    """Open a store of pixels or of recipes.

    Parameters
    ----------
    path
        The output folder of `sshbench generate-triplets`, or its fsspec URL.
    source, luts
        For recipes, the present places of the photographs and the LUTs; by default the places recorded when the store
        was made. Grades and ladders are computed again.
    unreadable
        For recipes, the reaction to a photograph that cannot be used. `"replace"` warns and returns the next usable
        row, as `TripletDataset` does; `"raise"` raises `SkippedImage`.

    Returns
    -------
    StoredTriplets
        A sequence of rows. A row is a dict of uint8 images `foreground`, `background` and `ground_truth`
        `[crop, crop, 3]` (for composites `composite`, `real` and `mask`) and of the values of its recipe.

    Raises
    ------
    SshbenchError
        The folder holds no store, or its recipes need photographs or LUTs that are missing or have changed.

    Examples
    --------
    >>> import sshbench
    >>> from sshbench.triplets import Settings
    >>> _ = sshbench.generate_triplets("sample", "triplets", Settings(crop=64), limit=3)
    >>> triplets = sshbench.load_triplets("triplets")
    >>> len(triplets), triplets[0]["ground_truth"].shape
    (3, (64, 64, 3))
    """
    url = os.fspath(path)
    manifest = read_manifest(url)
    run = manifest.run
    if not manifest.complete:
        warnings.warn(
            f"{url} is not complete: {manifest.rows} rows are there; run the command that made it again to continue",
            RuntimeWarning,
            stacklevel=2,
        )
    shards = [record for _, record in sorted(manifest.shards.items()) if record.rows]
    if run.store == "pixels":
        return StoredTriplets(url, run, shards, None, None)
    stored = StoredTriplets(url, run, shards, _source(url, run, source), _bank(url, run, luts))
    stored.unreadable = unreadable
    return stored


def asked_of(run: Run) -> dict[str, Any]:
    """Return the arguments of `open_source`, without `spec`, with which the run opened its photographs."""
    return {name: value for name, value in run.source.items() if name in _ASKED}


def _source(url: str, run: Run, source: str | os.PathLike[str] | Source | None) -> Source:
    spec = run.source.get("spec", "no known place") if source is None else source
    if not isinstance(spec, str | os.PathLike):
        return spec
    try:
        found = open_source(os.fspath(spec), **asked_of(run))
    except SshbenchError as error:
        raise SshbenchError(
            f"the recipes in {url} need the photographs of {spec} ({error}); say where they are now with "
            "source= (or --source)"
        ) from error
    if found.fingerprint != run.fingerprint:
        warnings.warn(
            f"the photographs of {spec} have changed since the recipes in {url} were made", RuntimeWarning, stacklevel=3
        )
    return found


def _bank(url: str, run: Run, luts: Places | LutBank | None) -> LutBank | None:
    if not run.luts:
        return None
    appearance = run.settings.appearance
    if isinstance(luts, LutBank):
        bank = luts
    elif appearance in COMPUTED:
        bank = open_bank(luts, appearance=appearance)
    else:
        places = places_of(luts) if luts else run.luts_from
        try:
            bank = open_bank(places)
        except (SshbenchError, OSError) as error:
            raise SshbenchError(
                f"the recipes in {url} need the LUTs of {', '.join(places)} ({error}); say where they are now with "
                "luts= (or --luts)"
            ) from error
    found = dict(lut_hashes(bank))
    wrong = [name for name, digest in run.luts if found.get(name) != digest]
    if wrong:
        what = "lacks" if wrong[0] not in found else "has another table for"
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise SshbenchError(
            f"the recipes in {url} were made with other LUTs: the bank now {what} {wrong[0]!r}{more}; give the "
            "original LUTs with luts= (or --luts)"
        )
    return bank if lut_hashes(bank) == run.luts else bank.select([name for name, _ in run.luts])
