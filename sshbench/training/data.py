"""The training data of a run: photographs that are rendered on the fly, a store of `generate-triplets`, or iHarmony4.

All three give the batches of `TripletLoader` with the same names, and resume exactly. By default, a training sees only
the part `"train"` (`sshbench.triplets.held_out`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import torch

from sshbench.errors import SshbenchError
from sshbench.training.cache import CachedSource
from sshbench.training.options import PairSettings, Shares
from sshbench.training.pairs import Pairs, holds_iharmony4
from sshbench.training.scenes import Scenes
from sshbench.training.store_rows import StoredViews, check_store, open_rows
from sshbench.triplets.dataset import TripletDataset
from sshbench.triplets.held_out import Part
from sshbench.triplets.loader import TripletLoader
from sshbench.triplets.luts import Places, bank_of
from sshbench.triplets.manifest import FORMAT, MANIFEST
from sshbench.triplets.settings import Settings
from sshbench.triplets.sources import open_source
from sshbench.triplets.storage import Storage
from sshbench.triplets.store import load_triplets

Form = Literal["photographs", "store", "iharmony4"]
Training = TripletDataset | StoredViews | Pairs | Scenes


def form_of(source: str) -> Form:
    """Return the form of the data at a place: a store (with a manifest), iHarmony4 (with lists), or photographs."""
    if holds_iharmony4(source):
        return "iharmony4"
    if os.path.isdir(source) or "://" in source:
        manifest = Storage(source).read(MANIFEST)
        if manifest is not None and FORMAT.encode() in manifest[:200]:
            return "store"
    return "photographs"


def open_training(
    source: str = "sample",
    luts: Places | None = None,
    settings: Settings | None = None,
    *,
    part: Part = "train",
    flip: bool = False,
    window: tuple[float, float] = (1.0, 1.0),
    cache_mb: int = 0,
    shares: Shares | None = None,
    **asked: Any,
) -> Training:
    """Open the training data of a run.

    Parameters
    ----------
    source
        A source as for `open_source`, the folder of a store, or the folder of iHarmony4.
    luts
        As for `open_bank`. A store of recipes uses its own LUTs unless some are given; the LUTs of a store of pixels
        are already applied.
    settings
        The settings of the samples. A store must have been made with the same settings, except for seed and draws. For
        iHarmony4, only kind, crop and seed count.
    flip, window
        For iHarmony4: whether half of the images are mirrored, and the bounds of the part of their sides that a random
        crop keeps (1 keeps the whole image).
    cache_mb
        For photographs: the megabytes of decoded photographs, at `settings.short_side`, that each reading process
        keeps. Crops of these photographs are resampled a second time. Photographs beyond this limit are decoded each
        time.
    shares
        For photographs: the shares of samples that are scenes rather than triplets; none by default.
    asked
        Other arguments of `open_source`, such as `masks`.

    Raises
    ------
    SshbenchError
        The part has no training data, the data were made with other settings, or an option is for another form of data.
    """
    settings = settings or Settings()
    form = form_of(source)
    if form != "iharmony4" and (flip or window != (1.0, 1.0)):
        raise SshbenchError(f"flip and window are for iHarmony4, but {source} holds {_SAID[form]}; leave them out")
    scenes = shares is not None and shares.any()
    if form != "photographs" and scenes:
        raise SshbenchError(
            f"the shares of scenes, data.own to data.same, are for photographs, but {source} holds {_SAID[form]}; "
            "set them to 0"
        )
    if form != "photographs" and (cache_mb or any(value for value in asked.values())):
        named = ", ".join(["cache"] * bool(cache_mb) + [name for name, value in asked.items() if value])
        raise SshbenchError(f"{named} is for photographs, but {source} holds {_SAID[form]}; leave it out")
    if form == "iharmony4":
        if settings.kind != "composites":
            raise SshbenchError(f"{source}: iHarmony4 holds composites; train on it with data.kind composites")
        if luts:
            raise SshbenchError(f"{source}: iHarmony4 takes no LUTs; leave --luts out")
        return Pairs(source, PairSettings(crop=settings.crop, seed=settings.seed, flip=flip, window=window), part)
    if form == "store":
        stored = load_triplets(source, luts=luts)
        if luts and stored.run.store == "pixels":
            raise SshbenchError(f"{source}: a store of pixels takes no LUTs; leave --luts out")
        check_store(stored, settings)
        return open_rows(stored, part)
    bank = bank_of(settings.appearance, luts, part)
    photographs = open_source(source, part=part, **asked)
    if cache_mb:
        photographs = CachedSource(photographs, settings.short_side, cache_mb << 20)
    dataset = TripletDataset(photographs, bank, settings)
    return Scenes(dataset, shares) if shares is not None and scenes else dataset


def make_loader(
    dataset: Training,
    batch_size: int,
    *,
    seed: int = 0,
    workers: int = 0,
    device: torch.device | str = "cpu",
    dtype: Literal["float16", "bfloat16", "float32"] = "float32",
    **options: Any,
) -> TripletLoader:
    """Return a loader of shuffled batches of this rank, all of the same size; `options` are those of `TripletLoader`.

    Raises
    ------
    SshbenchError
        There are fewer samples than a batch needs.
    """
    loader = TripletLoader(
        dataset, batch_size, seed=seed, workers=workers, device=device, dtype=dtype, drop_last=True, **options
    )
    if not len(loader):
        world = loader.sampler.world_size
        of = f" on each of {world} processes" if world > 1 else ""
        raise SshbenchError(
            f"there are {len(dataset)} samples to train on and a batch takes {batch_size}{of}; give more photographs, "
            "more draws, or a smaller batch"
        )
    return loader


def described(dataset: Training) -> dict[str, Any]:
    """Return a description of a dataset, as plain values, for the card of the weights."""
    if isinstance(dataset, TripletDataset):
        said: dict[str, Any] = {"source": dataset.source.description}
        if dataset.settings.has_bank:
            said["looks"] = list(dataset.bank.names)
    else:
        said = dict(dataset.description)
    if "source" in said:
        source = said["source"] = dict(said["source"])
        for name in ("spec", "masks"):  # paths on this machine are private, and weights may be published
            if source.get(name) and os.path.exists(str(source[name])):
                source[name] = Path(str(source[name])).name
    return said | {"samples": len(dataset)}


def fingerprint_of(dataset: Training) -> str:
    """Return a hash of the list of photographs of a dataset; empty if its description alone identifies the data."""
    triplets = dataset.triplets if isinstance(dataset, Scenes) else dataset
    return triplets.source.fingerprint if isinstance(triplets, TripletDataset) else ""


_SAID: dict[Form, str] = {"photographs": "photographs", "store": "a store", "iharmony4": "iHarmony4"}
