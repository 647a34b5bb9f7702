"""What is read never names code that is then run; for weights see `test_weights.py` and `test_pth.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from sshbench.benchmarks.composite import BenchmarkError
from sshbench.benchmarks.table import open_dataset
from sshbench.cli.main import main
from sshbench.results.records import Record, write_records
from sshbench.training.recipe import RecipeError, read_recipe

CODE = "import pathlib\npathlib.Path(__file__).with_name('ran').touch()\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that somebody sent, with a file of code in it, which is also where the user is."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("data.py", "run.py", "sitecustomize.py", "torch_files.py"):
        (folder / name).write_text(CODE)
    return folder


@pytest.mark.parametrize("method", ["run.py:make", "run.py", "{folder}/run.py:make"])
def test_a_recipe(method: str, folder: Path) -> None:
    path = folder / "recipe.toml"
    method = method.format(folder=folder)
    path.write_text(f'method = "{method}"\n[schedule]\nsteps = 1\n[loss]\na = 1.0\n')
    with pytest.raises(RecipeError, match=r"names code, .* as its method; name the method yourself to run it"):
        read_recipe(path)
    with pytest.raises(RecipeError, match=r"is a recipe for .*, not for ssh"):
        read_recipe(path, method="ssh")
    assert read_recipe(path, method=method).method == method
    assert not (folder / "ran").exists()


def test_a_folder_of_a_dataset(folder: Path) -> None:
    with pytest.raises(BenchmarkError, match="cannot be opened as a dataset"):
        open_dataset(str(folder), None)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("command", ["leaderboard", "report"])
def test_records(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "records").mkdir()
    record = Record("a", "sample", "run.py:M", "sshbench-v1", "1", {"psnr": 30.0}, prediction="../../../etc/passwd")
    write_records(folder / "records" / "x.parquet", [record])
    with pytest.raises(SystemExit):
        main([command, str(folder)])
    assert "Traceback" not in capsys.readouterr().err
    assert not (folder / "ran").exists()
