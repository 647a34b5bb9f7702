"""A store of `sshbench generate-triplets` as a benchmark: `triplets`, or `composites` with their masks.

A store of photographs and looks that training never saw (`--part held-out`) measures how well a network generalises.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from sshbench.benchmarks.composite import BenchmarkError, Composite, described
from sshbench.benchmarks.files import compose
from sshbench.benchmarks.ids import usable_ids
from sshbench.benchmarks.table import ParquetRows, parquet_files, read_cells
from sshbench.images.opening import MAX_PIXELS

ROLES = {
    "triplets": {"composite": "foreground", "background": "background", "target": "ground_truth"},
    "composites": {"composite": "composite", "mask": "mask", "target": "real"},
}
_ATTRIBUTES = ("alpha", "beta", "alpha_strength", "beta_strength")


class Store:
    """A store of pixels as a benchmark. An id is `ROW/DRAW`, and does not depend on the other rows of the store.

    The composite and the foreground of a triplet are the content under alpha, the background is the reference under
    beta, and the target is the content under beta. The mask marks all pixels as foreground, since the whole content
    should change. Only methods that use `background` can know the required look.

    Parameters
    ----------
    kind
        `"triplets"` or `"composites"`, which is also the name of the split.

    Raises
    ------
    BenchmarkError
        The folder holds no store of pixels of this kind, the store is incomplete or damaged, or an id leads out of a
        folder of results.
    """

    max_pixels = MAX_PIXELS

    def __init__(self, root: str | os.PathLike[str], kind: str) -> None:
        self.name, self._roles, self._where = kind, ROLES[kind], Path(root)
        _check(self._where, kind)
        self._rows = ParquetRows(parquet_files(self._where / "data"), self._where)
        missing = [column for column in (*self._roles.values(), "row", "draw") if column not in self._rows.columns]
        if missing:
            raise BenchmarkError(f"{root}: its files have no column {missing[0]!r}; make the store again")
        rows = zip(self._rows.plain("row"), self._rows.plain("draw"), strict=True)
        ids = list(dict.fromkeys(f"{row}/{draw}" for row, draw in rows))
        if len(ids) != len(self._rows):
            raise BenchmarkError(f"{root}: a row and draw occur twice; make the store again")
        ids, self._faults = usable_ids(str(root), ids)
        self._index = {id: i for i, id in enumerate(ids)}

    def __repr__(self) -> str:
        return described(self)

    def __len__(self) -> int:
        return len(self._index)

    def ids(self) -> list[str]:
        """Return the ids of all samples, in order."""
        return list(self._index)

    def __getitem__(self, key: int | str, /) -> Composite:
        id = key if isinstance(key, str) else self.ids()[key]
        if id in self._faults:
            raise BenchmarkError(f"{self._where}: {self._faults[id]}")
        row = self._rows[self._index[id]]
        images, mask = read_cells(f"{self._where}: {id}", row, self._roles, None, self.max_pixels)
        attributes = {name: row[name] for name in _ATTRIBUTES if name in row}
        if self.name == "composites":
            return compose(id, images, mask, attributes)
        if lacking := [role for role in self._roles if role not in images]:
            raise BenchmarkError(f"{self._where}: {id}: the {lacking[0]} is missing; make the store again")
        content = images["composite"]
        return Composite(
            id=id,
            composite=content,
            foreground=content,
            background=images["background"],
            mask=np.ones(content.shape[:2], np.float32),
            target=images["target"],
            attributes=attributes | {"foreground_ratio": 1.0},
        )


def _check(root: Path, kind: str) -> None:
    make = f"make one with sshbench generate-triplets --kind {kind} -o {root}"
    try:
        manifest = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
        run = manifest["run"]
        store, found, complete = run["store"], run["settings"]["kind"], manifest["complete"]
    except FileNotFoundError as error:
        raise BenchmarkError(f"{root}: there is no store of {kind} here; {make}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchmarkError(f"{root / 'manifest.json'}: is not a manifest that can be read; {make}") from error
    if found != kind:
        raise BenchmarkError(f"{root}: holds {found}, not {kind}; evaluate it with the split {found}")
    if store != "pixels":
        raise BenchmarkError(f"{root}: holds recipes without pixels; make it with --store pixels")
    if not complete:
        raise BenchmarkError(f"{root}: is not complete; run the command that makes it again")
