"""`TripletStream`: the iterable form of `TripletDataset`, also for sources that can only be read in order."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch.utils.data import IterableDataset, get_worker_info

from sshbench.errors import SshbenchError
from sshbench.triplets.dataset import Sample, TripletDataset
from sshbench.triplets.loader import TripletSampler
from sshbench.triplets.recipe import make_recipe
from sshbench.triplets.source import Photo, SkippedImage, SkippedWarning


class TripletStream(IterableDataset[Sample]):
    """An iterable dataset of samples. Each worker of each rank yields its own share of the epoch.

    Call `set_epoch` before each epoch; the call also reaches persistent workers. `state_dict` returns the position of
    the process that calls it; torchdata's `StatefulDataLoader` calls it in each worker.

    Parameters
    ----------
    dataset
        The dataset of the samples. In a streaming source, a share skips the photographs of other shares without
        decoding them, and leaves out photographs that cannot be used.
    batch_size
        The batch size of the `DataLoader`. Workers then take whole batches in turn, so that the number of workers does
        not change the batches (if no photograph is left out).
    shuffle, seed, rank, world_size
        The arguments of `TripletSampler`. A streaming source keeps its order.

    Raises
    ------
    SshbenchError
        The state belongs to another worker, or photographs cannot be used.

    Examples
    --------
    >>> from torch.utils.data import DataLoader
    >>> from sshbench.triplets import Settings, TripletDataset, TripletStream
    >>> stream = TripletStream(TripletDataset("sample", settings=Settings(crop=64)), batch_size=4)
    >>> stream.set_epoch(1)
    >>> next(iter(DataLoader(stream, batch_size=4)))["content_alpha"].shape
    torch.Size([4, 64, 64, 3])
    """

    def __init__(
        self,
        dataset: TripletDataset,
        *,
        batch_size: int = 1,
        shuffle: bool = True,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        self.dataset = dataset
        in_order = dataset.source.streaming
        self._sampler = TripletSampler(
            sys.maxsize if in_order else len(dataset),
            batch_size,
            shuffle=shuffle and not in_order,
            seed=seed,
            rank=rank,
            world_size=world_size,
        )
        self._epoch = torch.zeros(1, dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]  # running workers read it
        self._state = self._beginning()  # the position of the process that iterates
        self._resumed = False  # whether the next iteration continues from this position

    def __repr__(self) -> str:
        return f"<TripletStream over {self.dataset!r}>"

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self._epoch[0] = epoch
        self._state, self._resumed = self._beginning(), False

    def __iter__(self) -> Iterator[Sample]:
        info = get_worker_info()
        share = (0, 1) if info is None else (info.id, info.num_workers)
        state = self._state if self._resumed and self._state["epoch"] == int(self._epoch[0]) else self._beginning()
        self._resumed = False
        if state["taken"] and share != (state["worker"], state["workers"]):
            raise SshbenchError(
                f"this state is that of worker {state['worker']} of {state['workers']}; continue with the same number "
                f"of workers"
            )
        state = self._state = state | {"worker": share[0], "workers": share[1]}
        renderers = self._photos(state, *share) if self.dataset.source.streaming else self._rows(state, *share)
        for renderer in renderers:
            state["taken"] += 1
            sample = renderer()
            if sample is not None:
                yield sample

    def state_dict(self) -> dict[str, int]:
        """Return the position in the epoch of the process that iterates."""
        state = dict(self._state)
        if state["workers"] == 1:  # the ranks together have consumed a beginning of the epoch
            state["consumed"] = min(self._sampler.count, state["consumed"] + state["taken"] * self._sampler.world_size)
            state["taken"] = 0
        return state

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue from `state` at the next iteration.

        With several workers, the state of a worker must be loaded in the same worker.
        """
        self._epoch[0] = state["epoch"]
        self._state, self._resumed = dict(state), True

    def _beginning(self) -> dict[str, int]:
        return {"epoch": int(self._epoch[0]), "consumed": 0, "taken": 0, "worker": 0, "workers": 1}

    def _rows(self, state: dict[str, int], worker: int, workers: int) -> Iterator[Callable[[], Sample | None]]:
        sampler, consumed = self._sampler, state["consumed"]
        whole, within = divmod(state["taken"], sampler.batch_size)
        for number in range(worker + whole * workers, sampler.batches(consumed), workers):
            for key in sampler.batch(number, state["epoch"], consumed)[within:]:
                yield partial(self.dataset.__getitem__, key)
            within = 0

    def _photos(self, state: dict[str, int], worker: int, workers: int) -> Iterator[Callable[[], Sample | None]]:
        sampler, draws, first, taken = self._sampler, self.dataset.settings.draws, state["consumed"], state["taken"]
        for number, photo in enumerate(self.dataset.source.photos(first // draws), first // draws):
            for draw in range(draws):
                place = number * draws + draw - first
                mine, other = divmod(place - sampler.rank, sampler.world_size)
                if place < 0 or other or mine // sampler.batch_size % workers != worker:
                    continue
                if taken:
                    taken -= 1
                else:
                    yield partial(self._streamed, photo, state["epoch"] * draws + draw)

    def _streamed(self, photo: Photo, draw: int) -> Sample | None:
        recipe = make_recipe(self.dataset.settings, photo.row, draw, len(self.dataset.bank))
        try:
            return self.dataset.render(recipe, photo)
        except SkippedImage as skipped:
            if self.dataset.unreadable == "raise":
                raise
            warnings.warn(f"{skipped}; it is left out", SkippedWarning, stacklevel=2)
            return None
