"""Scenes: triplets, composites of a photograph with itself and across photographs, with looks that are known."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch

from sshbench.colour.srgb import decode
from sshbench.errors import SshbenchError
from sshbench.lut.apply import apply_lut
from sshbench.lut.bank import LutBank
from sshbench.lut.table import Lut, identity_table
from sshbench.training import scenes as module
from sshbench.training.data import make_loader, open_training
from sshbench.training.options import Shares
from sshbench.training.scenes import Scene, Scenes, _under
from sshbench.triplets.dataset import VIEWS, TripletDataset
from sshbench.triplets.families import exposure, exposure_step
from sshbench.triplets.settings import Settings
from tests.triplets.memory_source import MemorySource

SETTINGS = Settings(crop=64, scale=(73, 91))
MASKS = ("content_mask", "reference_mask", "placed_mask", "near_mask")
ALL = (*VIEWS, "placed_alpha", "placed_beta", *MASKS)
MIXED = {
    "own": 0.4, "cross": 0.4, "objects": 0.5, "cropped": 0.3, "near": 0.5, "natural": 0.3, "placed": 0.8,
    "jitter": 0.5, "exposed": 0.5, "blended": 0.5, "graded": 0.3, "transferred": 0.3, "stepped": 0.2, "same": 0.1,
}  # fmt: skip


def scenes(**shares: float) -> Scenes:
    return Scenes(TripletDataset(settings=SETTINGS), Shares(**shares))


def test_without_shares_nothing_is_a_scene() -> None:
    assert isinstance(open_training("sample", settings=SETTINGS, shares=Shares()), TripletDataset)
    assert isinstance(open_training("sample", settings=SETTINGS, shares=Shares(own=0.1)), Scenes)


def test_a_sample_is_a_function_of_its_key() -> None:
    one, other = scenes(**MIXED), pickle.loads(pickle.dumps(scenes(**MIXED)))
    other[1, 0]  # earlier samples do not matter
    for key in ((0, 3), (2, 5), (0, 7), (4, 1)):
        first, second = one[key], other[key]
        assert set(ALL) < set(first)
        assert all(np.array_equal(first[name], second[name]) for name in ALL)
    assert not np.array_equal(one[0, 3]["content_alpha"], one[1, 3]["content_alpha"])


def test_triplets_stay_what_they_are_but_for_a_mirror() -> None:
    plain, dataset = scenes(), TripletDataset(settings=SETTINGS)
    for i in range(4):
        sample, expected = plain[0, i], dataset[0, i]
        for name in VIEWS:
            assert any(np.array_equal(sample[name][:, ::way], expected[name]) for way in (1, -1))
        assert sample["content_mask"].min() == sample["reference_mask"].min() == 255
        assert not any(sample[name].any() for name in ("placed_alpha", "placed_beta", "placed_mask", "near_mask"))


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


class Grey(MemorySource):
    """Photographs that are all grey 102."""

    def read(self, i: int, short_side: int | None = None) -> np.ndarray:
        return np.full((60, 80, 3), 102, np.uint8)


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
    assert 0.3 < hidden[0] + 0.03 < hidden[1] < 0.9  # the disc's share of the shown part


def test_where_hardly_anything_is_outside_of_the_mask_it_is_a_triplet() -> None:
    class Covered(Discs):
        def disc(self, i: int) -> np.ndarray:
            mask = np.full((60, 80), 255, np.uint8)
            mask[:6, :8] = 0
            return mask

    sample = Scenes(TripletDataset(Covered(30), settings=SETTINGS), Shares(own=1.0, objects=1.0))[0, 0]
    assert sample["content_mask"].min() == sample["reference_mask"].min() == 255


def test_a_loader_gives_masks_beside_the_views() -> None:
    batch = next(iter(make_loader(scenes(own=0.5, cross=0.5, placed=1.0), 4)))
    assert batch["content_alpha"].shape == batch["reference_beta"].shape == (4, 3, 64, 64)
    assert batch["placed_alpha"].shape == batch["placed_beta"].shape == (4, 3, 64, 64)
    assert all(batch[name].shape == (4, 1, 64, 64) for name in MASKS)
    assert 0 <= batch["content_mask"].min() < batch["content_mask"].max() <= 1


@pytest.mark.parametrize(
    ("shares", "why"),
    [
        ({"own": 0.6, "cross": 0.6}, "together no more than 1"),
        ({"jitter": 1.5}, "jitter: .* less than or equal to 1"),
        ({"same": -0.1}, "same: .* greater than or equal to 0"),
    ],
)
def test_shares_that_cannot_be(shares: dict[str, float], why: str) -> None:
    with pytest.raises(SshbenchError, match=why):
        Shares(**shares)


def test_an_exposure_comes_before_the_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source of grey 102 (13.3% of light) half a stop brighter (18.8%, grey 120) under a look that inverts it."""
    monkeypatch.setattr(module, "exposure", lambda rng: exposure_step(0.5))
    monkeypatch.setattr(module, "grade", lambda rng: 1 - module._IDENTITY)
    dataset = TripletDataset(Grey(4), settings=SETTINGS)
    plain, lit = (Scenes(dataset, Shares(graded=1.0, exposed=share))[0, 0] for share in (0.0, 1.0))
    assert set(np.unique(plain["content_alpha"])) == {255 - 102}
    assert abs(int(np.unique(lit["content_alpha"]).item()) - (255 - 120)) <= 1


def test_exposures_are_drawn_over_several_stops() -> None:
    """Of a dark grey in linear light, which neither shoulder nor clipping reaches."""
    rng, dark = np.random.default_rng(0), np.full((1, 1, 3), 1 / 16, np.float32)
    found = [apply_lut(dark, torch.tensor(exposure(rng)), layout="HWC").mean() for _ in range(400)]
    stops = np.log2(decode(np.array(found)) / decode(np.array(1 / 16)))
    assert 1.1 < stops.std() < 1.5
    assert abs(stops.mean()) < 0.2


def test_looks_are_of_one_family_each() -> None:
    Shares(graded=0.5, transferred=0.25, stepped=0.25)
    with pytest.raises(SshbenchError, match="graded, transferred and stepped together are no more than 1"):
        Shares(graded=0.5, transferred=0.4, stepped=0.2)


def test_scenes_need_looks() -> None:
    with pytest.raises(SshbenchError, match=r"data\.appearance"):
        Scenes(TripletDataset(settings=Settings(crop=64, scale=(73, 91), appearance="saturation")), Shares(own=1.0))


def test_scenes_are_for_photographs(shared) -> None:
    with pytest.raises(SshbenchError, match="photographs"):
        open_training(str(shared / "data" / "iharmony4"), settings=Settings(kind="composites"), shares=Shares(own=0.5))


# --- the foreground in its place --------------------------------------------------------------------------------------


def test_a_place_shows_the_foreground_under_one_look_over_the_background_under_the_other() -> None:
    """By hand: alpha is the negative, beta changes nothing."""
    rng = np.random.default_rng(0)
    front, back = rng.integers(0, 256, (2, 16, 16, 3), np.uint8)
    shown = rng.integers(0, 256, (16, 16), np.uint8)
    shown[:4], shown[4:8], shown[8:10] = 0, 255, 3
    near = np.where(shown < 6, 255, 0).astype(np.uint8)
    near[0] = 0  # where neither is known
    scene = Scene(front, back, shown, near, front, back, shown, near)
    identity = identity_table(17)
    views, masks = _under(scene, np.stack([1 - identity, identity]).astype(np.float32))
    assert np.array_equal(views["content_alpha"], 255 - front)
    assert np.array_equal(views["content_beta"], front)
    assert np.array_equal(views["reference_alpha"], 255 - back)
    assert np.array_equal(views["reference_beta"], back)
    part = shown[..., None] / 255
    for name, one, other in (("placed_alpha", 255 - front, back), ("placed_beta", front, 255 - back)):
        expected = part * one + (1 - part) * other
        assert not views[name][0].any()
        assert np.abs(views[name] - expected)[1:].max() <= 0.5 + 1e-9
        assert np.array_equal(views[name][4:8], one[4:8])
        assert np.array_equal(views[name][1:4], other[1:4])
    assert np.array_equal(masks["placed_mask"], shown)
    assert np.array_equal(masks["near_mask"], near)


class SmallDiscs(Discs):
    """All photographs have a mask, of a disc that leaves room around it."""

    def read_mask(self, i: int, short_side: int | None = None) -> np.ndarray | None:  # type: ignore[override]
        return self.disc(i)

    def disc(self, i: int) -> np.ndarray:
        y, x = np.mgrid[:60, :80]
        return np.where((y - 30) ** 2 + (x - 25 - i % 30) ** 2 < 10**2, 255, 0).astype(np.uint8)


def natural_discs(count: int = 30, **shares: float) -> list[dict[str, Any]]:
    """Samples whose photographs are red where their masks are and nowhere else, and whose beta changes nothing."""
    dataset = Scenes(TripletDataset(SmallDiscs(count), settings=SETTINGS), Shares(natural=1.0, objects=1.0, **shares))
    return [dataset[0, i] for i in range(count)]


def test_each_look_is_where_it_should_be_in_a_place() -> None:
    bank = TripletDataset(settings=SETTINGS).bank
    for sample in natural_discs(own=1.0, placed=1.0)[:10]:
        inside, near = sample["placed_mask"] == 255, sample["near_mask"] > 0
        assert inside.any()
        assert near.any()
        alpha, beta = sample["placed_alpha"], sample["placed_beta"]
        looked = {name: apply_lut(np.ascontiguousarray(view), bank, sample["alpha"], layout="HWC")
                  for name, view in (("alpha", alpha), ("beta", beta))}  # fmt: skip
        assert np.array_equal(looked["beta"][inside], alpha[inside])  # the foreground: photographed, and under alpha
        assert np.array_equal(looked["alpha"][near & (sample["placed_mask"] == 0)],
                              beta[near & (sample["placed_mask"] == 0)])  # fmt: skip
        assert (beta[inside][:, 0] > 250).all()
        assert (alpha[near][:, 0] < 12).all()  # 5 of 255 parts of the foreground, and as much of its edge


def test_a_place_is_the_foreground_and_some_of_what_is_around_it() -> None:
    samples = natural_discs(own=1.0, placed=1.0)
    for sample in samples:
        assert np.array_equal(sample["near_mask"] > 0, sample["placed_mask"] < 6)
        assert set(np.unique(sample["near_mask"])) <= {0, 255}
    parts = np.array([(sample["placed_mask"] > 127).mean() for sample in samples])
    full = np.pi / 4  # of its rectangle, which a disc fills so far, and the place is 1.5 to 3 times as wide and high
    assert full / 3.2**2 < parts.min() < full / 2.6**2
    assert full / 1.7**2 < parts.max() < full / 1.4**2


def test_no_mask_leaves_the_truth_to_be_seen() -> None:
    """A foreground is red, as it should be, and nothing else is: no red where a background counts, beta as alpha."""
    for shares in ({}, {"near": 1.0}, {"cropped": 1.0}, {"near": 1.0, "cropped": 1.0}):
        found = 0
        for sample in natural_discs(own=1.0, placed=1.0, **shares):
            if not sample["near_mask"].any():
                continue
            found += 1
            reference = sample["reference_beta"][..., 0][sample["reference_mask"] > 0]
            assert reference.size
            assert reference.max() < 6
            assert np.array_equal(sample["reference_mask"] > 0, sample["reference_beta"][..., 0] < 6)
            assert sample["placed_alpha"][..., 0][sample["near_mask"] > 0].max() < 12  # 5 of both sides
            assert not sample["placed_alpha"][(sample["near_mask"] == 0) & (sample["placed_mask"] == 0)].any()
        assert found > 15


class Plain(MemorySource):
    """Photographs of one colour each, with a disc as their mask."""

    def read(self, i: int, short_side: int | None = None) -> np.ndarray:
        return np.full((60, 80, 3), self.colour(i), np.uint8)

    def read_mask(self, i: int, short_side: int | None = None) -> np.ndarray | None:  # type: ignore[override]
        y, x = np.mgrid[:60, :80]
        return np.where((y - 30) ** 2 + (x - 40) ** 2 < 20**2, 255, 0).astype(np.uint8)

    def colour(self, i: int) -> tuple[int, int, int]:
        return 5 + 8 * i, 250 - 7 * i, 20 + 3 * i


def test_across_photographs_the_place_is_on_the_other_one() -> None:
    source = Plain(30)
    colours = {source.colour(i): i for i in range(30)}
    dataset = Scenes(TripletDataset(source, settings=SETTINGS), Shares(cross=1.0, natural=1.0, objects=1.0, placed=1.0))
    others, sizes = 0, []
    for i in range(30):
        sample = dataset[0, i]
        assert sample["reference_mask"].min() == 255
        here, there = (np.unique(sample[name].reshape(-1, 3), axis=0) for name in ("content_beta", "reference_beta"))
        assert len(here) == len(there) == 1
        assert colours[tuple(here[0].tolist())] == int(sample["row"])
        others += not np.array_equal(here, there)
        inside, near = sample["placed_mask"] == 255, sample["near_mask"] > 0
        assert (sample["placed_beta"][inside] == here).all()
        assert (sample["placed_alpha"][inside] == sample["content_alpha"][0, 0]).all()
        assert (sample["placed_alpha"][sample["placed_mask"] == 0] == there).all()
        assert (sample["placed_beta"][sample["placed_mask"] == 0] == sample["reference_alpha"][0, 0]).all()
        assert near.mean() > 0.02
        sizes.append(inside.mean())
    assert others > 25
    assert min(sizes) > 0.03
    assert max(sizes) < 0.6


def test_so_many_have_a_place_as_asked() -> None:
    assert not any(sample["near_mask"].any() for sample in natural_discs(own=1.0))
    count = sum(bool(sample["near_mask"].any()) for sample in natural_discs(200, own=1.0, placed=0.4))
    assert 55 < count < 105
    without = next(sample for sample in natural_discs(own=1.0))
    assert not without["placed_alpha"].any()
    assert not without["placed_beta"].any()


# --- looks ------------------------------------------------------------------------------------------------------------


def test_so_many_looks_are_of_each_family_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(name: str) -> Any:
        def made(*_: Any) -> Any:
            calls.append(name)
            return module._IDENTITY

        return made

    for name in ("grade", "transfer_table", "ladder"):
        monkeypatch.setattr(module, name, counted(name))
    dataset = Scenes(
        TripletDataset(MemorySource(200), settings=SETTINGS), Shares(graded=0.4, transferred=0.3, stepped=0.1)
    )
    for i in range(200):
        dataset[0, i]
    shares = {name: calls.count(name) / 400 for name in ("grade", "transfer_table", "ladder")}
    assert shares == pytest.approx({"grade": 0.4, "transfer_table": 0.3, "ladder": 0.1}, abs=0.09)


def test_transfers_are_from_the_foreground_to_another_photograph_at_half_strength_or_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[tuple[str, np.ndarray, np.ndarray]] = []

    def black(method: str, source: np.ndarray, target: np.ndarray) -> np.ndarray:
        taken.append((method, source, target))
        return np.zeros((17, 17, 17, 3), np.float32)

    monkeypatch.setattr(module, "transfer_table", black)
    strengths = []
    for sample in natural_discs(own=1.0, transferred=1.0):
        bright = sample["content_beta"] > 100
        strengths.append(1 - float((sample["content_alpha"][bright] / sample["content_beta"][bright]).mean()))
    assert min(strengths) > 0.49
    assert max(strengths) < 1.01
    assert np.std(strengths) > 0.1
    assert {method for method, _, _ in taken} == {"reinhard", "xiao", "histogram", "distribution"}
    for _, source, target in taken:
        assert source.shape == target.shape == (1024, 3)
        assert source[:, 0].min() > 0.49  # the disc alone
        assert 0 <= target.min() <= target.max() <= 1
    sources = [source[:, 1:].mean(0) for _, source, _ in taken]
    targets = [target[:, 1:].mean(0) for _, _, target in taken]
    assert sum(np.abs(s - t).max() > 0.02 for s, t in zip(sources, targets, strict=True)) > 0.8 * len(taken)


def test_jitter_follows_looks_in_part() -> None:
    bank = LutBank.from_luts([Lut(values=1 - identity_table(17)), Lut(values=0 * identity_table(17))], 17, ["n", "k"])
    dataset = Scenes(TripletDataset(Plain(30), bank, settings=SETTINGS), Shares(own=1.0, natural=1.0, jitter=1.0))
    parts = []
    for i in range(30):
        sample = dataset[0, i]
        before, after = (sample[name][0, 0].astype(float) for name in ("content_beta", "content_alpha"))
        whole = 255 - before if sample["alpha"] == 0 else 0 * before
        channel = int(np.abs(whole - before).argmax())
        parts.append((after[channel] - before[channel]) / (whole[channel] - before[channel]))
    assert min(parts) < 0.3
    assert max(parts) > 0.7
    assert min(parts) > -0.05
    assert max(parts) < 1.05


@pytest.mark.parametrize("size", [5, 17])
def test_blended_looks_are_means_of_two_of_the_bank(size: int) -> None:
    looks = [Lut(values=0 * identity_table(size) + np.float32(level)) for level in (0.2, 0.6, 1.0)]
    bank = LutBank.from_luts(looks, size, ["dark", "grey", "white"])
    levels = {}
    for share in (0.0, 0.5, 1.0):
        dataset = Scenes(
            TripletDataset(Plain(30), bank, settings=SETTINGS), Shares(own=1.0, natural=1.0, blended=share)
        )
        levels[share] = [float(dataset[0, i]["content_alpha"].mean()) / 255 for i in range(60)]
    of_bank = {
        share: sum(min(abs(x - y) for y in (0.2, 0.6, 1.0)) < 0.003 for x in found) for share, found in levels.items()
    }
    assert of_bank[0.0] == 60
    assert 25 < of_bank[0.5] < 55  # a third of the means are of a look with itself
    assert 10 < of_bank[1.0] < 32
    assert min(levels[1.0]) >= 0.197
    assert sum(0.22 < x < 0.58 for x in levels[1.0]) > 4
    assert sum(0.62 < x < 0.98 for x in levels[1.0]) > 4


@pytest.mark.parametrize("size", [5, 33])
def test_looks_of_other_sizes_are_brought_to_that_of_the_families(size: int) -> None:
    table = identity_table(size) ** np.float32(2)
    bank = LutBank.from_luts([Lut(values=table), Lut(values=1 - table)], size, ["square", "negative"])
    dataset = Scenes(TripletDataset(Plain(30), bank, settings=SETTINGS), Shares(own=1.0, natural=1.0, graded=0.5))
    plain = Scenes(TripletDataset(Plain(30), bank, settings=SETTINGS), Shares(own=1.0, natural=1.0))
    assert dataset[0, 1]["content_alpha"].shape == (64, 64, 3)
    for i in range(6):
        sample = plain[0, i]
        expected = apply_lut(sample["content_beta"], bank, sample["alpha"], layout="HWC")
        assert np.abs(sample["content_alpha"].astype(int) - expected).max() <= 1
