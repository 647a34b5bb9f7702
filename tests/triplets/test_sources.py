"""Every kind of source lists the same photographs with ids that stay; what is none is refused in a sentence."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from sshbench.triplets.recipe import make_recipe
from sshbench.triplets.settings import Settings
from sshbench.triplets.source import Partners, SkippedImage, Source, SourceError
from sshbench.triplets.sources import open_source
from tests.images.odd_images import photo, saved

COUNT = 40


def colour(k: int) -> NDArray[np.uint8]:
    """A photograph that tells its number."""
    out = photo().copy()
    out[:8] = k
    return out


def encoded(k: int) -> bytes:
    return saved(Image.fromarray(colour(k)), "PNG", compress_level=0)


def mask(k: int) -> NDArray[np.uint8]:
    out = np.zeros((60, 80), np.uint8)
    out[10 + k % 20 : 50, 10:40] = 255
    return out


def encoded_mask(k: int) -> bytes:
    return saved(Image.fromarray(mask(k)), "PNG")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for k in range(COUNT):
        path = root / ("a" if k % 2 else "b/c") / f"{k:02d}.{'PNG' if k % 3 else 'png'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(k))
    return root


IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def table(first: int, last: int, form: str = "struct") -> pa.Table:
    numbers = range(first, last)
    if form == "struct":
        column = pa.array([{"bytes": encoded(k), "path": None} for k in numbers], IMAGE)
    else:
        column = pa.array([encoded(k) for k in numbers], pa.binary())
    masks = pa.array([{"bytes": encoded_mask(k), "path": None} if k % 2 else None for k in numbers], IMAGE)
    return pa.table(
        {"label": pa.array(list(numbers)), "image": column, "mask": masks, "text": [f"photo {k}" for k in numbers]}
    )


def write_parquet(root: Path) -> str:
    pq.write_table(table(0, 15), root / "train-00000-of-00002.parquet", row_group_size=4)
    pq.write_table(table(15, COUNT), root / "train-00001-of-00002.parquet", row_group_size=100)
    return str(root)


def write_binary_parquet(root: Path) -> str:
    pq.write_table(table(0, COUNT, "binary"), root / "all.parquet", row_group_size=9)
    return str(root / "all.parquet")


def write_arrow(root: Path) -> str:
    for first, last, opened in ((0, 15, pa.ipc.new_stream), (15, COUNT, pa.ipc.new_file)):
        with opened(str(root / f"data-{first:05d}.arrow"), table(0, 1).schema) as file:
            file.write_table(table(first, last), max_chunksize=6)
    return str(root / "data-*.arrow")


def write_tars(root: Path) -> str:
    for first, last in ((0, 15), (15, COUNT)):
        with tarfile.open(root / f"shard-{first:05d}.tar", "w") as tar:
            for k in range(first, last):
                files = {"png": encoded(k), "json": b"{}"} | ({"mask.png": encoded_mask(k)} if k % 2 else {})
                for suffix, data in files.items():
                    member = tarfile.TarInfo(f"x/{k:03d}.{suffix}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
    return str(root)


TABLES: dict[str, tuple[Callable[[Path], str], dict[str, str]]] = {
    "parquet": (write_parquet, {"column": "image", "masks": "mask"}),
    "binary parquet": (write_binary_parquet, {"column": "image", "masks": "mask"}),
    "arrow": (write_arrow, {"column": "image", "masks": "mask"}),
    "webdataset": (write_tars, {"column": "png", "masks": "mask.png"}),
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_give_the_same_photographs_in_any_order(kind: str, tmp_path: Path) -> None:
    write, options = TABLES[kind]
    source = open_source(write(tmp_path), **options)  # type: ignore[arg-type]
    assert isinstance(source, Source)
    assert len(source) == COUNT
    ids = [source.row_id(i) for i in range(COUNT)]
    assert len(set(ids)) == COUNT
    forward = list(range(COUNT))
    mixed = list(np.random.default_rng(0).permutation(COUNT))
    for k in [*forward, *forward[::-1], *mixed]:
        assert np.array_equal(source.read(int(k)), colour(int(k)))
    for k in range(COUNT):
        found = source.read_mask(k)
        assert (found is None) if k % 2 == 0 else np.array_equal(found, mask(k))
        assert source.index(ids[k]) == k
    assert [p.row for p in source.photos(10, 20)] == ids[10:20]
    assert [int(p.read()[0, 0, 0]) for p in source.photos(13)] == list(range(13, COUNT))
    copy = pickle.loads(pickle.dumps(source))
    assert np.array_equal(copy.read(3), colour(3))
    with pytest.raises(SourceError, match="no longer holds nothing:5"):
        source.index("nothing:5")


def test_ids_of_table_rows_are_file_and_place(tmp_path: Path) -> None:
    source = open_source(write_parquet(tmp_path), column="image")
    assert source.row_id(17) == "train-00001-of-00002.parquet:2"
    (tmp_path / "tar").mkdir()
    assert open_source(write_tars(tmp_path / "tar"), column="png").row_id(17) == "shard-00015.tar:x/017"


def test_a_folder_lists_the_photographs_in_it(folder: Path) -> None:
    source = open_source(str(folder))
    ids = [source.row_id(i) for i in range(len(source))]
    assert len(ids) == COUNT
    assert ids == sorted(ids)
    assert ids[0] == "a/01.PNG"
    assert ids[-1] == "b/c/38.PNG"
    for i in (0, 7, 39):
        assert source.index(ids[i]) == i
        assert np.array_equal(source.read(i), colour(int(Path(ids[i]).stem)))
    assert source.read_mask(0) is None
    assert [p.row for p in source.photos(5, 1000)] == ids[5:]
    assert len(pickle.loads(pickle.dumps(source))) == COUNT


def test_adding_photographs_changes_no_others_id_or_recipe(folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(folder, root)
    before = open_source(str(root))
    (root / "a" / "00000.png").write_bytes(encoded(0))
    (root / "new").mkdir()
    (root / "new" / "1.png").write_bytes(encoded(1))
    after = open_source(str(root))
    recipes = [
        {row: make_recipe(Settings(), row, 0, 9) for row in map(s.row_id, range(len(s)))} for s in (before, after)
    ]
    assert len(after) == COUNT + 2
    assert recipes[0].items() <= recipes[1].items()
    assert before.fingerprint != after.fingerprint
    assert open_source(str(folder)).fingerprint == before.fingerprint


def test_what_is_no_photograph_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(encoded(1))
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / ".hidden.png").write_bytes(encoded(1))
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "a.png").write_bytes(encoded(1))
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "folder.jpg" / "inside.png").write_bytes(encoded(2))
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    source = open_source(str(tmp_path))
    assert [source.row_id(i) for i in range(len(source))] == ["folder.jpg/inside.png", "real.png"]


def test_linked_folders_are_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert open_source(str(tmp_path)).row_id(0) == "link/a/01.PNG"


def test_damaged_photographs_are_listed_and_skipped_when_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(1)[:1000])
    (tmp_path / "b.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "c.png").write_bytes(encoded(1))
    source = open_source(str(tmp_path))
    assert len(source) == 3
    for i, name in enumerate(("a.png", "b.heic")):
        with pytest.raises(SkippedImage) as caught:
            source.read(i)
        assert caught.value.row == name
    (tmp_path / "c.png").unlink()
    with pytest.raises(SkippedImage, match=r"c\.png: cannot be read \(No such file or directory\)"):
        source.read(2)


def test_names_that_are_not_unicode_get_ids_that_are(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    try:
        with open(name, "wb") as file:
            file.write(encoded(5))
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    source = open_source(str(tmp_path))
    assert source.row_id(0) == "caf\\xe9.png"
    assert np.array_equal(source.read(source.index("caf\\xe9.png")), colour(5))


def test_masks_go_by_the_photographs_names(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "01.jpg").write_bytes(encoded_mask(1))
    (tmp_path / "a" / "03.png").write_bytes(b"damaged")
    source = open_source(str(folder), masks=str(tmp_path))
    assert np.array_equal(source.read_mask(source.index("a/01.PNG")), mask(1))
    assert source.read_mask(source.index("a/05.PNG")) is None
    with pytest.raises(SkippedImage, match="its mask is not an image"):
        source.read_mask(source.index("a/03.png"))
    with pytest.raises(SourceError, match="no such folder with masks"):
        open_source(str(folder), masks=str(tmp_path / "nothing"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.png").write_bytes(encoded_mask(1))
    with pytest.raises(SourceError, match="no mask has the name of a photograph"):
        open_source(str(folder), masks=str(tmp_path / "other"))


def test_patterns_files_and_home_are_places_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert len(open_source(str(folder / "b" / "c" / "0*.png"))) == 2
    assert len(open_source(str(folder / "*" / "*.PNG"))) == COUNT // 3
    assert len(open_source(str(folder / "a" / "01.PNG"))) == 1
    assert len(open_source("~/a")) == COUNT // 2
    assert len(open_source("~/**/*.png")) == 14


def test_a_column_is_chosen_where_one_can_be_meant(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(table(0, 3).select(["label", "mask"]), path)
    assert open_source(str(path)).description["column"] == "mask"
    pq.write_table(table(0, 3), path)
    assert open_source(str(path)).description["column"] == "image"
    pq.write_table(table(0, 3).rename_columns(["label", "left", "right", "text"]), path)
    with pytest.raises(SourceError, match="several columns hold images; choose --column left or right"):
        open_source(str(path))
    assert open_source(str(path), masks="right").description["column"] == "left"
    with pytest.raises(SourceError, match=r"no column 'lefft'; did you mean 'left'\?"):
        open_source(str(path), column="lefft")
    with pytest.raises(SourceError, match="no column 'zzz'; there are label, left, right, text"):
        open_source(str(path), column="zzz")
    with pytest.raises(SourceError, match="the column 'label' holds no images; those that may are left, right"):
        open_source(str(path), column="label")
    pq.write_table(table(0, 3).select(["label"]), path)
    with pytest.raises(SourceError, match="no column holds images; there are label"):
        open_source(str(path))


def test_damaged_groups_of_rows_are_skipped_and_others_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(table(0, 30).select(["image"]), path, row_group_size=10, compression="zstd")
    start = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 10] = bytes(10)
    path.write_bytes(data)
    source = open_source(str(path))
    for k in (25, 3, 12, 4, 19, 29, 10, 0):
        if 10 <= k < 20:
            with pytest.raises(SkippedImage, match=rf"a\.parquet:{k}: cannot be read \(damaged group of rows"):
                source.read(k)
        else:
            assert np.array_equal(source.read(k), colour(k))


def test_cells_may_be_paths_or_empty(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "7.png").write_bytes(encoded(7))
    pq.write_table(pa.table({"file": ["images/7.png", "images/8.png", None]}), tmp_path / "a.parquet")
    source = open_source(str(tmp_path / "a.parquet"))
    assert np.array_equal(source.read(0), colour(7))
    with pytest.raises(SkippedImage, match=r"a\.parquet:1: the file images/8\.png that is named there: No such file"):
        source.read(1)
    with pytest.raises(SkippedImage, match=r"a\.parquet:2: the column file is empty there"):
        source.read(2)


def test_splits_go_by_the_files_names(tmp_path: Path) -> None:
    for split, count in (("train", 5), ("test", 3)):
        pq.write_table(table(0, count), tmp_path / f"{split}-00000-of-00001.parquet")
    assert len(open_source(str(tmp_path), column="image")) == 5
    assert len(open_source(str(tmp_path), column="image", split="test")) == 3
    assert len(open_source(str(tmp_path), column="image", split="all")) == 8
    with pytest.raises(SourceError, match="no file has the split 'valid' in its name"):
        open_source(str(tmp_path), split="valid")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: None, "holds no images, Parquet, Arrow or .tar files; give a folder with photographs"),
        (lambda p: (p / "a.txt").write_text("x"), "holds 1 files, but no images"),
        (lambda p: (p / "a.parquet").write_bytes(b"PAR1 and nothing"), "a.parquet is damaged or not a parquet file"),
        (lambda p: (p / "a.arrow").write_bytes(b"nothing"), "a.arrow is damaged or not a arrow file"),
        (lambda p: (p / "a.tar").write_bytes(b"nothing" * 100), "a.tar is damaged or not a webdataset file"),
        (lambda p: pq.write_table(table(0, 0), p / "a.parquet"), "holds no rows"),
    ],
)
def test_places_without_photographs_are_refused(tmp_path: Path, make: Callable[[Path], Any], said: str) -> None:
    make(tmp_path)
    with pytest.raises(SourceError, match=said) as caught:
        open_source(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options", [{"config": "a"}, {"split": "train"}, {"column": "image"}, {"revision": "1"}, {"streaming": True}]
)
def test_options_of_datasets_are_refused_for_folders(folder: Path, options: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match=f"--{next(iter(options))} is for datasets, but .* is a folder of images"):
        open_source(str(folder), **options)


@pytest.mark.parametrize("name", ["./photos", "/nowhere/photos", "a/b/c", "a b", "~/nothing", "*.parquet"])
def test_places_that_do_not_exist_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError):
        open_source(name)


def test_the_embedded_sample_needs_nothing() -> None:
    source = open_source("sample")
    assert len(source) == 12
    assert {"astronaut.jpg", "chelsea.jpg", "coffee.jpg", "rocket.jpg"} <= {source.row_id(i) for i in range(12)}
    readme = (Path(source.found.root) / "README.md").read_text()  # type: ignore[attr-defined]
    for photo_ in source.photos():
        assert min(photo_.read().shape[:2]) >= 300
        assert f"`{photo_.row}`" in readme


def test_a_folder_called_sample_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "1.png").write_bytes(encoded(1))
    monkeypatch.chdir(tmp_path)
    assert len(open_source("sample")) == 1


def test_urls_are_read_through_fsspec(folder: Path, tmp_path: Path) -> None:
    fs = fsspec.filesystem("memory")
    fs.put(str(folder), "/bucket/photos", recursive=True)
    fs.put(write_parquet(tmp_path), "/bucket/table", recursive=True)
    there, here = open_source("memory://bucket/photos"), open_source(str(folder))
    assert [there.row_id(i) for i in range(len(there))] == [here.row_id(i) for i in range(len(here))]
    assert np.array_equal(there.read(3), here.read(3))
    assert there.fingerprint == here.fingerprint
    tables = open_source("memory://bucket/table", column="image")
    assert np.array_equal(tables.read(20), colour(20))
    assert len(open_source("memory://bucket/table/train-00001*.parquet", column="image")) == COUNT - 15
    with pytest.raises(SourceError, match="nothing is there"):
        open_source("memory://bucket/nothing")
    with pytest.raises(SourceError, match="nosuch"):
        open_source("nosuch://bucket/photos")


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A dataset that `datasets` opens by a name without a network."""
    pytest.importorskip("datasets")
    import datasets

    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    root = tmp_path / "hub"
    root.mkdir()
    features = datasets.Features(
        {
            "label": datasets.Value("int64"),
            "image": datasets.Image(),
            "mask": datasets.Image(),
            "text": datasets.Value("string"),
        }
    )
    for split, first, last in (("train", 0, 30), ("test", 30, COUNT)):
        data = datasets.Dataset.from_dict(table(first, last).to_pydict(), features=features)
        data.to_parquet(str(root / f"{split}-00000-of-00001.parquet"))
    return str(root)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_dataset_gives_its_rows(dataset: str, streaming: bool) -> None:
    from sshbench.triplets.source_hub import open_hub

    def opened(**options: Any) -> Any:
        names = ("config", "split", "column", "revision", "masks")
        asked = dict.fromkeys(names) | {"column": "image", "masks": "mask", "streaming": streaming} | options
        return open_hub(dataset, **asked, min_side=224, max_pixels=10**8)

    source = opened(split="test")
    assert source.streaming == streaming
    rows = list(source.photos(2, 6))
    assert [row.row.split(":")[1:] for row in rows] == [["test", str(i)] for i in range(2, 6)]
    assert rows[0].row.startswith(source.description["revision"])
    for k, row in enumerate(rows, 32):
        assert np.array_equal(row.read(), colour(k))
        found = row.read_mask()
        assert (found is None) if k % 2 == 0 else np.array_equal(found, mask(k))
    assert len(list(source.photos(7))) == 3
    assert [p.row.split(":")[2] for p in source.photos(8, 20)] == ["8", "9"]
    assert [p.row.split(":")[2] for p in source.photos(0, 2)] == ["0", "1"]
    half = source.photos(2, 9)
    assert next(half).row.endswith(":2")
    assert [int(p.read()[0, 0, 0]) for p in source.photos(3, 5)] == [33, 34]
    assert list(source.photos(10, 12)) == []
    assert opened().description["split"] == "train"
    with pytest.raises(SourceError, match=r"tset.*train.*test"):
        opened(split="tset")
    with pytest.raises(SourceError, match="did you mean 'image'"):
        opened(column="imag")
    if streaming:
        with pytest.raises(SourceError, match="is a stream"):
            len(source)
        assert [int(p.read()[0, 0, 0]) for p in pickle.loads(pickle.dumps(source)).photos(1, 3)] == [31, 32]
    else:
        assert len(source) == 10
        assert np.array_equal(source.read(4), colour(34))
        assert source.index(source.row_id(4)) == 4
        assert np.array_equal(pickle.loads(pickle.dumps(source)).read(4), colour(34))
        with pytest.raises(SourceError, match="another revision or split"):
            source.index("other:test:4")


def test_a_stream_is_read_once_for_all_its_parts() -> None:
    from sshbench.triplets.source_hub import HubSource

    read: list[int] = []

    class Stream:
        def __iter__(self) -> Any:
            for k in range(20):
                read.append(k)
                if k == 17:
                    raise ConnectionError("gone")
                yield {"image": {"bytes": encoded(k)}}

    names = {"spec": "a/b", "config": None, "split": "train", "column": "image", "masks": None, "revision": "0"}
    source = HubSource(Stream(), names, 8, 10**8)
    for start in (0, 5, 10):
        assert len(list(source.photos(start, start + 5))) == 5
    assert read == list(range(15))
    with pytest.raises(SourceError, match=r"a/b: the stream broke off at row 17 \(gone\); run it again to go on"):
        list(source.photos(15, 20))


def test_saved_datasets_are_opened_where_they_are(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image()})
    cells = [{"bytes": encoded(k), "path": None} for k in range(5)]
    datasets.Dataset.from_dict({"image": cells}, features=features).save_to_disk(str(tmp_path / "saved"))
    source = open_source(str(tmp_path / "saved"))
    assert [int(p.read()[0, 0, 0]) for p in source.photos()] == [0, 1, 2, 3, 4]


def test_without_a_network_a_dataset_is_refused_in_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    code = (
        "from sshbench.triplets.sources import open_source, SourceError\n"
        "import sys\n"
        "try: open_source('nobody/nothing')\n"
        "except SourceError as error: print(error)\n"
        "assert 'torch' not in sys.modules\n"
    )
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert "nobody/nothing is no folder or file here, and the hub cannot be reached" in result.stdout
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""


def test_partners_are_other_photographs_and_spread_evenly() -> None:
    rows = [f"{i}.jpg" for i in range(50)]
    partners = Partners(rows)
    rng = np.random.default_rng(0)
    counts = dict.fromkeys(rows, 0)
    for seed in rng.integers(0, 2**63, 20_000):
        order = list(partners.of(int(seed), "7.jpg"))
        assert sorted(order) == sorted(set(rows) - {"7.jpg"})
        counts[order[0]] += 1
    assert counts["7.jpg"] == 0
    assert min(v for k, v in counts.items() if k != "7.jpg") > 0
    assert list(Partners(["7.jpg"]).of(5, "7.jpg")) == []


def test_an_added_photograph_becomes_the_partner_of_few_and_changes_no_other() -> None:
    rows = [f"{i}.jpg" for i in range(500)]
    before, after = Partners(rows), Partners([*rows, "new.jpg"])
    seeds = [int(s) for s in np.random.default_rng(1).integers(0, 2**63, 5000)]
    pairs = [(next(before.of(s, "3.jpg")), next(after.of(s, "3.jpg"))) for s in seeds]
    changed = [new for old, new in pairs if old != new]
    assert set(changed) <= {"new.jpg"}
    assert len(changed) < 5000 * 0.02
