"""One rule for ids: what leads out is refused, what no file can be named by fails alone, the rest is evaluated."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from sshbench.benchmarks.composite import Benchmark, BenchmarkError, Composite
from sshbench.benchmarks.ids import check_ids, fault_of, leads_out, usable_ids
from sshbench.benchmarks.open import open_benchmark
from sshbench.benchmarks.protocol import get_protocol
from sshbench.cli.main import main
from sshbench.methods.base import MethodError
from sshbench.methods.predictions import FolderPredictions
from sshbench.results.folder import prediction_file, records_file
from sshbench.results.records import RecordsError, read_records
from sshbench.results.run import evaluate

OUTSIDE = ["../a", "a/../../b", "/a", "\\a", "..\\a", "C:/a", "C:\\a", "C:", "..", "a/.."]
UNUSABLE = {
    "": "is empty",
    ".": "is empty",
    "./": "is empty",
    "a\0": "has control characters",
    "a\nb": "has control characters",
    "\x1b[2J": "has control characters",
    "caf\udce9": "is not UTF-8",
    "x" * 300: "is too long",
    "é" * 130: "is too long",
    "a/" * 600 + "b": "is too long",
}
USABLE = [
    "a",
    "a/b",
    "./a",
    "a//b",
    "a b",
    "a.png",
    "...",
    "..a",
    "a..",
    ".a",
    "a:b",
    "été",
    "a\u202f.x",
    "~",
    "-rf",
    "a\\b",
    "%s",
]


@pytest.mark.parametrize("id", OUTSIDE)
def test_what_leads_out_is_refused_with_all_that_came_with_it(id: str) -> None:
    assert leads_out(id)
    with pytest.raises(BenchmarkError, match=r"^x: the id .* leads out of a folder of results"):
        usable_ids("x", ["good", id])


@pytest.mark.parametrize("id", UNUSABLE)
def test_what_no_file_can_be_named_by_fails_alone(id: str) -> None:
    assert UNUSABLE[id] in str(fault_of(id))
    listed, faults = usable_ids("x", ["good", id, "other"])
    good, stand_in, other = listed
    assert (good, other) == ("good", "other")
    assert UNUSABLE[id] in faults[stand_in]
    assert fault_of(stand_in) is None
    assert not leads_out(stand_in)
    with pytest.raises(BenchmarkError, match=UNUSABLE[id]):
        check_ids("x", ["good", id])


def test_others_stay_as_they_are(tmp_path: Path) -> None:
    assert usable_ids("x", USABLE[:2] + USABLE[4:]) == (USABLE[:2] + USABLE[4:], {})
    for id in USABLE:
        path = prediction_file(tmp_path, "m", id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(id)
        assert path.resolve().is_relative_to(tmp_path / "predictions" / "m")


@pytest.mark.parametrize(
    ("ids", "fails"),
    [
        (["a", "a.png/b"], 1),
        (["a.png/b", "a"], 0),
        (["a", "a.npy/b/c"], 1),
        (["a", "./a"], 1),
        (["a/b", "a//b"], 1),
        (["x/a", "x/a.png/y"], 1),
        (["x/a", "a.png/y"], None),
        (["a", "a/b"], None),
        (["a.png", "a.png/b"], None),
        (["a", "a.jpg/b"], None),
    ],
)
def test_two_that_need_the_same_file(ids: list[str], fails: int | None) -> None:
    listed, faults = usable_ids("x", ids)
    assert [number for number, id in enumerate(listed) if id in faults] == ([] if fails is None else [fails])


def test_stand_ins_are_not_equal() -> None:
    listed, faults = usable_ids("x", ["a" * 300, "a" * 301, "\0", "\1"])
    assert len(set(listed)) == len(faults) == 4


@pytest.mark.parametrize("method", ["../../evil", "/evil", "a/b", "", ".", "..", "a\0", "é", "-x", "a" * 201, "a b"])
def test_a_method_s_name_is_part_of_a_path_too(method: str, tmp_path: Path) -> None:
    for make in (lambda: records_file(tmp_path, method, "p"), lambda: prediction_file(tmp_path, method, "a")):
        with pytest.raises(RecordsError, match="is not of up to 200 letters, digits"):
            make()


@pytest.mark.parametrize("id", [*OUTSIDE, *UNUSABLE])
def test_no_path_is_made_of_such_an_id(id: str, tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="is no path in a folder of results"):
        prediction_file(tmp_path, "m", id)


def _png(array: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


IMAGE = _png(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8))
MASK = _png(np.pad(np.full((20, 20), 255, np.uint8), 10))


def _parquet(path: Path, ids: Sequence[Any], kind: pa.DataType | None = None) -> Path:
    images, masks = [IMAGE] * len(ids), [MASK] * len(ids)
    column = pa.array(ids, kind or pa.string())
    if kind == pa.binary():  # bytes that say that they are text
        column = column.view(pa.string())
    pq.write_table(pa.table({"id": column, "composite": images, "mask": masks, "target": images}), path)
    return path


def _evaluate(benchmark: Benchmark, out: Path) -> dict[str, str | None]:
    records = evaluate(benchmark, ["dc"], [get_protocol("sshbench-v1")], out, metrics=["psnr"], workers=1)
    assert {record.id: record for record in read_records([out])} == {record.id: record for record in records}
    return {record.id: record.failed for record in records}


@pytest.mark.parametrize("id", ["../../../../victim/photo", "{absolute}", "../../../../victim/data"])
def test_a_table_writes_nothing_outside(id: str, tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "photo.png").write_text("precious")
    np.save(tmp_path / "victim" / "data.npy", np.arange(9))
    before = {path: path.read_bytes() for path in (tmp_path / "victim").iterdir()}
    path = _parquet(tmp_path / "x.parquet", ["a", id.format(absolute=tmp_path / "victim" / "photo")])
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "-m", "dc", "-s", "parquet", "--root", str(path), "--metrics", "psnr", "-w", "1", "-q",
              "-o", str(tmp_path / "results" / "x")])  # fmt: skip
    assert ended.value.code == 2
    assert {path: path.read_bytes() for path in (tmp_path / "victim").iterdir()} == before
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("x" * 300, "too long"),
        ("b\0", "control characters"),
        ("a.png/b", "name of a file of 'a'"),
        ("", "is empty"),
        ("./a", "path of another"),
    ],
)
def test_a_bad_id_of_a_table_fails_alone(bad: str, why: str, tmp_path: Path) -> None:
    found = _evaluate(open_benchmark("parquet", _parquet(tmp_path / "x.parquet", ["a", bad, "c"])), tmp_path / "out")
    assert [failed is None for failed in found.values()] == [True, False, True]
    assert why in str(list(found.values())[1])


def test_a_table_s_ids_that_are_not_utf_8(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "x.parquet", [b"a", b"caf\xe9", b"c"], pa.binary())
    found = _evaluate(open_benchmark("parquet", path), tmp_path / "out")
    assert [failed is None for failed in found.values()] == [True, False, True]
    assert r"the id 'caf\udce9' is not UTF-8; rename it" in str(list(found.values())[1])


def test_a_file_s_name_that_is_not_utf_8(tmp_path: Path) -> None:
    for role, image in (("composite", IMAGE), ("mask", MASK), ("target", IMAGE)):
        (tmp_path / "f" / role).mkdir(parents=True)
        for name in (b"good.png", b"caf\xe9.png"):
            (tmp_path / "f" / role / os.fsdecode(name)).write_bytes(image)
    found = _evaluate(open_benchmark("folder", tmp_path / "f"), tmp_path / "out")
    assert {id: failed is None for id, failed in found.items()}.pop("good")
    assert sum(failed is not None for failed in found.values()) == 1


class _Own:
    """A benchmark of somebody's own."""

    name = "own"

    def __init__(self, id: str) -> None:
        self._id = id

    def __len__(self) -> int:
        return 1

    def ids(self) -> list[str]:
        return [self._id]

    def __getitem__(self, key: int | str, /) -> Composite:
        raise AssertionError


@pytest.mark.parametrize("id", ["../a", "a\0", "caf\udce9"])
def test_a_benchmark_of_one_s_own_is_held_to_the_rule(id: str, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"^own: the id "):
        evaluate(_Own(id), ["dc"], [get_protocol("sshbench-v1")], tmp_path / "out")
    assert not (tmp_path / "out").exists()


class TestNamesOfPredictions:
    @pytest.mark.parametrize("name", ["", "../../evil", "/tmp/evil", "a/b", "..", "a\nb", "x" * 201, "夏"])
    def test_a_name_that_is_no_method_s(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(IMAGE)
        with pytest.raises(MethodError, match=r"the name .* is not of up to 200 letters, digits and"):
            FolderPredictions(tmp_path, ["a"], name)

    @pytest.mark.parametrize(
        ("folder", "name"), [("mine", "mine"), ("my results (2)", "my-results-2"), ("été", "t"), (".hidden", "hidden")]
    )
    def test_by_default_it_is_the_folder_s(self, folder: str, name: str, tmp_path: Path) -> None:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(IMAGE)
        assert FolderPredictions(tmp_path / folder, ["a"]).name == name

    def test_a_folder_of_no_letters_asks_for_a_name(self, tmp_path: Path) -> None:
        (tmp_path / "夏").mkdir()
        (tmp_path / "夏" / "a.png").write_bytes(IMAGE)
        with pytest.raises(MethodError, match=r"夏: its name has no letter or digit .*; give NAME=DIR"):
            FolderPredictions(tmp_path / "夏", ["a"])
