"""What people's data sets look like: caches beside them, several splits, mixed samples, names in two forms."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from sshbench.triplets.source import SkippedImage, SourceError
from sshbench.triplets.sources import open_source
from tests.triplets.test_sources import encoded, encoded_mask


def test_what_map_left_in_a_saved_dataset_is_passed_over(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image()})
    cells = [{"bytes": encoded(k), "path": None} for k in range(5)]
    datasets.Dataset.from_dict({"image": cells}, features=features).save_to_disk(str(tmp_path / "saved"))
    datasets.load_from_disk(str(tmp_path / "saved")).map(lambda row: {"width": 1})
    caches = list((tmp_path / "saved").glob("cache-*.arrow"))
    assert caches
    for spec in ("saved", "saved/*.arrow", ""):
        assert len(open_source(str(tmp_path / spec))) == 5, spec
    assert len(open_source(str(caches[0]))) == 5  # by its name it is read
    (tmp_path / "saved" / "state.json").unlink()
    assert len(open_source(str(tmp_path / "saved"))) == 5


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("nonsense", "state.json is damaged"),
        ("[]", "state.json is damaged"),
        ('{"_data_files": [{"filename": "other.arrow"}]}', "state.json names other.arrow, which is not there"),
        ('{"_data_files": [], "_indices_data_files": [{"filename": "x"}]}', "picks some of the rows"),
        ('{"_data_files": []}', "but no images"),
    ],
)
def test_a_saved_dataset_that_is_damaged_is_refused(tmp_path: Path, state: str, said: str) -> None:
    table = pa.table({"image": [encoded(1)]})
    with pa.OSFile(str(tmp_path / "data.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    (tmp_path / "state.json").write_text(state)
    with pytest.raises(SourceError, match=said):
        open_source(str(tmp_path))


def _tables(folder: Path, *names: str) -> str:
    for k, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"image": [encoded(k)]}), folder / name)
    return str(folder)


def test_of_files_of_several_splits_those_to_train_on_are_taken(tmp_path: Path) -> None:
    place = _tables(tmp_path / "a", "data/train-00000.parquet", "data/test-00000.parquet", "data/validation.parquet")
    assert [open_source(place).row_id(0), len(open_source(place))] == ["data/train-00000.parquet:0", 1]
    assert open_source(place).description["split"] == "train"
    assert open_source(place, split="test").row_id(0) == "data/test-00000.parquet:0"
    assert len(open_source(place, split="all")) == 3
    assert len(open_source(_tables(tmp_path / "b", "test/x.parquet", "photos.parquet"))) == 1
    assert len(open_source(_tables(tmp_path / "c", "test-0.parquet", "test-1.parquet"))) == 2
    assert len(open_source(_tables(tmp_path / "d", "contest.parquet", "trains.parquet"))) == 2
    with pytest.raises(SourceError, match="several splits and none to train on; choose --split test or validation"):
        open_source(_tables(tmp_path / "e", "test.parquet", "val.parquet"))


def _tar(path: Path, samples: dict[str, bytes]) -> str:
    with tarfile.open(path, "w") as tar:
        for name, data in samples.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return str(path)


def test_samples_with_one_image_each_are_taken_whatever_its_suffix(tmp_path: Path) -> None:
    names = ["jpg", "png", "webp", "jpg"]
    mixed = {f"{k}.{suffix}": encoded(k) for k, suffix in enumerate(names)} | {"0.json": b"{}", "1.cls": b"3"}
    source = open_source(_tar(tmp_path / "a.tar", mixed))
    assert source.description["column"] == "jpg;png;webp"
    assert [int(photo.read()[0, 0, 0]) for photo in source.photos()] == [0, 1, 2, 3]
    chosen = open_source(_tar(tmp_path / "a.tar", mixed), column="webp;jpg")
    assert int(chosen.read(2)[0, 0, 0]) == 2
    with pytest.raises(SkippedImage, match="the column webp;jpg is empty there"):
        chosen.read(1)
    assert chosen.fingerprint != source.fingerprint
    with pytest.raises(SourceError, match="has no column 'jpgg'"):
        open_source(str(tmp_path / "a.tar"), column="webp;jpgg")


def test_mixed_samples_in_several_files_and_with_masks(tmp_path: Path) -> None:
    inside = np.zeros((240, 320), np.uint8)
    inside[50:100, 50:100] = 255
    file = io.BytesIO()
    Image.fromarray(inside).save(file, "PNG")
    _tar(tmp_path / "a.tar", {"0.jpg": encoded(0), "0.mask.png": file.getvalue()})
    _tar(tmp_path / "b.tar", {"1.png": encoded(1), "1.mask.png": file.getvalue()})
    source = open_source(str(tmp_path), masks="mask.png")
    assert [int(photo.read()[0, 0, 0]) for photo in source.photos()] == [0, 1]
    assert all(photo.read_mask() is not None for photo in source.photos())
    with pytest.raises(SourceError, match="several columns hold images"):
        open_source(str(tmp_path))


def test_names_are_the_same_in_either_form_of_unicode(tmp_path: Path) -> None:
    for folder, name, data in (("photos", "cafe\u0301.png", encoded(7)), ("masks", "café.png", encoded_mask(7))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(data)
    source = open_source(str(tmp_path / "photos"), masks=str(tmp_path / "masks"))
    assert source.row_id(0) == "café.png"
    assert source.index("cafe\u0301.png") == source.index("café.png") == 0
    assert source.read_mask(0) is not None
    (tmp_path / "photos" / "café.png").write_bytes(encoded(8))  # both: two files, two ids
    both = open_source(str(tmp_path / "photos"))
    assert len({both.row_id(0), both.row_id(1)}) == 2


def test_names_in_a_webdataset_are_the_same_in_either_form_of_unicode(tmp_path: Path) -> None:
    members = {"a/cafe\u0301.png": encoded(7), "a/café.mask.png": encoded_mask(7)}
    source = open_source(_tar(tmp_path / "a.tar", members), column="png", masks="mask.png")
    assert [source.row_id(k) for k in range(len(source))] == ["a.tar:a/café"]
    assert source.read_mask(0) is not None
    assert source.index("a.tar:a/cafe\u0301") == source.index("a.tar:a/café") == 0
    with pytest.raises(SourceError, match=r"^\S*b\.tar has café\.png in two forms of Unicode; rename one$"):
        open_source(_tar(tmp_path / "b.tar", {"cafe\u0301.png": encoded(7), "café.png": encoded(8)}))


def test_masks_of_two_files_for_one_photograph_are_refused(tmp_path: Path) -> None:
    for name in ("photos/a.png", "masks/a.png", "masks/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(encoded(7))
    with pytest.raises(SourceError, match=r"a\.jpg and a\.png are both the mask of a;"):
        open_source(str(tmp_path / "photos"), masks=str(tmp_path / "masks"))
