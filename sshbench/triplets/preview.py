"""Prepare the rows of a contact sheet of triplets: of a store, or of a run before it starts."""

from __future__ import annotations

from typing import Any

from sshbench.errors import SshbenchError
from sshbench.triplets.engine import plan
from sshbench.triplets.luts import Places, bank_of
from sshbench.triplets.recipe import make_recipe
from sshbench.triplets.settings import Settings
from sshbench.triplets.sheet import Pixels, SheetRow, row_of
from sshbench.triplets.source import SkippedImage, Source
from sshbench.triplets.sources import open_source
from sshbench.triplets.store import StoredTriplets, asked_of, load_triplets

_PHOTO_SIDE = 480


def would_be(count: int, source: str, luts: Places | None, *, settings: Settings, **where: Any) -> list[SheetRow]:
    """Return the rendered rows of the first `count` usable photographs of a source; `where` goes to `open_source`."""
    photos = open_source(source, **where)
    bank = bank_of(settings.appearance, luts)
    run = plan(settings, photos, bank, views=4 if settings.kind == "triplets" else 3)
    renderer = StoredTriplets("", run, [], photos, bank)
    rows: list[SheetRow] = []
    reason: SkippedImage | None = None
    for i in range(len(photos)):
        if len(rows) == count:
            break
        recipe = make_recipe(settings, photos.row_id(i), 0, len(run.luts))
        try:
            rows.append(row_of(renderer.render(recipe), photos.read(i, _PHOTO_SIDE), settings.background))
        except SkippedImage as skipped:
            reason = reason or skipped
    if not rows:
        raise SshbenchError(f"no photograph of {source} can be used ({reason})")
    return rows


def written(count: int, store: str, source: str | None, luts: Places | None) -> list[SheetRow]:
    """Return the first `count` rows of a store, each with its photograph if the photograph can be read."""
    stored = load_triplets(store, source=source, luts=luts)
    if not len(stored):
        raise SshbenchError(f"{store} holds no triplets yet")
    photos = stored.source or _reachable(stored, source)
    return [
        row_of(sample, _photo(photos, sample["row"]), stored.settings.background)
        for sample in map(stored.__getitem__, range(min(count, len(stored))))
    ]


def _reachable(stored: StoredTriplets, source: str | None) -> Source | None:
    spec = source or stored.run.source.get("spec")
    if spec is None:
        return None
    try:
        return open_source(spec, **asked_of(stored.run))
    except SshbenchError:
        return None


def _photo(source: Source | None, row: str) -> Pixels | None:
    if source is None:
        return None
    try:
        return source.read(source.index(row), _PHOTO_SIDE)
    except (SkippedImage, SshbenchError, LookupError):
        return None
