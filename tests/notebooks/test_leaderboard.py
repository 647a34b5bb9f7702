"""The notebook runs from a fresh kernel, and what is committed is such a run without traces of a machine."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from sshbench.results.published import published_on
from sshbench.results.records import Record
from tests.results.run import make_run

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "leaderboard.ipynb"
PATHS = re.compile(r"/home/|/root|/Users/|/tmp|/work|/opt|[A-Z]:\\\\|ipykernel_\d|site-packages")


def executed(environment: dict[str, str]) -> nbformat.NotebookNode:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=600, kernel_name="python3")
    client.execute(env={**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline", **environment})
    return notebook


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def text_of(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(o.get("text", "") + o.get("data", {}).get("text/html", "") for o in outputs(notebook))


def test_it_shows_the_means_of_the_results_it_is_given(tmp_path: Path) -> None:
    records = make_run(tmp_path)
    text = text_of(executed({"SSHBENCH_RESULTS": str(tmp_path)}))

    def mean(method: str, metric: str) -> float:
        of = [r for r in records if isinstance(r, Record) and r.method == method]
        return math.fsum(r.metrics[metric] for r in of) / len(of)

    for method in ("dc", "grey", "dark"):
        assert f"{mean(method, 'psnr'):.2f} [" in text
        assert f"{mean(method, 'mse'):.2f} [" in text
    assert "sample, 3 images, protocol sshbench-v1" in text


@pytest.mark.slow
def test_it_runs_on_the_embedded_split_without_any_setting() -> None:
    found = outputs(executed({"SSHBENCH_RESULTS": ""} if "SSHBENCH_RESULTS" in os.environ else {}))
    assert not [o for o in found if o.output_type == "error" or o.get("name") == "stderr"]
    assert any("image/png" in o.get("data", {}) for o in found)


def test_what_is_committed_was_run_and_names_no_machine() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [o for o in outputs(notebook) if o.output_type == "error" or o.get("name") == "stderr"]
    assert "sample, 33 images, protocol sshbench-v1" in text_of(notebook)
    for cell in cells:
        shown = [{k: v for k, v in o.get("data", {}).items() if k != "image/png"} for o in cell.outputs]
        assert not PATHS.search(cell.source + str(shown) + "".join(o.get("text", "") for o in cell.outputs))


def test_what_is_committed_shows_our_methods_and_no_number_of_another_benchmark() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    text = text_of(notebook)
    for method in ("ssh", "ssh-lut", "ceiling-polynomial ‡"):
        assert f"<th>{method}</th>" in text
    assert "No numbers are published for sample." in str(outputs(notebook))
    for p in published_on("realhm"):
        assert p.source not in text
        assert p.method in ("dc", "ssh") or p.method not in text
    assert sum("image/png" in o.get("data", {}) for o in outputs(notebook)) == 2


@pytest.mark.parametrize("method", ["ssh-lut", "ssh", "gain", "shift", "monge-kantorovich", "reinhard"])
def test_what_is_committed_agrees_with_the_readme(method: str) -> None:
    """Both are made again when new weights ship."""
    readme = NOTEBOOK.parents[1].joinpath("README.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| `{method}` \|.*\| (\d+\.\d+ \[[^]]+\]) \|$", readme, re.MULTILINE)
    assert row is not None
    assert row[1] in text_of(nbformat.read(NOTEBOOK, as_version=4))
