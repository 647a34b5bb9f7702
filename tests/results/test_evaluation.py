"""`sshbench.evaluate` and the names beside it, as a script or a notebook uses them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import sshbench
from sshbench.benchmarks.protocol import PROTOCOLS
from sshbench.errors import SshbenchError
from sshbench.results.records import read_records
from tests.results.standin import Standin

SCRIPT = """
import sshbench
print("begins")

FACTOR = 2

class Mine:
    def __init__(self, strength=1.0):
        self.strength = strength

    def harmonize(self, batch):
        return [half(c) for c in batch]

def half(composite):
    return composite.composite // FACTOR

found = sshbench.evaluate("sample", [Mine(0.5), half, lambda c: c.composite, "dc"],
                          metrics=["psnr"], limit=2, workers=2)
table = found.table()
print(dict(sorted(table["n"].items())))
assert "failed" not in found.records()
"""


PROCESSES = """
import functools, sshbench

@functools.lru_cache
def factor():
    return 2

def kept(composite):
    return composite.composite // factor()

def half(composite):
    import beside
    return composite.composite // beside.FACTOR

class Mine:
    def harmonize(self, batch):
        return [half(c) for c in batch]

def run(method, **more):
    return sshbench.evaluate("sample", method, metrics=["psnr"], limit=2, **more).records()

try:
    run(kept, workers=2)
except sshbench.SshbenchError as error:
    print(error)
print(len(run(kept)))
print(*[run(method, workers=n)["method_hash"].unique().item() for method in (half, Mine, Mine()) for n in (1, 2)])
"""


CHANGED = """
import warnings
import conf, mine, sshbench

conf.FACTOR = 2
for one in (mine.half, mine.Mine, mine.Mine()):
    for workers in (1, 2, None):
        with warnings.catch_warnings(record=True) as caught:
            found = sshbench.evaluate("sample", one, metrics=["psnr"], limit=1, workers=workers)
        print(found.records()["psnr"].item(), *{str(one.message) for one in caught}, sep="|")
try:
    sshbench.evaluate("sample", mine.half, metrics=["psnr"], limit=1, time_limit=60)
except sshbench.SshbenchError as error:
    print(error)
"""


def script(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(text)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])}
    words = [sys.executable, "script.py"]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def half(composite: sshbench.Composite) -> np.ndarray:
    return composite.composite // 2


def evaluate(*methods: Any, **more: Any) -> sshbench.Evaluation:
    return sshbench.evaluate(Standin(3), list(methods), **{"metrics": ["psnr", "mse"], "workers": 1, **more})


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    result = script(SCRIPT, tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "begins\n{'dc': 2, 'half': 2, 'lambda': 2, 'mine': 2}\n"
    assert result.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


def test_processes_know_methods_by_the_same_hash_or_say_what_they_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("FACTOR = 2\n")
    result = script(PROCESSES, tmp_path)
    assert result.returncode == 0, result.stderr
    refused, kept, hashes = result.stdout.splitlines()
    assert refused.startswith("an object cannot be sent to worker processes (AttributeError: ")
    assert refused.endswith("use --workers 1, or workers=1 in Python")
    assert kept == "2"  # if no number of processes is asked for, this process does the work
    each = hashes.split()
    assert each[::2] == each[1::2]
    assert len(set(each)) == 3


def test_a_value_that_a_script_sets_in_a_module_counts_with_every_number_of_processes(tmp_path: Path) -> None:
    (tmp_path / "conf.py").write_text("FACTOR = 1\n")
    (tmp_path / "mine.py").write_text(
        "import conf\n"
        "def half(composite): return composite.composite // conf.FACTOR\n"
        "class Mine:\n    def harmonize(self, batch): return [half(c) for c in batch]\n"
    )
    result = script(CHANGED, tmp_path)
    assert result.returncode == 0, result.stderr
    *lines, refused = result.stdout.splitlines()
    assert len({line.partition("|")[0] for line in lines}) == 1
    assert [line.endswith("does not reach the process; this process does all the work") for line in lines] == [
        *(False, True, False) * 3
    ]
    assert refused.endswith("does not reach the process; run without a time limit, which needs such a process")


def test_tables_and_records_are_frames() -> None:
    found = evaluate(half, "dc", "ceiling-linear")
    table = found.table()
    assert isinstance(table, pandas.DataFrame)
    assert set(table.index) == {"half", "dc", "ceiling-linear"}
    assert table.attrs["best"]["psnr"] == "dc"
    records = found.records()
    assert list(records.columns[:7]) == ["id", "benchmark", "method", "protocol", "protocol_version", "psnr", "mse"]
    assert len(records) == 9
    assert {"subset", "foreground_ratio", "seconds"} <= set(records.columns)
    assert "failed" not in records.columns
    assert records[records["method"] == "half"]["psnr"].mean() == pytest.approx(table.loc["half", "psnr"])
    assert repr(found) == "<Evaluation of half, dc, ceiling-linear on 3 images; see .table() and .records()>"
    assert found.out is None


def test_one_method_and_several_protocols(tmp_path: Path) -> None:
    found = evaluate(half, protocol=["sshbench-v1", PROTOCOLS["dovenet"]], out=tmp_path / "out")
    one = sshbench.evaluate(Standin(3), half, ["sshbench-v1", "dovenet"], metrics=["psnr", "mse"], out=tmp_path / "out")
    assert one.rows == found.rows
    assert sorted(read_records([tmp_path / "out"]), key=repr) == sorted(found.rows, key=repr)
    assert found.table(protocol="dovenet").attrs["protocol"] == "dovenet"
    with pytest.raises(SshbenchError, match="2 protocols"):
        found.table()


def test_processes_run_the_package_of_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "sshbench"
    other.mkdir()
    (other / "__init__.py").write_text("raise ImportError('another copy')")
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    one, two = (evaluate("dc", workers=count).records() for count in (1, 2))
    assert one["method_hash"].tolist() == two["method_hash"].tolist()


def test_what_failed_is_said() -> None:
    def fails(composite: Any) -> Any:
        raise ValueError("no idea")

    found = evaluate(fails, "dc")
    assert found.records()["failed"].dropna().tolist() == ["ValueError: no idea"] * 3
    assert "Traceback" in found.records()["traceback"][0]
    assert "3 records failed" in repr(found)


def test_bad_input_is_one_sentence() -> None:
    for more, said in (
        ({"methods": []}, "there is no method"),
        ({"methods": ["reinhart"]}, "did you mean 'reinhard'"),
        ({"protocol": "dovent"}, "did you mean 'dovenet'"),
        ({"metrics": ["pnsr"]}, "did you mean 'psnr'"),
        ({"metrics": "psnr"}, r"metrics is a list of names, such as \['psnr'\], not a text"),
        ({"limit": -1}, "limit is a whole number of at least 1, not -1"),  # which would leave out the last image
        ({"limit": 0}, "limit is a whole number"),
        ({"limit": 2.5}, "limit is a whole number"),
        ({"batch_size": 0}, "batch_size is a whole number of at least 1, not 0"),
        ({"workers": -1}, "workers is a whole number"),
        ({"workers": True}, "workers is a whole number"),
        ({"time_limit": float("nan")}, "time_limit is a number of seconds above 0, not nan"),
        ({"time_limit": 0}, "time_limit is a number of seconds"),
    ):
        with pytest.raises(SshbenchError, match=said):
            sshbench.evaluate("sample", **{"methods": ["dc"], "workers": 1, **more})


def test_names_of_the_package_load_when_they_are_used() -> None:
    names = ["Composite", "Method", "Protocol", "evaluate", "get_method", "load_benchmark", "harmonize"]
    assert set(names) <= set(dir(sshbench))
    for name in dir(sshbench):
        assert getattr(sshbench, name) is not None
    text = "import sys, sshbench; sshbench.Composite; print({'torch', 'pandas'} & {*sys.modules})"
    found = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


def test_a_benchmark_by_name(tmp_path: Path) -> None:
    assert len(sshbench.load_benchmark("sample")) > 2
    with pytest.raises(SshbenchError, match="give its folder with --root"):
        sshbench.load_benchmark("realhm")


def test_harmonize_takes_a_function_and_an_object() -> None:
    one = Standin(1)[0]

    class Mine:
        def harmonize(self, batch: Any) -> Any:
            return [half(c) for c in batch]

    found = [sshbench.harmonize(one.composite, mask=one.mask, method=method).pixels for method in (half, Mine(), Mine)]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
    assert not np.array_equal(found[0], one.composite)
