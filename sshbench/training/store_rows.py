"""A store of `sshbench generate-triplets` as training data: its rows of one part, under the names of batches."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from sshbench.errors import SshbenchError
from sshbench.triplets.dataset import Sample, TripletDataset
from sshbench.triplets.held_out import Part, in_part
from sshbench.triplets.recipe import Recipe
from sshbench.triplets.settings import Settings
from sshbench.triplets.source import SourceError
from sshbench.triplets.store import StoredTriplets

_VIEWS = {
    "foreground": "content_alpha",
    "ground_truth": "content_beta",
    "reference_alpha": "reference_alpha",
    "background": "reference_beta",
}
_OTHERS = ("composite", "real", "mask", "row", "draw")


class StoredViews:
    """Rows of a store of pixels, as `TripletDataset` gives samples; the same in each epoch.

    Raises
    ------
    SourceError
        The store holds no row of the part.
    """

    def __init__(self, stored: StoredTriplets, part: Part) -> None:
        self.stored, self.rows = stored, rows_of(stored, part)
        self.settings = stored.settings
        self.description = _described(stored, part)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        sample = self.stored[self.rows[key[1] if isinstance(key, tuple) else key]]
        names = _VIEWS | {name: name for name in _OTHERS}
        return {names[name]: value for name, value in sample.items() if name in names}


class _StoredRecipes(TripletDataset):
    """Rows of a store of recipes; the same in each epoch."""

    def __init__(self, stored: StoredTriplets, rows: Sequence[int]) -> None:
        assert stored.source is not None
        super().__init__(stored.source, stored.bank, stored.settings)
        self._stored, self._rows = copy(stored), rows
        self._stored.bank = None  # this object holds the bank and pickles it more cheaply

    def __len__(self) -> int:
        return len(self._rows)

    def recipe(self, i: int, epoch: int | None = None) -> Recipe:
        return self._stored.recipe(self._rows[i])


def open_rows(stored: StoredTriplets, part: Part) -> StoredViews | TripletDataset:
    """Return the rows of a store that belong to a part.

    Raises
    ------
    SourceError
        No row of the store belongs to the part.
    """
    if stored.run.store == "pixels":
        return StoredViews(stored, part)
    return _StoredRecipes(stored, rows_of(stored, part))


def rows_of(stored: StoredTriplets, part: Part) -> list[int]:
    """Return the rows whose photograph and looks all belong to a part.

    Raises
    ------
    SourceError
        No row of the store belongs to the part.
    """
    run = stored.run
    if part == "all" or (run.source.get("part") == run.lut_part == part):
        return list(range(len(stored)))
    names = ["row"]
    if run.settings.appearance in ("lut", "grades"):  # looks of ladders belong to all parts
        looked = run.settings.kind == "triplets" or run.settings.background == "look"
        names += ["alpha", "beta"] if looked else ["alpha"]
    looks = [name for name, _ in run.luts]
    columns = [stored.column(name) for name in names]
    if run.store == "recipes":
        columns[1:] = [[looks[k] for k in column] for column in columns[1:]]
    rows = [i for i, values in enumerate(zip(*columns, strict=True)) if all(in_part(v, part) for v in values)]
    if not rows:
        raise SourceError(
            f"{stored.url}: none of its {len(stored)} rows is in the part {part!r}, which depends on the names of "
            f"photographs and looks; make it with --part {part}"
        )
    return rows


def check_store(stored: StoredTriplets, settings: Settings) -> None:
    """Refuse a store that a recipe cannot be trained on.

    Raises
    ------
    SshbenchError
        The store was made with other settings, or holds pixels without `reference_alpha`.
    """
    if settings.kind == "triplets" and stored.run.store == "pixels" and stored.run.views != 4:
        raise SshbenchError(
            f"{stored.url} holds three views, and training needs reference_alpha too; make it with --views 4"
        )
    differences = [
        text
        for text in stored.settings.differences(settings)
        if text.partition(":")[0] not in ("seed", "draws", "weights")
    ]
    if differences:
        raise SshbenchError(
            f"{stored.url} was made with other settings than the recipe's ({'; '.join(differences)}); change [data] of "
            "the recipe, or make it again"
        )


def _described(stored: StoredTriplets, part: Part) -> dict[str, Any]:
    run = stored.run
    return {
        "store": stored.url,
        "part": part,
        "source": dict(run.found),
        "looks": [name for name, _ in run.luts],
    }
