"""Batches of triplets for torch: `TripletLoader`, its `TripletSampler`, and `views_of`.

An epoch is a list of places that is computed and never stored. Rank r of R takes the places r, r + R, r + 2 R and so
on. The places that all ranks have consumed therefore always form the beginning of the list. A checkpoint holds only the
length of this beginning. A run may continue with another number of ranks, workers or samples per batch, and neither
repeats nor loses a sample.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.util import Finalize
from typing import Any, Literal, Protocol, Self

import numpy as np
import torch
from torch.utils.data import Sampler

from sshbench.errors import SshbenchError
from sshbench.lut.apply import apply_lut_normalized
from sshbench.lut.bank import LutBank
from sshbench.triplets.data_workers import PatientLoader
from sshbench.triplets.dataset import VIEWS, TripletDataset
from sshbench.triplets.order import shuffled

Batch = dict[str, Any]


class SampleSettings(Protocol):
    """The settings that determine the samples of a dataset; a loader's state keeps them."""

    def to_json(self) -> str:
        """Return the settings as JSON."""
        ...

    @classmethod
    def from_json(cls, text: str, /) -> Self:
        """Return the settings that `to_json` wrote."""
        ...

    def differences(self, other: Any, /) -> list[str]:
        """Return the differences from other settings, each as one text; empty if the settings are equal."""
        ...


class Samples(Protocol):
    """A dataset that `TripletLoader` accepts: samples by (epoch, number), and their settings."""

    @property
    def settings(self) -> SampleSettings:
        """The settings of the samples."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, key: tuple[int, int], /) -> dict[str, Any]: ...


class TripletSampler(Sampler[list[tuple[int, int]]]):
    """The batches of one rank as lists of (epoch, sample): a `batch_sampler` of torch's for a `TripletDataset`.

    Parameters
    ----------
    count
        The number of samples in an epoch, `len(dataset)`.
    batch_size
        The number of samples in a batch, on each rank.
    shuffle
        Whether each epoch has its own random order, drawn from `seed` and the epoch.
    rank, world_size
        The number of this process and the number of processes; by default those of `torch.distributed`, or else of
        torchrun's environment.
    drop_last
        Whether to leave out the samples that do not fill a batch on every rank, so that all ranks have the same number
        of batches. Otherwise every sample occurs exactly once, and ranks may differ by one batch.

    Raises
    ------
    SshbenchError
        The batch has less than one sample, or the rank is outside the world.

    Examples
    --------
    >>> from torch.utils.data import DataLoader
    >>> from sshbench.triplets import Settings, TripletDataset, TripletSampler
    >>> dataset = TripletDataset("sample", settings=Settings(crop=64))
    >>> sampler = TripletSampler(len(dataset), batch_size=4)
    >>> loader = DataLoader(dataset, batch_sampler=sampler)
    >>> for epoch in range(2):
    ...     sampler.set_epoch(epoch)
    ...     count = sum(len(batch["row"]) for batch in loader)
    >>> count
    12
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        *,
        shuffle: bool = True,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        drop_last: bool = False,
    ) -> None:
        if batch_size < 1:
            raise SshbenchError(f"batch_size must be at least 1, not {batch_size}")
        here, there = _distributed()
        self.rank = here if rank is None else rank
        self.world_size = there if world_size is None else world_size
        if not 0 <= self.rank < self.world_size:
            raise SshbenchError(
                f"rank {self.rank} is outside 0..{self.world_size - 1}; give rank and world_size together"
            )
        self.count, self.batch_size, self.shuffle, self.seed = count, batch_size, shuffle, seed
        self.drop_last = drop_last
        self.epoch = 0
        self.consumed = 0

    def set_epoch(self, epoch: int) -> None:
        """Start epoch `epoch`."""
        self.epoch, self.consumed = epoch, 0

    def __len__(self) -> int:
        """Return the number of remaining batches of this epoch."""
        return self.batches(self.consumed)

    def batches(self, consumed: int) -> int:
        """Return the number of batches of this rank after all ranks have consumed `consumed` samples of the epoch."""
        left = self.count - consumed
        if self.drop_last:
            return left // (self.batch_size * self.world_size)
        mine = max(0, left - self.rank + self.world_size - 1) // self.world_size
        return -(-mine // self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        epoch, consumed = self.epoch, self.consumed
        for number in range(len(self)):
            yield self.batch(number, epoch, consumed)

    def batch(self, number: int, epoch: int, consumed: int) -> list[tuple[int, int]]:
        """Return batch `number` of this rank, counted from 0 after all ranks have consumed `consumed` samples."""
        first = consumed + self.rank + number * self.batch_size * self.world_size
        places = first + self.world_size * np.arange(self.batch_size)
        places = places[places < self.count]
        samples = shuffled(places, self.count, self.seed, epoch) if self.shuffle else places
        return [(epoch, int(i)) for i in samples]

    def state_dict(self) -> dict[str, Any]:
        """Return the position of the run: the epoch, and the number of its samples that all ranks have consumed."""
        names = ("count", "shuffle", "seed", "epoch", "consumed")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state`.

        Raises
        ------
        SshbenchError
            The state belongs to another number of samples, another order or another seed.
        """
        for name in ("count", "shuffle", "seed"):
            if state[name] != getattr(self, name):
                raise SshbenchError(
                    f"this state belongs to a run with {name} {state[name]}, and this one has {getattr(self, name)}; "
                    f"the remaining samples are unknown"
                )
        self.epoch, self.consumed = state["epoch"], state["consumed"]


class TripletLoader:
    """Batches for training; each iteration yields the rest of an epoch and then moves on to the next epoch.

    A batch is a dict of tensors on `device`. With `normalize` (the default), triplets have `content_alpha`,
    `content_beta`, `reference_alpha` and `reference_beta`, each `[B, 3, crop, crop]`; composites have `composite` and
    `real` `[B, 3, crop, crop]`, and `mask` `[B, 1, crop, crop]` over 0..1. A batch also holds the recipes' `row`,
    `draw`, `alpha`, `beta`, `alpha_strength` and `beta_strength`.

    Parameters
    ----------
    dataset
        A `TripletDataset`, a store, or other `Samples`. For triplets with LUTs, workers deliver only crops
        (`deliver="crops"`) if a GPU can apply the LUTs.
    workers
        The number of processes that read and crop, each with one thread; 0 uses this process. The number does not
        change the batches.
    device
        The device of the batches; a GPU also applies the LUTs.
    normalize
        Whether to normalise images by `mean` and `std`; False leaves them as uint8 `[B, crop, crop, 3]`.
    mean, std, dtype
        The arguments of `sshbench.lut.apply.apply_lut_normalized`.
    start_method
        `"fork"`, `"spawn"` or `"forkserver"`; by default the start method of the platform.
    prefetch
        The number of batches that a worker prepares ahead.
    sampler_options
        `shuffle`, `seed`, `rank`, `world_size` and `drop_last` of `TripletSampler`.

    Raises
    ------
    SshbenchError
        The batch has less than one sample, the rank is outside the world, or photographs cannot be used.
    WorkersError
        A worker process has died; the next request for a batch starts new workers.

    Examples
    --------
    >>> import sshbench
    >>> from sshbench.triplets import Settings
    >>> dataset = sshbench.TripletDataset("sample", settings=Settings(crop=64))
    >>> loader = sshbench.TripletLoader(dataset, batch_size=4, drop_last=True)
    >>> loader
    <TripletLoader of 3 batches of 4, epoch 0>
    >>> for batch in loader:  # one epoch; the next loop is another epoch with new draws
    ...     content, target = batch["content_alpha"], batch["content_beta"]
    >>> content.shape, loader.epoch
    (torch.Size([4, 3, 64, 64]), 1)
    """

    def __init__(
        self,
        dataset: Samples,
        batch_size: int,
        *,
        workers: int = 0,
        device: torch.device | str = "cpu",
        normalize: bool = True,
        mean: Sequence[float] = (0.5, 0.5, 0.5),
        std: Sequence[float] = (0.5, 0.5, 0.5),
        dtype: Literal["float16", "bfloat16", "float32"] = "float32",
        start_method: str | None = None,
        prefetch: int = 2,
        **sampler_options: Any,
    ) -> None:
        self.device, self.normalize = torch.device(device), normalize
        if (
            normalize
            and self.device.type != "cpu"
            and isinstance(dataset, TripletDataset)
            and dataset.can_deliver_crops
        ):
            dataset = dataset.delivering("crops")
        self.dataset = dataset
        self.sampler = TripletSampler(len(dataset), batch_size, **sampler_options)
        self._format: dict[str, Any] = {"mean": mean, "std": std, "dtype": dtype}
        self._loader = PatientLoader(
            dataset,
            batch_sampler=self.sampler,
            num_workers=workers,
            pin_memory=self.device.type == "cuda",
            multiprocessing_context=start_method if workers else None,
            prefetch_factor=prefetch if workers else None,
            persistent_workers=workers > 0,
        )
        # The workers are ended with this loader, or at exit before Python terminates its children: workers ignore that.
        Finalize(self, PatientLoader.end_workers, (self._loader,), exitpriority=0)

    def __repr__(self) -> str:
        return f"<TripletLoader of {len(self)} batches of {self.sampler.batch_size}, epoch {self.epoch}>"

    @property
    def while_waiting(self) -> Callable[[], None]:
        """A function that is called a few times a second while a batch is prepared; its exception ends the waiting."""
        return self._loader.while_waiting

    @while_waiting.setter
    def while_waiting(self, call: Callable[[], None]) -> None:
        self._loader.while_waiting = call

    def __len__(self) -> int:
        """Return the number of remaining batches of this epoch on this rank."""
        return len(self.sampler)

    @property
    def epoch(self) -> int:
        """The epoch of the next batch."""
        return self.sampler.epoch

    def set_epoch(self, epoch: int) -> None:
        """Start epoch `epoch`."""
        self.sampler.set_epoch(epoch)

    def __iter__(self) -> Iterator[Batch]:
        sampler = self.sampler
        for batch in self._loader:
            sampler.consumed = min(sampler.count, sampler.consumed + sampler.batch_size * sampler.world_size)
            yield self._finished(batch)
        sampler.set_epoch(sampler.epoch + 1)

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint. It counts delivered batches, and not the batches prepared ahead."""
        return self.sampler.state_dict() | {"settings": self.dataset.settings.to_json()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue after the last batch that was delivered before `state` was taken.

        The number of ranks and of workers may differ from the run that saved the state.

        Raises
        ------
        SshbenchError
            The state belongs to other settings, another order or another number of samples.
        """
        settings = self.dataset.settings
        differences = type(settings).from_json(state["settings"]).differences(settings)
        if differences:
            raise SshbenchError(f"this state belongs to other settings ({'; '.join(differences)})")
        self.sampler.load_state_dict(state)

    def _finished(self, batch: Batch) -> Batch:
        if self.normalize and isinstance(self.dataset, TripletDataset) and self.dataset.deliver == "crops":
            views = views_of(batch, self.dataset.bank, device=self.device, **self._format)
            return {name: value for name, value in batch.items() if name not in ("content", "reference")} | views
        images = {name: value.to(self.device, non_blocking=True) for name, value in batch.items() if is_image(value)}
        if self.normalize:
            images = {name: normalized(image, **self._format) for name, image in images.items()}
        return batch | images


def is_image(value: Any) -> bool:
    """Return whether an entry of a batch holds images or masks."""
    return isinstance(value, torch.Tensor) and value.dtype == torch.uint8


def normalized(
    images: torch.Tensor,
    *,
    mean: Sequence[float] = (0.5, 0.5, 0.5),
    std: Sequence[float] = (0.5, 0.5, 0.5),
    dtype: Literal["float16", "bfloat16", "float32"] = "float32",
) -> torch.Tensor:
    """Return uint8 images `[B, H, W, 3]` as normalised floats `[B, 3, H, W]`: (v / 255 - mean) / std.

    Masks `[B, H, W]` become `[B, 1, H, W]` over 0..1. `mean`, `std` and `dtype` have the same meaning as for
    `sshbench.lut.apply.apply_lut_normalized`.
    """
    values = images.float() / 255
    if images.ndim == 3:
        return values.unsqueeze(1).to(getattr(torch, dtype))
    values = (values - values.new_tensor(mean)) / values.new_tensor(std)
    return values.permute(0, 3, 1, 2).to(getattr(torch, dtype), memory_format=torch.contiguous_format)


def views_of(
    batch: Batch,
    bank: LutBank,
    *,
    device: torch.device | str | None = None,
    mean: Sequence[float] = (0.5, 0.5, 0.5),
    std: Sequence[float] = (0.5, 0.5, 0.5),
    dtype: Literal["float16", "bfloat16", "float32"] = "float32",
) -> dict[str, torch.Tensor]:
    """Return the four normalised views of a batch of crops, made by one call of the LUT kernels.

    Parameters
    ----------
    batch
        A collated batch of `TripletDataset(deliver="crops")`: `content` and `reference` uint8 `[B, crop, crop, 3]`, and
        `alpha`, `beta`, `alpha_strength`, `beta_strength` `[B]`.
    bank
        The bank for which the recipes were drawn.
    device
        The device to compute on; by default the device of the crops.
    mean, std, dtype
        The arguments of `sshbench.lut.apply.apply_lut_normalized`.

    Returns
    -------
    dict
        `content_alpha`, `content_beta`, `reference_alpha` and `reference_beta`, each `[B, 3, crop, crop]`. They are not
        rounded to 8 bits, and so differ from normalised uint8 views by at most half an 8-bit step.
    """
    target = batch["content"].device if device is None else torch.device(device)
    content, reference = (batch[name].to(target, non_blocking=True) for name in ("content", "reference"))
    images = torch.cat([content, content, reference, reference])
    index = torch.cat([batch["alpha"], batch["beta"]]).repeat(2)
    strength = torch.cat([batch["alpha_strength"], batch["beta_strength"]]).repeat(2)
    out = apply_lut_normalized(
        images, bank, index, strength=1.0 if bool((strength == 1).all()) else strength, mean=mean, std=std,
        dtype=dtype, layout="HWC",
    )  # fmt: skip
    return dict(zip(VIEWS, out.chunk(4), strict=True))


def _distributed() -> tuple[int, int]:
    """Return the rank and the number of processes, from torch.distributed or torchrun; 0 and 1 without either."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
        return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    return 0, 1
