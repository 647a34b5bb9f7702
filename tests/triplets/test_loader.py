"""`TripletSampler`, `TripletLoader`, `views_of`: who gets which sample, in what form, and what is left after a stop."""

from __future__ import annotations

import gc
import json
import multiprocessing
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sshbench import apply_lut
from sshbench.errors import SshbenchError
from sshbench.lut.apply import apply_lut_normalized
from sshbench.lut.bank import LutBank
from sshbench.lut.looks import LOOKS
from sshbench.triplets.dataset import VIEWS, TripletDataset, collate
from sshbench.triplets.loader import TripletLoader, TripletSampler, views_of
from sshbench.triplets.settings import Settings
from tests.triplets.memory_source import MemorySource

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

SETTINGS = Settings(seed=5, crop=32, scale=(36, 48), strength=(0.5, 1.0))


@pytest.fixture(scope="module")
def bank() -> LutBank:
    return LutBank.from_luts([look.lut() for look in LOOKS[:6]], size=17)


@pytest.fixture(scope="module")
def dataset(bank: LutBank) -> TripletDataset:
    return TripletDataset(MemorySource(23), bank, SETTINGS)


def identity(batch: dict[str, Any]) -> list[tuple[str, int]]:
    return list(zip(batch["row"], batch["draw"].tolist(), strict=True))


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(
        torch.equal(a[k], b[k]) if isinstance(a[k], torch.Tensor) else a[k] == b[k] for k in a
    )


# --- who gets which sample --------------------------------------------------------------------------------------------

SAMPLERS = {
    "count": st.integers(1, 300), "size": st.integers(1, 9), "world": st.integers(1, 7), "shuffle": st.booleans(),
}  # fmt: skip


@settings(deadline=None)
@given(**SAMPLERS, drop=st.booleans())
def test_ranks_share_an_epoch_without_overlap_or_loss(
    count: int, size: int, world: int, shuffle: bool, drop: bool
) -> None:
    ranks = [
        TripletSampler(count, size, shuffle=shuffle, rank=rank, world_size=world, drop_last=drop)
        for rank in range(world)
    ]
    batches = [list(sampler) for sampler in ranks]
    assert [len(sampler) for sampler in ranks] == [len(each) for each in batches]
    taken = Counter(i for each in batches for batch in each for _, i in batch)
    if drop:
        assert {len(each) for each in batches} == {count // (size * world)}
        assert {len(batch) for each in batches for batch in each} <= {size}
        assert len(taken) == count // (size * world) * size * world
        assert set(taken.values()) <= {1}
    else:
        assert taken == Counter(range(count))
        assert max(map(len, batches)) - min(map(len, batches)) <= 1


@settings(deadline=None)
@given(**SAMPLERS, stop=st.integers(0, 40), later=st.integers(1, 7), later_size=st.integers(1, 9))
def test_what_is_left_after_a_stop_can_go_to_other_ranks(
    count: int, size: int, world: int, shuffle: bool, stop: int, later: int, later_size: int
) -> None:
    """All ranks stop after the same number of batches; others go on, in other batches."""
    before = [TripletSampler(count, size, shuffle=shuffle, rank=rank, world_size=world) for rank in range(world)]
    taken = [key for sampler in before for batch in list(sampler)[:stop] for key in batch]
    state = before[0].state_dict() | {"consumed": min(count, stop * size * world)}
    after = [TripletSampler(count, later_size, shuffle=shuffle, rank=rank, world_size=later) for rank in range(later)]
    for sampler in after:
        sampler.load_state_dict(state)
    left = [key for sampler in after for batch in sampler for key in batch]
    assert Counter(taken + left) == Counter((0, i) for i in range(count))


def test_a_state_of_another_order_is_refused() -> None:
    state = TripletSampler(10, 2, seed=1).state_dict()
    with pytest.raises(SshbenchError, match="seed 1, and this one has 2"):
        TripletSampler(10, 2, seed=2).load_state_dict(state)
    with pytest.raises(SshbenchError, match="count 10, and this one has 11"):
        TripletSampler(11, 2, seed=1).load_state_dict(state)


def test_ranks_come_from_torchrun_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    sampler = TripletSampler(10, 1)
    assert (sampler.rank, sampler.world_size) == (2, 4)
    with pytest.raises(SshbenchError, match=r"rank 4 is outside 0\.\.3"):
        TripletSampler(10, 1, rank=4, world_size=4)


# --- batches ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def expected(dataset: TripletDataset) -> list[list[dict[str, Any]]]:
    """Two epochs, made in this process."""
    loader = TripletLoader(dataset, 4)
    return [list(loader), list(loader)]


def test_an_epoch_has_every_sample_once_and_the_next_one_new_recipes(expected: list[list[dict[str, Any]]]) -> None:
    for epoch, batches in enumerate(expected):
        keys = [key for batch in batches for key in identity(batch)]
        assert sorted(keys) == [(f"{i:04d}", epoch) for i in range(23)]
        assert keys != sorted(keys)


@pytest.mark.parametrize(("workers", "start_method"), [(1, None), (3, "fork"), (2, "spawn")])
def test_workers_change_nothing(
    dataset: TripletDataset, expected: list[list[dict[str, Any]]], workers: int, start_method: str | None
) -> None:
    loader = TripletLoader(dataset, 4, workers=workers, start_method=start_method)
    for epoch in expected:
        for batch, wanted in zip(loader, epoch, strict=True):
            assert same(batch, wanted)


def test_workers_end_with_a_loader_that_is_garbage(dataset: TripletDataset) -> None:
    """Also in a cycle, where Python tears their queues down before they could be told."""
    before = set(multiprocessing.active_children())
    loader: Any = TripletLoader(dataset, 4, workers=2)
    loader.me = loader
    assert next(iter(loader))
    assert len(set(multiprocessing.active_children()) - before) == 2
    del loader
    gc.collect()
    assert not set(multiprocessing.active_children()) - before


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [1, 5])
def test_a_run_goes_on_exactly_where_it_stopped(
    dataset: TripletDataset, expected: list[list[dict[str, Any]]], workers: int, stop: int
) -> None:
    """Workers prepare batches ahead; those that were not handed over come again."""
    first = TripletLoader(dataset, 4, workers=workers)
    batches = iter(first)
    for _ in range(stop):
        next(batches)
    state = json.loads(json.dumps(first.state_dict()))
    second = TripletLoader(dataset, 4, workers=workers)
    second.load_state_dict(state)
    assert len(second) == 6 - stop
    rest = [*second, *second]
    assert len(rest) == 6 - stop + 6
    assert all(same(a, b) for a, b in zip(rest, [*expected[0][stop:], *expected[1]], strict=True))


def test_a_state_between_epochs_begins_the_next(dataset: TripletDataset, expected: list[list[dict[str, Any]]]) -> None:
    first = TripletLoader(dataset, 4)
    assert len(list(first)) == 6
    second = TripletLoader(dataset, 4)
    second.load_state_dict(first.state_dict())
    assert second.epoch == 1
    assert all(same(a, b) for a, b in zip(second, expected[1], strict=True))


def test_a_state_of_other_settings_is_refused(dataset: TripletDataset, bank: LutBank) -> None:
    state = TripletLoader(dataset, 4).state_dict()
    other = TripletLoader(TripletDataset(MemorySource(23), bank, Settings(seed=6, crop=32, scale=(36, 48))), 4)
    with pytest.raises(SshbenchError, match=r"other settings \(.*seed: 5, not 6"):
        other.load_state_dict(state)


# --- views ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crops(bank: LutBank) -> Iterator[TripletDataset]:
    return TripletDataset(MemorySource(9), bank, SETTINGS, deliver="crops")


def test_the_four_views_of_a_batch_are_those_of_each_image(crops: TripletDataset, bank: LutBank) -> None:
    samples = [crops[i] for i in range(9)]
    views = views_of(collate(samples), bank)
    assert list(views) == list(VIEWS)
    for i, sample in enumerate(samples):
        for view in VIEWS:
            crop, name = view.split("_")
            alone = apply_lut_normalized(sample[crop], bank, sample[name], strength=sample[f"{name}_strength"])
            assert np.array_equal(views[view][i].numpy(), alone[0])


def test_the_views_are_the_uint8_views_before_rounding(crops: TripletDataset, bank: LutBank) -> None:
    """Half a step of 8 bits in -1..1, and a tenth of a step for the 16-bit arithmetic of the uint8 kernel."""
    samples = [crops[i] for i in range(9)]
    views = views_of(collate(samples), bank)
    for i, sample in enumerate(samples):
        for view in VIEWS:
            crop, name = view.split("_")
            rounded = apply_lut(sample[crop], bank, sample[name], strength=sample[f"{name}_strength"], layout="HWC")
            apart = np.abs(views[view][i].numpy() - (rounded.transpose(2, 0, 1) / 127.5 - 1))
            assert apart.max() <= 0.6 / 127.5


def test_views_take_mean_deviation_and_type(crops: TripletDataset, bank: LutBank) -> None:
    batch = collate([crops[i] for i in range(3)])
    plain = views_of(batch, bank, mean=(0, 0, 0), std=(1, 1, 1))["content_alpha"]
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    other = views_of(batch, bank, mean=mean, std=std, dtype="bfloat16")["content_alpha"]
    assert other.dtype == torch.bfloat16
    wanted = (plain - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    torch.testing.assert_close(other.float(), wanted, atol=0.02, rtol=0.01)


def test_a_loader_gives_the_same_views_from_crops_and_from_images(crops: TripletDataset, bank: LutBank) -> None:
    images = TripletDataset(MemorySource(9), bank, SETTINGS)
    for a, b in zip(TripletLoader(crops, 4, workers=1), TripletLoader(images, 4), strict=True):
        assert identity(a) == identity(b)
        assert set(a) == set(b)
        for view in VIEWS:
            assert a[view].shape == b[view].shape == (len(a["row"]), 3, 32, 32)
            assert float((a[view] - b[view]).abs().max()) <= 0.6 / 127.5


def test_a_device_other_than_the_cpu_gets_crops_where_luts_make_the_views(bank: LutBank) -> None:
    images = TripletDataset(MemorySource(9), bank, SETTINGS)
    assert TripletLoader(images, 4).dataset.deliver == "views"
    assert TripletLoader(images, 4, device="meta").dataset.deliver == "crops"
    assert images.deliver == "views"
    saturated = TripletDataset(MemorySource(9), bank, Settings(appearance="saturation"))
    assert TripletLoader(saturated, 4, device="meta").dataset.deliver == "views"


def test_images_can_stay_bytes(crops: TripletDataset) -> None:
    batch = next(iter(TripletLoader(crops, 4, normalize=False)))
    assert batch["content"].dtype == torch.uint8
    assert batch["content"].shape == (4, 32, 32, 3)


def test_composites_are_normalised_and_masks_stay_parts(bank: LutBank) -> None:
    dataset = TripletDataset(MemorySource(5), bank, Settings(kind="composites", crop=32, scale=(36, 48)))
    batch = next(iter(TripletLoader(dataset, 5, shuffle=False)))
    mask = np.stack([dataset[i]["mask"] for i in range(5)])
    real = np.stack([dataset[i]["real"] for i in range(5)])
    assert np.allclose(batch["mask"][:, 0].numpy(), mask / 255, atol=1e-6)
    assert np.allclose(batch["real"].permute(0, 2, 3, 1).numpy(), real / 127.5 - 1, atol=1e-6)


@pytest.mark.cuda
def test_a_gpu_gives_the_views_of_the_cpu(crops: TripletDataset, bank: LutBank) -> None:
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    batch = collate([crops[i] for i in range(9)])
    here, there = views_of(batch, bank), views_of(batch, bank, device="cuda")
    for view in VIEWS:
        torch.testing.assert_close(there[view].cpu(), here[view], atol=1e-3, rtol=0)
