"""`TripletStream`: shares of workers and ranks are the epoch, and each goes on where it stopped."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from torch.utils.data import DataLoader

from sshbench.errors import SshbenchError
from sshbench.lut.bank import LutBank
from sshbench.lut.looks import LOOKS
from sshbench.triplets.dataset import TripletDataset, collate
from sshbench.triplets.settings import Settings
from sshbench.triplets.stream import TripletStream
from tests.triplets.memory_source import MemorySource

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create", "ignore:'set_vital'")

Key = tuple[str, int]


@pytest.fixture(scope="module")
def bank() -> LutBank:
    return LutBank.from_luts([look.lut() for look in LOOKS[:6]], size=17)


@pytest.fixture(params=[False, True], ids=["rows", "streaming"])
def dataset(bank: LutBank, request: pytest.FixtureRequest) -> TripletDataset:
    settings = Settings(seed=5, draws=2, crop=32, scale=(36, 48))
    return TripletDataset(MemorySource(13, streaming=request.param), bank, settings)


EPOCH = [(f"{i:04d}", draw) for i in range(13) for draw in range(2)]


def keys(samples: Any) -> list[Key]:
    return [(sample["row"], sample["draw"]) for sample in samples]


def batches(loader: Any) -> list[list[Key]]:
    return [list(zip(batch["row"], batch["draw"].tolist(), strict=True)) for batch in loader]


def loader(stream: TripletStream, workers: int, size: int = 3, **options: Any) -> DataLoader[Any]:
    return DataLoader(stream, size, num_workers=workers, collate_fn=collate, **options)


@pytest.mark.parametrize("world", [1, 3])
@pytest.mark.parametrize("workers", [0, 2, 3])
def test_shares_are_the_epoch(dataset: TripletDataset, world: int, workers: int) -> None:
    streams = [TripletStream(dataset, rank=rank, world_size=world) for rank in range(world)]
    taken = [key for stream in streams for batch in batches(loader(stream, workers)) for key in batch]
    assert Counter(taken) == Counter(EPOCH)


def test_batches_are_the_same_for_any_number_of_workers(dataset: TripletDataset) -> None:
    stream = TripletStream(dataset, batch_size=3)
    alone = batches(loader(stream, 0))
    assert [len(batch) for batch in alone] == [3] * 8 + [2]
    assert batches(loader(stream, 2)) == alone
    assert batches(loader(stream, 4)) == alone


def test_order_is_shuffled_where_rows_can_be_reached(dataset: TripletDataset) -> None:
    taken = keys(TripletStream(dataset))
    assert (taken == EPOCH) == dataset.source.streaming


def test_workers_that_persist_hear_of_the_epoch(dataset: TripletDataset) -> None:
    stream = TripletStream(dataset)
    persistent = loader(stream, 2, persistent_workers=True)
    for epoch in (0, 1, 5):
        stream.set_epoch(epoch)
        taken = [key for batch in batches(persistent) for key in batch]
        assert Counter(taken) == Counter((row, draw + 2 * epoch) for row, draw in EPOCH)


@pytest.mark.parametrize("stop", [0, 1, 7, 26])
@pytest.mark.parametrize("world", [1, 2])
def test_one_process_goes_on_where_it_stopped(dataset: TripletDataset, stop: int, world: int) -> None:
    first, undisturbed = (TripletStream(dataset, rank=0, world_size=world) for _ in range(2))
    for stream in (first, undisturbed):
        stream.set_epoch(3)
    whole = keys(undisturbed)
    samples = iter(first)
    begun = keys(sample for _, sample in zip(range(stop), samples, strict=False))
    second = TripletStream(dataset, rank=0, world_size=world)
    second.load_state_dict(first.state_dict())
    assert begun + keys(second) == whole
    second.set_epoch(4)
    assert len(keys(second)) == len(whole)


def test_a_state_in_one_process_can_go_on_in_workers(dataset: TripletDataset) -> None:
    first = TripletStream(dataset, batch_size=3)
    samples = iter(first)
    begun = [next(samples) for _ in range(6)]
    second = TripletStream(dataset, batch_size=3)
    second.load_state_dict(first.state_dict())
    rest = [key for batch in batches(loader(second, 2)) for key in batch]
    assert Counter(keys(begun) + rest) == Counter(EPOCH)


@pytest.mark.parametrize("stop", [1, 4, 8])
def test_torchdata_restores_each_worker(dataset: TripletDataset, stop: int) -> None:
    stateful = pytest.importorskip("torchdata.stateful_dataloader", reason="torchdata is not installed")

    def make() -> Any:
        stream = TripletStream(dataset, batch_size=3)
        return stateful.StatefulDataLoader(stream, 3, num_workers=2, collate_fn=collate)

    whole = batches(make())
    first = make()
    iterator = iter(first)
    for _ in range(stop):
        next(iterator)
    second = make()
    second.load_state_dict(first.state_dict())
    assert batches(second) == whole[stop:]


def test_a_worker_s_state_is_not_another_s(dataset: TripletDataset) -> None:
    stream = TripletStream(dataset)
    stream.load_state_dict({"epoch": 0, "consumed": 0, "taken": 4, "worker": 1, "workers": 2})
    with pytest.raises(SshbenchError, match="worker 1 of 2"):
        next(iter(stream))


def test_a_broken_photograph_of_a_stream_is_left_out(bank: LutBank) -> None:
    settings = Settings(crop=32, scale=(36, 48))
    dataset = TripletDataset(MemorySource(5, broken=(2,), streaming=True), bank, settings)
    with pytest.warns(RuntimeWarning, match="0002: is broken; it is left out"):
        assert [row for row, _ in keys(TripletStream(dataset))] == ["0000", "0001", "0003", "0004"]
