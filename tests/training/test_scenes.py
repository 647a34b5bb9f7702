"""Scenes: triplets, composites of a photograph with itself and across photographs, with looks that are known."""

from __future__ import annotations

import numpy as np
import pytest
from sshbench.training.grades import random_grades

from sshbench.errors import SshbenchError
from sshbench.lut.apply import apply_lut
from sshbench.training.data import make_loader, open_training
from sshbench.training.scenes import Scenes, Shares
from sshbench.triplets.dataset import VIEWS, TripletDataset
from sshbench.triplets.settings import Settings
from tests.triplets.memory_source import MemorySource

SETTINGS = Settings(crop=64, scale=(73, 91))


def scenes(**shares: float) -> Scenes:
    return Scenes(TripletDataset(settings=SETTINGS), Shares(**shares))


def test_without_shares_nothing_is_a_scene() -> None:
    assert isinstance(open_training("sample", settings=SETTINGS, shares=Shares()), TripletDataset)
    assert isinstance(open_training("sample", settings=SETTINGS, shares=Shares(own=0.1)), Scenes)


def test_a_sample_is_a_function_of_its_key() -> None:
    one, other = scenes(own=0.4, cross=0.4, jitter=0.5, grades=0.5), scenes(own=0.4, cross=0.4, jitter=0.5, grades=0.5)
    for key in ((0, 3), (2, 5)):
        first, second = one[key], other[key]
        assert all(np.array_equal(first[name], second[name]) for name in (*VIEWS, "content_mask", "reference_mask"))
    assert not np.array_equal(one[0, 3]["content_alpha"], one[1, 3]["content_alpha"])


def test_triplets_stay_what_they_are_but_for_a_mirror() -> None:
    plain, dataset = scenes(), TripletDataset(settings=SETTINGS)
    for i in range(4):
        sample, expected = plain[0, i], dataset[0, i]
        for name in VIEWS:
            assert any(np.array_equal(sample[name][:, ::way], expected[name]) for way in (1, -1))
        assert sample["content_mask"].min() == sample["reference_mask"].min() == 255


def test_under_one_look_nothing_is_to_be_done() -> None:
    sample = scenes(same=1.0, own=1.0, natural=1.0)[0, 0]
    assert np.array_equal(sample["content_alpha"], sample["content_beta"])
    assert np.array_equal(sample["reference_alpha"], sample["reference_beta"])
    assert not np.array_equal(sample["content_alpha"], sample["reference_alpha"])


def test_a_natural_background_has_no_look() -> None:
    dataset = scenes(own=1.0, natural=1.0)
    sample = dataset[0, 1]
    photo = dataset.triplets.source.read(dataset.triplets.source.index(sample["row"]), 91)
    assert abs(sample["reference_beta"].mean((0, 1)) - photo.mean((0, 1))).max() < 1
    look = dataset.triplets.bank[sample["alpha"]]
    assert abs(apply_lut(sample["content_beta"], look).astype(int) - sample["content_alpha"]).max() <= 1


def test_a_composite_shows_the_foreground_in_one_and_the_rest_in_the_other() -> None:
    sample = scenes(own=1.0)[0, 2]
    inside, outside = sample["content_mask"] > 127, sample["reference_mask"] > 0
    assert 0.3 < inside.mean() < 1  # the rectangle around the mask
    assert inside.any(axis=0).all()
    assert inside.any(axis=1).all()
    assert 0 < outside.mean() < 1


def test_across_photographs_the_background_is_another_one() -> None:
    def background(share: str) -> np.ndarray:
        return scenes(**{share: 1.0, "natural": 1.0})[0, 0]["reference_beta"]

    assert not np.array_equal(background("own"), background("cross"))


def test_masks_of_the_photographs_are_used(shared) -> None:
    photos, masks = str(shared / "data" / "photos"), str(shared / "data" / "masks")
    dataset = open_training(photos, settings=SETTINGS, shares=Shares(own=1.0), masks=masks)
    assert isinstance(dataset, Scenes)
    row = next(i for i in range(len(dataset)) if dataset.triplets.source.row_id(i).startswith("ccp_"))
    found = [dataset[e, row]["content_mask"] for e in range(8)]
    generated = [scenes(own=1.0)[e, 0]["content_mask"] for e in range(8)]
    jagged = [np.abs(np.diff((m > 127).astype(int))).sum() for m in (*found, *generated)]
    assert sorted(jagged[:8])[-2] > 1.2 * max(jagged[8:])


class Discs(MemorySource):
    """A red disc in each photograph; every third one has its mask."""

    def read(self, i: int, short_side: int | None = None) -> np.ndarray:
        photo = super().read(i, short_side).copy()
        photo[..., 0] = self.disc(i)
        return photo

    def read_mask(self, i: int, short_side: int | None = None) -> np.ndarray | None:  # type: ignore[override]
        return None if i % 3 else self.disc(i)

    def disc(self, i: int) -> np.ndarray:
        y, x = np.mgrid[:60, :80]
        return np.where((y - 30) ** 2 + (x - 20 - i) ** 2 < 24**2, 255, 0).astype(np.uint8)


def discs(**shares: float) -> list[dict[str, np.ndarray]]:
    dataset = Scenes(TripletDataset(Discs(30), settings=SETTINGS), Shares(own=1.0, natural=1.0, **shares))
    return [dataset[0, i] for i in range(30)]


def shows_its_mask(sample: dict[str, np.ndarray]) -> bool:
    return bool(((sample["content_beta"][..., 0] > 127) == (sample["content_mask"] > 127)).mean() > 0.97)


def test_objects_are_looked_for_where_a_photograph_has_no_mask() -> None:
    assert sum(map(shows_its_mask, discs())) < 15
    assert sum(map(shows_its_mask, discs(objects=1.0))) > 25


def test_a_part_of_a_photograph_is_the_same_of_its_mask_and_may_cut_it() -> None:
    whole, parts = discs(objects=1.0), discs(objects=1.0, cropped=1.0)
    assert sum(map(shows_its_mask, parts)) > 25
    covered = [np.mean([(sample["content_mask"] > 127).mean() for sample in samples]) for samples in (whole, parts)]
    assert covered[1] > covered[0] + 0.02  # of its rectangle, which a disc fills to 79% where nothing cuts it


def test_near_the_foreground_less_of_the_background_is_seen() -> None:
    whole, near = discs(objects=1.0), discs(objects=1.0, near=1.0)
    hidden = [np.mean([(sample["reference_mask"] == 0).mean() for sample in samples]) for samples in (whole, near)]
    assert 0.3 < hidden[0] + 0.05 < hidden[1] < 0.9  # the disc's part of what is shown


def test_where_hardly_anything_is_outside_of_the_mask_it_is_a_triplet() -> None:
    class Covered(Discs):
        def disc(self, i: int) -> np.ndarray:
            mask = np.full((60, 80), 255, np.uint8)
            mask[:6, :8] = 0
            return mask

    sample = Scenes(TripletDataset(Covered(30), settings=SETTINGS), Shares(own=1.0, objects=1.0))[0, 0]
    assert sample["content_mask"].min() == sample["reference_mask"].min() == 255


def test_a_loader_gives_masks_beside_the_views() -> None:
    batch = next(iter(make_loader(scenes(own=0.5, cross=0.5), 4)))
    assert batch["content_alpha"].shape == batch["reference_beta"].shape == (4, 3, 64, 64)
    assert batch["content_mask"].shape == batch["reference_mask"].shape == (4, 1, 64, 64)
    assert 0 <= batch["content_mask"].min() < batch["content_mask"].max() <= 1


@pytest.mark.parametrize("shares", [{"own": 0.6, "cross": 0.6}, {"jitter": 1.5}, {"same": -0.1}])
def test_shares_that_cannot_be(shares: dict[str, float]) -> None:
    with pytest.raises(SshbenchError, match="0 to 1"):
        Shares(**shares)


def test_scenes_need_looks() -> None:
    with pytest.raises(SshbenchError, match=r"data\.appearance"):
        Scenes(TripletDataset(settings=Settings(crop=64, scale=(73, 91), appearance="saturation")), Shares(own=1.0))


def test_scenes_are_for_photographs(shared) -> None:
    with pytest.raises(SshbenchError, match="photographs"):
        open_training(str(shared / "data" / "iharmony4"), settings=Settings(kind="composites"), shares=Shares(own=0.5))


def test_grades_are_looks_that_differ_and_repeat() -> None:
    bank = TripletDataset(settings=SETTINGS).bank
    grades = random_grades(bank, 6)
    assert (len(grades), grades.size) == (6, bank.size)
    assert grades.values.min() >= 0
    assert grades.values.max() <= 1
    assert np.array_equal(grades.values, random_grades(bank, 6).values)
    distances = np.abs(grades.values[:, None] - grades.values[None]).mean((2, 3, 4, 5))
    assert distances[~np.eye(6, dtype=bool)].min() > 0.01
