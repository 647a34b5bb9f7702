"""`TripletDataset`: samples are the recipes' renderings, each epoch has its own, and none needs torch."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch.utils.data import DataLoader

from sshbench.errors import SshbenchError
from sshbench.lut.bank import LutBank
from sshbench.lut.looks import LOOKS
from sshbench.triplets.dataset import VIEWS, SameDrawsWarning, TripletDataset, collate
from sshbench.triplets.loader import TripletSampler
from sshbench.triplets.recipe import make_recipe
from sshbench.triplets.render import Rendered, render
from sshbench.triplets.settings import Settings
from sshbench.triplets.source import SkippedImage, SkippedWarning
from tests.triplets.memory_source import MemorySource, photo

SETTINGS = Settings(seed=5, draws=2, crop=32, scale=(36, 48))


@pytest.fixture(scope="module")
def bank() -> LutBank:
    return LutBank.from_luts([look.lut() for look in LOOKS[:6]], size=17)


@pytest.mark.parametrize("epoch", [0, 3])
@pytest.mark.parametrize("i", [0, 7])
def test_a_sample_is_its_recipe_rendered(bank: LutBank, epoch: int, i: int) -> None:
    """Sample 7 of epoch 3, two draws a photograph, is draw 3 * 2 + 1 of photograph 3."""
    sample = TripletDataset(MemorySource(4), bank, SETTINGS)[epoch, i]
    recipe = make_recipe(SETTINGS, f"{i // 2:04d}", epoch * 2 + i % 2, len(bank))
    rendered = render(recipe, SETTINGS, lambda row: photo(int(row)), bank)
    assert isinstance(rendered, Rendered)
    for view in VIEWS:
        assert sample[view].shape == (32, 32, 3)
        assert np.array_equal(sample[view], getattr(rendered, view))
    assert (sample["row"], sample["draw"]) == (recipe.row, recipe.draw)
    assert (sample["alpha"], sample["beta"]) == (recipe.alpha, recipe.beta)


def test_epochs_have_their_own_recipes_and_keep_them(bank: LutBank) -> None:
    dataset = TripletDataset(MemorySource(20), bank, SETTINGS)
    assert len(dataset) == 40
    recipes = [dataset.recipe(i, epoch) for epoch in range(5) for i in range(40)]
    assert len({(recipe.row, recipe.draw) for recipe in recipes}) == 200
    assert len({(r.content, r.reference, r.window, r.alpha, r.beta) for r in recipes}) > 190
    dataset.set_epoch(2)
    assert [dataset.recipe(i) for i in range(40)] == recipes[80:120]
    assert np.array_equal(dataset[3]["content_alpha"], dataset[2, 3]["content_alpha"])
    assert dataset.recipe(-1) == recipes[119]


def test_an_index_outside_is_an_index_error(bank: LutBank) -> None:
    dataset = TripletDataset(MemorySource(2), bank, SETTINGS)
    assert len(list(dataset)) == 4  # type: ignore[call-overload]
    for i in (4, -5):
        with pytest.raises(IndexError, match="of 4"):
            dataset[i]


def test_crops_under_their_luts_are_the_views(bank: LutBank) -> None:
    from sshbench import apply_lut

    views = TripletDataset(MemorySource(4), bank, SETTINGS)
    crops = TripletDataset(MemorySource(4), bank, SETTINGS, deliver="crops")
    for i in range(8):
        whole, cut = views[i], crops[i]
        for view in VIEWS:
            crop, name = view.split("_")
            assert np.array_equal(apply_lut(cut[crop], bank, cut[name], layout="HWC"), whole[view])


def test_composites_have_a_mask_and_the_real_image(bank: LutBank) -> None:
    sample = TripletDataset(MemorySource(4), bank, replace(SETTINGS, kind="composites"))[1]
    assert sample["mask"].shape == (32, 32)
    assert sample["composite"].shape == sample["real"].shape == (32, 32, 3)
    outside = sample["mask"] == 0
    assert outside.any()
    assert np.array_equal(sample["composite"][outside], sample["real"][outside])


def test_the_next_photograph_takes_the_place_of_a_broken_one(bank: LutBank) -> None:
    dataset = TripletDataset(MemorySource(4, broken=(2, 3)), bank, SETTINGS)
    with pytest.warns(SkippedWarning, match="is broken; the next photograph takes its place") as warned:
        sample = dataset[5]  # draw 1 of photograph 2
    assert [str(warning.message)[:4] for warning in warned] == ["0002", "0003"]
    assert (sample["row"], sample["draw"]) == ("0000", 1)
    strict = TripletDataset(MemorySource(4, broken=(2, 3)), bank, SETTINGS, unreadable="raise")
    with pytest.raises(SkippedImage, match="0002: is broken"):
        strict[5]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nothing_but_broken_photographs_is_an_error(bank: LutBank) -> None:
    with pytest.raises(SshbenchError, match="in a row cannot be used, the first because 0001: is broken"):
        TripletDataset(MemorySource(3, broken=(0, 1, 2)), bank, replace(SETTINGS, draws=1))[1]


def test_crops_are_for_luts_on_triplets(bank: LutBank) -> None:
    for settings in (replace(SETTINGS, kind="composites"), replace(SETTINGS, appearance="saturation")):
        with pytest.raises(SshbenchError, match='use deliver="views"'):
            TripletDataset(MemorySource(3), bank, settings, deliver="crops")


def test_it_pickles(bank: LutBank) -> None:
    dataset = TripletDataset(MemorySource(4), bank, SETTINGS)
    again = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(again[1, 5]["reference_beta"], dataset[1, 5]["reference_beta"])


def test_what_the_bank_has_prepared_does_not_travel(bank: LutBank) -> None:
    dataset = TripletDataset(MemorySource(4), LutBank(bank.values, bank.names, bank.errors), SETTINGS)
    fresh = len(pickle.dumps(dataset))
    assert dataset[0]
    dataset.bank.tensor()
    assert len(pickle.dumps(dataset)) < fresh + 1000


def test_samples_are_made_without_torch() -> None:
    code = (
        "import sys; from sshbench.triplets.dataset import TripletDataset; from sshbench import load_triplets; "
        "sample = TripletDataset('sample')[0]; assert sample['content_alpha'].shape == (224, 224, 3); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def epochs(dataset: TripletDataset, count: int, **options: Any) -> list[list[tuple[str, int]]]:
    """Row and draw of the samples of so many epochs of a plain loader of torch's."""
    loader: Any = DataLoader(dataset, collate_fn=collate, **options)  # type: ignore[arg-type]
    return [
        sorted(key for batch in loader for key in zip(batch["row"], batch["draw"].tolist(), strict=True))
        for _ in range(count)
    ]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_plain_loader_is_refused_as_it_would_repeat_its_draws(bank: LutBank, workers: int) -> None:
    dataset = TripletDataset(MemorySource(6), bank, SETTINGS)
    with pytest.raises(SshbenchError, match=r"same draws in every epoch: use TripletLoader.*TripletSampler.*set_epoch"):
        epochs(dataset, 1, batch_size=2, shuffle=True, num_workers=workers)


@pytest.mark.parametrize("workers", [0, 2])
def test_it_is_taken_with_the_sampler_that_draws_anew(bank: LutBank, workers: int) -> None:
    dataset = TripletDataset(MemorySource(6), bank, SETTINGS)
    sampler = TripletSampler(len(dataset), 2)
    first = epochs(dataset, 1, batch_sampler=sampler, num_workers=workers)[0]
    sampler.set_epoch(1)
    second = epochs(dataset, 1, batch_sampler=sampler, num_workers=workers)[0]
    assert [row for row, _ in first] == [row for row, _ in second]
    assert not set(first) & set(second)


def test_an_epoch_that_is_chosen_is_given_and_told_when_it_comes_again(bank: LutBank) -> None:
    dataset = TripletDataset(MemorySource(6), bank, SETTINGS)
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for epoch in range(2):
            dataset.set_epoch(epoch)
            seen += epochs(dataset, 1, batch_size=2, shuffle=True)
        assert len({key for keys in seen for key in keys}) == 2 * len(dataset)
    with pytest.warns(SameDrawsWarning, match="samples of epoch 1 are asked for again") as told:
        assert epochs(dataset, 3, batch_size=2) == [seen[1]] * 3
    assert len(told) == 1
