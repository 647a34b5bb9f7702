"""What training reads: photographs, stores and iHarmony4 under one set of names, without what is held out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sshbench.errors import SshbenchError
from sshbench.lut.cube import write_cube
from sshbench.lut.looks import LOOKS
from sshbench.training.cache import CachedSource
from sshbench.training.data import described, form_of, make_loader, open_training
from sshbench.training.options import PairSettings, Shares
from sshbench.training.pairs import Pairs
from sshbench.training.store_rows import StoredViews
from sshbench.triplets.dataset import TripletDataset
from sshbench.triplets.engine import generate, plan
from sshbench.triplets.held_out import in_part, is_held_out
from sshbench.triplets.luts import open_bank
from sshbench.triplets.settings import Settings
from sshbench.triplets.sources import open_source
from tests.triplets.memory_source import MemorySource

SETTINGS = Settings(seed=3, crop=32, scale=(36, 44))
PHOTOS = 24
VIEWS = ("content_alpha", "content_beta", "reference_alpha", "reference_beta")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 photographs and ten looks, of which some are held out."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("photos", "luts"):
        (folder / name).mkdir()
    for i in range(PHOTOS):
        coarse = np.random.default_rng(i).integers(0, 256, (6, 8, 3), np.uint8)
        Image.fromarray(coarse).resize((96, 72)).save(folder / "photos" / f"{i}.png")
    held = [look for look in LOOKS if is_held_out(look.name)]
    for look in [*LOOKS[:8], *held[:2]]:
        write_cube(look.lut(), folder / "luts" / f"{look.name}.cube")
    assert any(is_held_out(str(i)) for i in range(PHOTOS))
    return folder


def store(place: Path, folder: Path, kind: str = "pixels", settings: Settings = SETTINGS, views: int = 4) -> str:
    source, bank = open_source(str(place / "photos")), open_bank(str(place / "luts"))
    run = plan(
        settings, source, bank, store=kind, views=views, luts_from=str(place / "luts"),  # type: ignore[arg-type]
        asked={"spec": str(place / "photos")},
    )  # fmt: skip
    generate(run, source, bank, folder)
    return str(folder)


def photos_of(batches: Any) -> set[str]:
    return {row for batch in batches for row in batch["row"]}


def test_training_sees_neither_held_out_photographs_nor_looks(place: Path) -> None:
    dataset = open_training(str(place / "photos"), str(place / "luts"), SETTINGS)
    assert isinstance(dataset, TripletDataset)
    rows = {dataset.source.row_id(i) for i in range(len(dataset.source))}
    assert rows == {f"{i}.png" for i in range(PHOTOS) if not is_held_out(str(i))}
    assert not any(is_held_out(name) for name in dataset.bank.names)
    said = described(dataset)
    assert said["source"]["part"] == "train"
    assert said["looks"] == list(dataset.bank.names)


@pytest.mark.parametrize("kind", ["pixels", "recipes"])
def test_a_store_gives_the_batches_that_photographs_give_but_for_held_out_rows(
    place: Path, tmp_path: Path, kind: str
) -> None:
    dataset = open_training(store(place, tmp_path, kind), None, SETTINGS)
    source, bank = open_source(str(place / "photos")), open_bank(str(place / "luts"))
    fresh = TripletDataset(source, bank, SETTINGS)
    used = [fresh[i] for i in range(len(fresh))]
    names = bank.names
    used = [s for s in used if all(in_part(v, "train") for v in (s["row"], names[s["alpha"]], names[s["beta"]]))]
    assert 0 < len(used) == len(dataset) < PHOTOS
    for mine, its in zip(used, (dataset[0, i] for i in range(len(dataset))), strict=True):
        assert mine["row"] == its["row"]
        assert all(np.array_equal(mine[name], its[name]) for name in VIEWS)
    batch = next(iter(make_loader(dataset, 4)))
    assert all(batch[name].shape == (4, 3, 32, 32) for name in VIEWS)
    assert -1 <= batch["content_alpha"].min() < batch["content_alpha"].max() <= 1


def test_a_store_of_recipes_can_deliver_crops_for_one_launch(place: Path, tmp_path: Path) -> None:
    dataset = open_training(store(place, tmp_path, "recipes"), None, SETTINGS)
    assert isinstance(dataset, TripletDataset)
    crops, views = dataset.delivering("crops")[1], dataset[1]
    assert set(crops) == {"content", "reference", "row", "draw", "alpha", "beta", "alpha_strength", "beta_strength"}
    assert crops["row"] == views["row"]


def test_a_store_made_otherwise_is_refused(place: Path, tmp_path: Path) -> None:
    other = Settings(seed=9, draws=2, crop=40, scale=(44, 48))
    made = store(place, tmp_path / "a", settings=other)
    with pytest.raises(SshbenchError, match="crop: 40, not 32; scale: 44 to 48, not 36 to 44"):
        open_training(made, None, SETTINGS)
    with pytest.raises(SshbenchError, match="make it with --views 4"):
        open_training(store(place, tmp_path / "b", views=3), None, SETTINGS)
    with pytest.raises(SshbenchError, match="pixels takes no LUTs"):
        open_training(store(place, tmp_path / "c"), str(place / "luts"), SETTINGS)
    with pytest.raises(SshbenchError, match="flip and window are for iHarmony4"):
        open_training(str(place / "photos"), None, SETTINGS, flip=True)
    with pytest.raises(SshbenchError, match="cache is for photographs"):
        open_training(made, None, other, cache_mb=1)


def test_composites_of_a_store_have_masks(place: Path, tmp_path: Path) -> None:
    settings = Settings(kind="composites", crop=32, scale=(36, 44))
    dataset = open_training(store(place, tmp_path, settings=settings, views=3), None, settings)
    assert isinstance(dataset, StoredViews)
    batch = next(iter(make_loader(dataset, 3)))
    assert batch["mask"].shape == (3, 1, 32, 32)
    assert 0 <= batch["mask"].min() < batch["mask"].max() <= 1
    outside = batch["mask"].expand(-1, 3, -1, -1) == 0
    assert torch.equal(batch["composite"][outside], batch["real"][outside])


@pytest.mark.parametrize("form", ["photographs", "pixels", "recipes", "iharmony4"])
def test_a_loader_goes_on_where_its_state_was_taken(place: Path, tmp_path: Path, form: str, pairs: Path) -> None:
    settings = Settings(kind="composites", crop=32) if form == "iharmony4" else SETTINGS
    where = {"photographs": str(place / "photos"), "iharmony4": str(pairs)}.get(form)
    options: dict[str, Any] = {"flip": True, "window": (0.5, 1.0)} if form == "iharmony4" else {}
    luts = str(place / "luts") if form == "photographs" else None
    if where is None:
        where = store(place, tmp_path, form)

    def loader() -> Any:
        return make_loader(open_training(where, luts, settings, **options), 2, seed=5)

    whole = loader()
    batches = [batch for _ in range(2) for batch in whole]
    first = loader()
    it = iter(first)
    for _ in range(3):
        next(it)
    state = first.state_dict()
    second = loader()
    second.load_state_dict(state)
    rest = [batch for _ in range(2) for batch in second][: len(batches) - 3]
    for mine, its in zip(batches[3:], rest, strict=True):
        assert mine["row"] == its["row"]
        images = [name for name, value in mine.items() if isinstance(value, torch.Tensor) and value.ndim == 4]
        assert images
        assert all(torch.equal(mine[name], its[name]) for name in images)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve composites in iHarmony4's layout: the real image, red inside a square mask."""
    root = tmp_path_factory.mktemp("iharmony4")
    folders = [root / "HFlickr" / name for name in ("composite_images", "masks", "real_images")]
    for folder in folders:
        folder.mkdir(parents=True)
    lines = []
    for i in range(12):
        real = np.full((60, 80, 3), 20 * i, np.uint8)
        real[:, :40, 1] = 255  # the left half
        mask = np.zeros((60, 80), np.uint8)
        mask[20:40, 20:60] = 255
        composite = np.where(mask[..., None] > 0, np.array([255, 0, 0], np.uint8), real)
        for folder, name, image in zip(
            folders, (f"f{i}_1_1.jpg", f"f{i}_1.png", f"f{i}.jpg"), (composite, mask, real), strict=True
        ):
            Image.fromarray(image).save(folder / name, quality=100)
        lines.append(f"HFlickr/composite_images/f{i}_1_1.jpg")
    (root / "IHD_train.txt").write_text("\n".join(lines) + "\n")
    return root


def test_iharmony4_gives_whole_images_brought_to_the_crop(pairs: Path) -> None:
    dataset = Pairs(str(pairs), PairSettings(crop=32), "all")
    assert len(dataset) == 12
    sample = dataset[0, 3]
    assert sample["row"] == "HFlickr/composite_images/f3_1_1.jpg"
    assert sample["composite"].shape == sample["real"].shape == (32, 32, 3)
    assert abs(sample["mask"].mean() / 255 - 20 * 40 / (60 * 80)) < 0.01
    assert (sample["composite"][16, 16].astype(int) - (255, 0, 0)).max() < 10
    assert sample["real"][16, 4, 1] > 240 > 100 > sample["real"][16, 28, 1]


def test_iharmony4_leaves_a_tenth_of_the_real_images_out(pairs: Path) -> None:
    train, held = (Pairs(str(pairs), PairSettings(crop=32), part) for part in ("train", "held-out"))
    assert {*train.ids, *held.ids} == {*Pairs(str(pairs), PairSettings(), "all").ids}
    assert held.ids == [f"HFlickr/composite_images/f{i}_1_1.jpg" for i in range(12) if is_held_out(f"f{i}")]


def test_flips_and_windows_differ_by_epoch_and_repeat(pairs: Path) -> None:
    plain = Pairs(str(pairs), PairSettings(crop=32), "all")
    flipped = Pairs(str(pairs), PairSettings(crop=32, flip=True), "all")
    seen = {bool(np.array_equal(flipped[e, 3]["real"], plain[e, 3]["real"])) for e in range(8)}
    assert seen == {True, False}
    mirrored = next(e for e in range(8) if not np.array_equal(flipped[e, 3]["real"], plain[e, 3]["real"]))
    for name in ("composite", "real", "mask"):
        assert np.array_equal(flipped[mirrored, 3][name][:, ::-1], plain[0, 3][name])
    cut = Pairs(str(pairs), PairSettings(crop=32, window=(0.4, 0.6)), "all")
    shares = [cut[e, 3]["mask"].mean() / 255 for e in range(6)]
    assert len({round(s, 4) for s in shares}) > 3  # windows lie elsewhere
    assert np.array_equal(
        cut[2, 3]["mask"], Pairs(str(pairs), PairSettings(crop=32, window=(0.4, 0.6)), "all")[2, 3]["mask"]
    )


def test_iharmony4_trains_composites_and_takes_no_looks(pairs: Path, place: Path) -> None:
    with pytest.raises(SshbenchError, match=r"train on it with data.kind composites"):
        open_training(str(pairs), None, SETTINGS)
    with pytest.raises(SshbenchError, match="takes no LUTs"):
        open_training(str(pairs), str(place / "luts"), Settings(kind="composites"))
    with pytest.raises(SshbenchError, match=r"within 0.1 to 1, not 0 to 1"):
        open_training(str(pairs), None, Settings(kind="composites"), window=(0, 1))
    with pytest.raises(SshbenchError, match="saturation and not from files of LUTs; leave --luts out"):
        open_training(str(place / "photos"), str(place / "luts"), Settings(appearance="saturation"))


def test_a_card_names_the_source_and_not_where_it_lies(place: Path, pairs: Path) -> None:
    masks = str(place / "photos")  # of images that are there
    scenes = open_training(str(place / "photos"), str(place / "luts"), SETTINGS, shares=Shares(own=0.5), masks=masks)
    genuine = open_training(str(pairs), None, Settings(kind="composites", crop=32))
    assert described(scenes)["source"]["masks"] == "photos"
    assert described(scenes)["source"]["spec"] == "photos"
    assert described(genuine)["source"]["spec"] == pairs.name


def test_what_is_at_a_place_decides_how_it_is_read(place: Path, tmp_path: Path, pairs: Path) -> None:
    assert form_of(str(pairs)) == "iharmony4"
    assert form_of(store(place, tmp_path / "store")) == "store"
    assert form_of("sample") == form_of("someone/dataset") == form_of(str(place / "photos")) == "photographs"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.json").write_text('{"format": "of another tool"}')
    assert form_of(str(tmp_path / "other")) == "photographs"


def test_genuine_composites_of_iharmony4_are_read(shared: Path, tmp_path: Path) -> None:
    root = tmp_path / "iharmony4"
    shutil.copytree(shared / "data" / "iharmony4", root)
    (root / "IHD_test.txt").rename(root / "IHD_train.txt")
    dataset = open_training(str(root), None, Settings(kind="composites", crop=64), part="all")
    assert len(dataset) == 18
    for i in range(18):
        sample = dataset[0, i]
        outside = sample["mask"] == 0
        difference = np.abs(sample["composite"].astype(int) - sample["real"])[outside]
        assert difference.mean() < 4 < np.abs(sample["composite"].astype(int) - sample["real"])[~outside].mean()


def test_too_few_samples_for_a_batch_are_refused(place: Path) -> None:
    dataset = open_training(str(place / "photos"), str(place / "luts"), SETTINGS)
    with pytest.raises(SshbenchError, match=f"there are {len(dataset)} samples to train on and a batch takes 64"):
        make_loader(dataset, 64)


class Counting(MemorySource):
    read_ = 0

    def read(self, i: int, short_side: int | None = None) -> Any:
        Counting.read_ += 1
        return super().read(i, short_side)


def test_photographs_are_decoded_once_while_they_fit() -> None:
    size = 40 * 53 * 3  # of 60 x 80 brought to a short side of 40
    Counting.read_ = 0
    source = CachedSource(Counting(4), 40, 2 * size)
    first = [source.read(i, 40) for i in range(4)]
    assert first[0].shape == (40, 53, 3)
    again = [source.read(i, 40) for i in range(4)]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert Counting.read_ == 4 + 2  # two were kept
    reference = Image.fromarray(MemorySource(4).read(0)).resize((53, 40), Image.Resampling.BICUBIC)
    assert np.array_equal(first[0], np.asarray(reference))
    assert source.read(0).shape == (60, 80, 3)  # of its own size where that is asked for


def test_a_cached_run_gets_nearly_the_same_crops(place: Path) -> None:
    plain, cached = (open_training(str(place / "photos"), None, SETTINGS, cache_mb=n) for n in (0, 1))
    one, other = (d[0, 5]["content_alpha"].astype(int) for d in (plain, cached))
    assert 0 < np.abs(one - other).mean() < 8
