"""Making triplets beside the obvious script (Pillow, numpy, PNG) and `datasets.map`, one core, in one run.

pytest tests/speed/test_triplets.py --benchmark-only --basetemp /dev/shm/triplets

The output goes to memory (`--basetemp`), so that no disk is measured. The photographs are 640 x 480 JPEG files of about
61 KB (photos.py); a triplet is three 224 x 224 images. `obvious_script` writes down what the paper says with Pillow and
numpy; `good_script` is the same by someone who knows Pillow: `Color3DLUT`, and zlib's fastest level.
"""

from __future__ import annotations

import io
import itertools
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from pytest_benchmark.fixture import BenchmarkFixture

from sshbench.folders import data_folder
from sshbench.images.decode import decode_photo
from sshbench.lut.apply import apply_lut
from sshbench.lut.bank import LutBank
from sshbench.triplets.codecs import Codec
from sshbench.triplets.engine import generate, plan
from sshbench.triplets.luts import open_bank
from sshbench.triplets.recipe import Recipe, boxes, make_recipes
from sshbench.triplets.resize_box import resize_box
from sshbench.triplets.settings import Settings
from sshbench.triplets.shard_file import ParquetShard
from sshbench.triplets.sources import open_source
from sshbench.triplets.store import load_triplets
from tests.speed.photos import SIZE, write_photos

SETTINGS = Settings()
PHOTOS, MANY, MORE = 40, 1000, 5000
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Work:
    """The same for all who take part: photographs, their recipes, the LUTs in each tool's form."""

    paths: list[Path]
    recipes: list[Recipe]
    bank: LutBank
    filters: list[ImageFilter.Color3DLUT]

    def boxes(self, i: int) -> Sequence[tuple[float, float, float, float]]:
        return boxes(self.recipes[i], SETTINGS.crop, *SIZE)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    paths = write_photos(tmp_path_factory.mktemp("photos"), PHOTOS)
    bank = LutBank.from_folder(data_folder("luts"), size=17)
    recipes = make_recipes(SETTINGS, [path.name for path in paths], [0] * len(paths), len(bank))
    filters = [ImageFilter.Color3DLUT(bank.size, table.ravel().tolist()) for table in bank.values]
    return Work(paths, recipes, bank, filters)


@pytest.fixture(scope="module")
def folder(work: Work, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return under_many_names(work.paths, MANY, tmp_path_factory.mktemp("many"))


def under_many_names(paths: list[Path], count: int, folder: Path) -> Path:
    """A folder large enough that starting does not show."""
    for i in range(count):
        os.link(paths[i % len(paths)], folder / f"{i:05d}.jpg")
    return folder


# --- the stages, on all photographs -----------------------------------------------------------------------------------


def decoded(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


def crops(image: Image.Image, where: Sequence[tuple[float, float, float, float]]) -> list[Image.Image]:
    return [image.resize((SETTINGS.crop, SETTINGS.crop), Image.Resampling.BICUBIC, box) for box in where]


def numpy_lut(image: Pixels, table: NDArray[np.float32]) -> Pixels:
    """Trilinear interpolation in numpy, of several ways to write it the fastest here."""
    last = len(table) - 1
    place = image.astype(np.float32) / 255 * last
    low = np.minimum(place.astype(np.intp), last - 1)
    r, g, b = np.moveaxis(place - low, -1, 0)[..., None]
    i, j, k = np.moveaxis(low, -1, 0)
    out = np.zeros(image.shape, np.float32)
    for (di, wi), (dj, wj), (dk, wk) in itertools.product(*([(0, 1 - w), (1, w)] for w in (r, g, b))):
        out += wi * wj * wk * table[k + dk, j + dj, i + di]
    return (out.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def png(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def three(content: Any, reference: Any, recipe: Recipe, look: Callable[[Any, int], Any]) -> list[Any]:
    return [look(content, recipe.alpha), look(reference, recipe.beta), look(content, recipe.beta)]


def drain(results: Iterable[Any]) -> None:
    """Compute all and keep none, as a script that writes each away does: memory that is new each time is slower."""
    for _ in results:
        pass


Stage = Callable[[Work], Callable[[], Any]]
"""Prepares what comes before a stage and returns the stage itself, without arguments, on all photographs."""


def decode_sshbench(work: Work) -> Callable[[], Any]:
    files = [path.read_bytes() for path in work.paths]
    return lambda: drain(decode_photo(data, "", short_side=SETTINGS.short_side) for data in files)


def decode_pillow(work: Work) -> Callable[[], Any]:
    files = [path.read_bytes() for path in work.paths]
    return lambda: drain(np.asarray(decoded(io.BytesIO(data))) for data in files)


def crop_sshbench(work: Work) -> Callable[[], Any]:
    images = [np.asarray(decoded(path)) for path in work.paths]
    return lambda: drain(
        resize_box(image, box, SETTINGS.crop) for i, image in enumerate(images) for box in work.boxes(i)
    )


def crop_pillow(work: Work) -> Callable[[], Any]:
    images = [decoded(path) for path in work.paths]
    return lambda: drain(crops(image, work.boxes(i)) for i, image in enumerate(images))


def _pairs(work: Work) -> list[tuple[Image.Image, Image.Image]]:
    return [(c, r) for c, r in (crops(decoded(path), work.boxes(i)) for i, path in enumerate(work.paths))]


def luts_sshbench(work: Work) -> Callable[[], Any]:
    pairs = [(np.asarray(c), np.asarray(r)) for c, r in _pairs(work)]

    def look(image: Pixels, k: int) -> Pixels:
        return apply_lut(image, work.bank, k, layout="HWC")

    return lambda: drain(three(*pair, recipe, look) for pair, recipe in zip(pairs, work.recipes, strict=True))


def luts_numpy(work: Work) -> Callable[[], Any]:
    pairs = [(np.asarray(c), np.asarray(r)) for c, r in _pairs(work)]

    def look(image: Pixels, k: int) -> Pixels:
        return numpy_lut(image, work.bank.values[k])

    return lambda: drain(three(*pair, recipe, look) for pair, recipe in zip(pairs, work.recipes, strict=True))


def luts_pillow(work: Work) -> Callable[[], Any]:
    pairs = _pairs(work)

    def look(image: Image.Image, k: int) -> Image.Image:
        return image.filter(work.filters[k])

    return lambda: drain(three(*pair, recipe, look) for pair, recipe in zip(pairs, work.recipes, strict=True))


def _triplets(work: Work) -> list[list[Image.Image]]:
    return [
        three(*pair, recipe, lambda image, k: image.filter(work.filters[k]))
        for pair, recipe in zip(_pairs(work), work.recipes, strict=True)
    ]


def encode_sshbench(work: Work) -> Callable[[], Any]:
    images = [np.asarray(image) for triplet in _triplets(work) for image in triplet]
    encode = Codec.choose("png").encode
    return lambda: drain(encode(image) for image in images)


def encode_pillow(work: Work) -> Callable[[], Any]:
    images = [image for triplet in _triplets(work) for image in triplet]
    return lambda: drain(png(image) for image in images)


def encode_pillow_level_1(work: Work) -> Callable[[], Any]:
    images = [image for triplet in _triplets(work) for image in triplet]
    return lambda: drain(png(image, compress_level=1) for image in images)


NAMES = ("foreground", "background", "ground_truth")


def parquet_sshbench(work: Work, out: Path) -> Callable[[], Any]:
    """Encoded bytes under the schema of Hugging Face's `Image`."""
    encode = Codec.choose("png").encode
    run = plan(SETTINGS, open_source(str(work.paths[0].parent)), work.bank)
    rows = []
    for recipe, triplet in zip(work.recipes, _triplets(work), strict=True):
        images = {name: encode(np.asarray(image)) for name, image in zip(NAMES, triplet, strict=True)}
        boxes = {"content_box": (0.0, 0.0, 1.0, 1.0), "reference_box": (0.0, 0.0, 1.0, 1.0)}
        scalars = {"row": recipe.row, "draw": 0, "alpha": "a", "beta": "b", "alpha_strength": 1.0, "beta_strength": 1.0}
        rows.append(images | scalars | boxes)

    def write() -> None:
        with ParquetShard(out / "sshbench.parquet", run) as shard:
            for row in rows:
                shard.add(row)

    return write


def parquet_from_list(work: Work, out: Path) -> Callable[[], Any]:
    """What `datasets` makes of a list of Pillow images: it encodes them too."""
    from datasets import Dataset

    rows = [dict(zip(NAMES, triplet, strict=True)) for triplet in _triplets(work)]
    return lambda: Dataset.from_list(rows).to_parquet(out / "from_list.parquet")


STAGES: dict[str, list[Stage]] = {
    "1 decode": [decode_sshbench, decode_pillow],
    "2 crop and resize, two": [crop_sshbench, crop_pillow],
    "3 LUTs, three images": [luts_sshbench, luts_numpy, luts_pillow],
    "4 encode losslessly, three images": [encode_sshbench, encode_pillow, encode_pillow_level_1],
}


def rounds(benchmark: BenchmarkFixture, run: Callable[[], Any], triplets: int, rounds: int = 5) -> None:
    benchmark.extra_info["triplets"] = triplets
    benchmark.pedantic(run, rounds=rounds, warmup_rounds=1)


@pytest.mark.parametrize(("group", "who"), [(group, who) for group, whos in STAGES.items() for who in whos])
def test_stage(benchmark: BenchmarkFixture, work: Work, group: str, who: Stage) -> None:
    benchmark.group = group
    rounds(benchmark, who(work), PHOTOS, 3 if who is luts_numpy or who is encode_pillow else 10)


@pytest.mark.parametrize("who", [parquet_sshbench, parquet_from_list])
def test_parquet(benchmark: BenchmarkFixture, work: Work, tmp_path: Path, who: Callable[..., Any]) -> None:
    benchmark.group = "5 Parquet"
    rounds(benchmark, who(work, tmp_path), PHOTOS, 5)


# --- end to end: files in, files out ----------------------------------------------------------------------------------


def obvious_script(work: Work, out: Path) -> None:
    """What the paper says, with Pillow and numpy, to PNG files."""
    for i, (path, recipe) in enumerate(zip(work.paths, work.recipes, strict=True)):
        content, reference = map(np.asarray, crops(decoded(path), work.boxes(i)))
        triplet = three(content, reference, recipe, lambda image, k: numpy_lut(image, work.bank.values[k]))
        for name, image in zip(NAMES, triplet, strict=True):
            Image.fromarray(image).save(out / f"{i}-{name}.png")


def good_script(work: Work, out: Path) -> None:
    """The same by someone who knows Pillow: `Color3DLUT`, and zlib's fastest level."""
    for i, (path, recipe) in enumerate(zip(work.paths, work.recipes, strict=True)):
        triplet = three(*crops(decoded(path), work.boxes(i)), recipe, lambda image, k: image.filter(work.filters[k]))
        for name, image in zip(NAMES, triplet, strict=True):
            image.save(out / f"{i}-{name}.png", compress_level=1)


def datasets_map(work: Work, out: Path) -> None:
    """The good script's transformation as a function for `datasets.map`, to Parquet."""
    import datasets

    recipes = {recipe.row: (i, recipe) for i, recipe in enumerate(work.recipes)}

    def triplet(row: dict[str, Any]) -> dict[str, Any]:
        i, recipe = recipes[row["name"]]
        pair = crops(row["image"].convert("RGB"), work.boxes(i))
        return dict(zip(NAMES, three(*pair, recipe, lambda image, k: image.filter(work.filters[k])), strict=True))

    rows = {"image": [str(path) for path in work.paths], "name": [path.name for path in work.paths]}
    table = datasets.Dataset.from_dict(rows).cast_column("image", datasets.Image())
    features = datasets.Features({name: datasets.Image() for name in NAMES} | {"name": datasets.Value("string")})
    made = table.map(triplet, remove_columns="image", features=features, load_from_cache_file=False)
    made.to_parquet(out / "triplets.parquet")


def sshbench_generate(folder: Path, out: Path, workers: int = 1, store: Any = "pixels") -> None:
    source, bank = open_source(str(folder)), open_bank()
    generate(plan(SETTINGS, source, bank, store=store), source, bank, out, workers=workers, progress=False)


@pytest.mark.parametrize("who", [sshbench_generate, obvious_script, good_script, datasets_map])
def test_end_to_end(
    benchmark: BenchmarkFixture, work: Work, folder: Path, tmp_path: Path, who: Callable[..., Any]
) -> None:
    benchmark.group = "6 end to end, one process"
    ours = who is sshbench_generate
    run(benchmark, lambda out: who(folder if ours else work, out), tmp_path, MANY if ours else PHOTOS)


def sshbench_one_worker(folder: Path, out: Path) -> None:
    sshbench_generate(folder, out, workers=1)


def two_workers(folder: Path, out: Path) -> None:
    sshbench_generate(folder, out, workers=2)


@pytest.mark.parametrize("who", [sshbench_one_worker, two_workers])
def test_workers(
    benchmark: BenchmarkFixture, work: Work, tmp_path_factory: pytest.TempPathFactory, who: Callable[..., Any]
) -> None:
    benchmark.group = "7 sshbench, workers"
    folder = under_many_names(work.paths, MORE, tmp_path_factory.mktemp("more"))
    run(benchmark, lambda out: who(folder, out), tmp_path_factory.mktemp("out"), MORE, rounds=2)


def run(benchmark: BenchmarkFixture, make: Callable[[Path], Any], folder: Path, triplets: int, rounds: int = 3) -> None:
    """Measure `make` on a new folder each round."""
    number = itertools.count()

    def fresh() -> tuple[tuple[Path], dict[str, Any]]:
        shutil.rmtree(folder, ignore_errors=True)
        out = folder / str(next(number))
        out.mkdir(parents=True)
        return (out,), {}

    benchmark.extra_info["triplets"] = triplets
    benchmark.pedantic(make, setup=fresh, rounds=rounds)
    shutil.rmtree(folder)


# --- recipes ----------------------------------------------------------------------------------------------------------


def test_recipes(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "8 sshbench, recipes alone"
    rows = [f"train/{i:08d}.jpg" for i in range(20_000)]
    rounds(benchmark, lambda: make_recipes(SETTINGS, rows, [0] * len(rows), 100), len(rows))


def test_render_from_recipes(benchmark: BenchmarkFixture, folder: Path, tmp_path: Path) -> None:
    benchmark.group = "9 sshbench, rendered from a store of recipes"
    sshbench_generate(folder, tmp_path / "recipes", store="recipes")
    stored = load_triplets(tmp_path / "recipes")
    rounds(benchmark, lambda: drain(stored[i] for i in range(200)), 200)
