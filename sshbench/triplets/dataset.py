"""`TripletDataset`: triplets that are rendered while a network trains, with new recipes in each epoch.

The recipe of a sample is a pure function of (seed, row, draw), and each epoch takes the draws after those of the epoch
before. A stopped run therefore needs no state of the data to continue, and epoch 0 equals the output of
`sshbench generate-triplets` with the same settings.

This module does not import torch; the parts that need torch are in `sshbench.triplets.loader`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from copy import copy
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError
from sshbench.lut.bank import LutBank
from sshbench.triplets.luts import Places, bank_of, open_bank
from sshbench.triplets.recipe import Recipe, make_recipe
from sshbench.triplets.render import RenderedComposite, render, render_crops
from sshbench.triplets.settings import Settings
from sshbench.triplets.source import Partners, Photo, SkippedImage, SkippedWarning, Source
from sshbench.triplets.sources import open_source

Pixels = NDArray[np.uint8]
Unreadable = Literal["replace", "raise"]
Deliver = Literal["views", "crops"]
Sample = dict[str, Any]

VIEWS = ("content_alpha", "content_beta", "reference_alpha", "reference_beta")
COMPOSITE = ("composite", "mask", "real")
RECIPE = ("row", "draw", "alpha", "beta", "alpha_strength", "beta_strength")
_TRIES = 100


class SameDrawsWarning(UserWarning):
    """An epoch is repeated with the same samples."""


class TripletDataset:
    """Triplets (or composites) that are rendered on demand.

    This is a map-style dataset for `TripletLoader`, torch's `DataLoader` or a plain loop.

    `dataset[i]` is sample i of the epoch that `set_epoch` chose, and `dataset[e, i]` is sample i of epoch e. The
    dataset can be pickled, so workers may be forked or spawned. `sshbench.triplets.loader.TripletLoader` shuffles the
    samples, divides them over ranks, resumes a stopped run, and draws new recipes in every epoch.

    torch's `DataLoader` by itself asks for the same `dataset[i]` in every epoch, and would give the same draws again
    and again. It is therefore refused until one of two choices is made: `batch_sampler=TripletSampler(len(dataset),
    ...)` for new draws, or `set_epoch` before each epoch (once, for samples that should stay the same, as in
    validation).

    Parameters
    ----------
    source
        A value of `sshbench generate-triplets --source` (`sample`, a folder, a dataset id), or an open `Source`.
    luts
        Places for `sshbench.triplets.luts.open_bank`, or a `LutBank`. The default is the looks that ship with sshbench,
        or the computed looks of the appearances `"grades"` and `"ladders"`.
    settings
        The settings of the samples; by default the paper's settings.
    deliver
        `"views"` renders the four views. `"crops"` returns the crops without LUTs; `views_of` then applies the LUTs to
        a whole batch at once, on a CPU or a GPU.
    unreadable
        The reaction to a photograph that cannot be used. `"replace"` warns and returns the sample of the next usable
        row, so that batches keep their size and ranks stay in step; `"raise"` raises `SkippedImage`.

    Raises
    ------
    SshbenchError
        A source or LUT folder cannot be used, or the settings contradict each other.

    Examples
    --------
    >>> import sshbench
    >>> from sshbench.triplets import Settings
    >>> dataset = sshbench.TripletDataset("sample", settings=Settings(crop=64))
    >>> dataset
    <TripletDataset of 12 triplets, epoch 0>
    >>> dataset[0]["content_alpha"].shape
    (64, 64, 3)
    >>> dataset.set_epoch(1)  # other crops and other looks of the same photographs
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Source = "sample",
        luts: Places | LutBank | None = None,
        settings: Settings | None = None,
        *,
        deliver: Deliver = "views",
        unreadable: Unreadable = "replace",
    ) -> None:
        self.source = open_source(os.fspath(source)) if isinstance(source, str | os.PathLike) else source
        self.settings = settings or Settings()
        if not isinstance(luts, LutBank):
            luts = bank_of(self.settings.appearance, luts) or open_bank()
        self.bank = luts
        if deliver == "crops" and not self.can_deliver_crops:
            raise SshbenchError(
                'deliver="crops" leaves the LUTs to the batch, so it needs kind "triplets" and an appearance of LUTs; '
                'use deliver="views"'
            )
        self.deliver = deliver
        self.unreadable = unreadable
        self.epoch = 0
        self._chosen = False  # whether set_epoch was called
        self._asked = 0  # samples requested by number since the last set_epoch

    def __repr__(self) -> str:
        return f"<TripletDataset of {len(self)} {self.settings.kind}, epoch {self.epoch}>"

    def __len__(self) -> int:
        return len(self.source) * self.settings.draws

    @property
    def can_deliver_crops(self) -> bool:
        """Whether LUTs make the views. LUTs can be applied to a whole batch of crops at once."""
        return self.settings.kind == "triplets" and self.settings.has_bank

    def delivering(self, deliver: Deliver) -> TripletDataset:
        """Return the same dataset with another `deliver`."""
        other = copy(self)
        other.deliver = deliver
        return other

    def __getstate__(self) -> dict[str, Any]:
        # The tables that the bank has prepared for kernels and devices are not sent to other processes.
        return self.__dict__ | {"bank": LutBank(self.bank.values, self.bank.names, self.bank.errors)}

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of `dataset[i]`. Running workers keep their epoch; `dataset[e, i]` works in all of them."""
        self.epoch, self._chosen, self._asked = epoch, True, 0

    def recipe(self, i: int, epoch: int | None = None) -> Recipe:
        """Return the recipe of sample `i`: photograph i // draws of the source, draw i % draws of the epoch."""
        if not -len(self) <= i < len(self):
            raise IndexError(f"sample {i} of {len(self)}")
        row, draw = divmod(i % len(self), self.settings.draws)
        draw += (self.epoch if epoch is None else epoch) * self.settings.draws
        return make_recipe(self.settings, self.source.row_id(row), draw, len(self.bank))

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        """Return one sample: uint8 sRGB images `[crop, crop, 3]`, and the recipe's `row`, `draw`, LUTs and strengths.

        The images are `content_alpha`, `content_beta`, `reference_alpha` and `reference_beta`; with `deliver="crops"`,
        `content` and `reference`; for composites, `composite`, `mask` `[crop, crop]` and `real`.
        """
        epoch, i = key if isinstance(key, tuple) else (self.epoch, key)
        first = self.recipe(i, epoch)  # raises IndexError
        if self.unreadable == "raise":
            return self.render(first)
        return first_usable(lambda k: self.render(self.recipe(k, epoch)), i, self.settings.draws, len(self))

    def __getitems__(self, keys: Sequence[int | tuple[int, int]]) -> list[Sample]:
        """Return the samples of a batch; torch's `DataLoader` calls this method.

        Raises
        ------
        SshbenchError
            The keys are sample numbers without an epoch, and `set_epoch` was never called.
        """
        numbers = sum(not isinstance(key, tuple) for key in keys)
        if numbers and not self._chosen:
            raise SshbenchError(
                "a plain DataLoader would give the same draws in every epoch: use TripletLoader(dataset, batch_size), "
                "or give the DataLoader batch_sampler=TripletSampler(len(dataset), batch_size), or call "
                "dataset.set_epoch(epoch) before each epoch"
            )
        self._asked += numbers
        if self._asked > len(self) and self._asked - numbers <= len(self):
            warnings.warn(
                f"samples of epoch {self.epoch} are asked for again, with the same draws: call dataset.set_epoch "
                "before each epoch; persistent workers do not notice the call, so give them "
                "batch_sampler=TripletSampler(...)",
                SameDrawsWarning,
                stacklevel=2,
            )
        return [self[key] for key in keys]

    def render(self, recipe: Recipe, photo: Photo | None = None) -> Sample:
        """Return the sample of one recipe.

        The photograph is `photo` if it is given (streams give their photographs in order), or else `recipe.row`.

        Raises
        ------
        SkippedImage
            The photograph cannot be used.
        """

        def read(row: str) -> Pixels:
            if photo is not None and row == photo.row:
                return photo.read(self.settings.short_side)
            return self.source.read(self.source.index(row), self.settings.short_side)

        def read_mask(row: str) -> Pixels | None:
            if photo is not None:
                return photo.read_mask(self.settings.short_side)
            return self.source.read_mask(self.source.index(row), self.settings.short_side)

        if self.deliver == "crops":
            content, reference = render_crops(recipe, self.settings, read)
            images = {"content": content, "reference": reference}
        else:
            rendered = render(recipe, self.settings, read, self.bank, read_mask=read_mask, partners=self._partners)
            names = COMPOSITE if isinstance(rendered, RenderedComposite) else VIEWS
            images = {name: getattr(rendered, name) for name in names}
        return images | {name: getattr(recipe, name) for name in RECIPE}

    @cached_property
    def _partners(self) -> Partners | None:
        if self.settings.appearance != "color-transfer":
            return None
        return Partners([self.source.row_id(i) for i in range(len(self.source))])


def first_usable(render: Callable[[int], Sample], i: int, step: int, count: int) -> Sample:
    """Return sample `i` of `count`, or else the next usable sample in steps of `step`.

    Raises
    ------
    SshbenchError
        A hundred consecutive samples cannot be used.
    """
    reasons = []
    for tried in range(_TRIES):
        try:
            return render((i + tried * step) % count)
        except SkippedImage as skipped:
            warnings.warn(f"{skipped}; the next photograph takes its place", SkippedWarning, stacklevel=3)
            reasons.append(str(skipped))
    raise SshbenchError(f"{_TRIES} photographs in a row cannot be used, the first because {reasons[0]}")


def collate(samples: Sequence[Sample]) -> dict[str, Any]:
    """Return samples as one batch of torch tensors.

    Images are uint8 `[B, crop, crop, 3]`, LUT indices and draws are int64 `[B]`, and strengths are float32 `[B]`. The
    row ids are a list of strings.
    """
    import torch

    batch: dict[str, Any] = {}
    for name, first in samples[0].items():
        values = [sample[name] for sample in samples]
        if isinstance(first, str):
            batch[name] = values
        elif isinstance(first, np.ndarray):
            batch[name] = torch.from_numpy(np.stack(values))
        else:
            batch[name] = torch.tensor(values, dtype=torch.float32 if isinstance(first, float) else torch.int64)
    return batch
