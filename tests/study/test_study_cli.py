"""`sshbench study`, from results to tables, page and exports."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sshbench.cli.main import cli
from sshbench.study.plan import Plan, read_plan, write_plan
from sshbench.study.storage import read_answers
from tests.study.studies import make_study

EVIL = "<script>alert(1)</script>"


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, ["study", *map(str, words)], catch_exceptions=False)


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.parametrize("design", ["acr", "pairs", "rank"])
def test_simulated_answers_become_tables_a_page_and_files_that_say_so(tmp_path: Path, design: str) -> None:
    pytest.importorskip("krippendorff")
    pytest.importorskip("statsmodels")
    folder = tmp_path / "s"
    plan = make_study(folder, design, subjects=16)
    write_plan(folder, Plan.model_validate({**plan.model_dump(), "title": EVIL}))
    done = run("simulate", folder, "--truth", "dc=0.5", "--truth", "strong=3.5")
    assert done.exit_code == 0, done.output
    assert "dc 0.500" in done.output
    done = run("analyse", folder, "--simulated", "--resamples", 300)
    assert done.exit_code == 0, done.output
    titles = re.findall(r"^SIMULATED: .*", done.stdout, re.MULTILINE)
    assert len(titles) >= 7
    page = (folder / "analysis-simulated" / "analysis.html").read_text()
    assert page.count("SIMULATED") > 10
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("http-equiv", "")
    text = (folder / "analysis-simulated" / "analysis.md").read_text()
    assert text.count("**SIMULATED: ") == len(titles) - text.count("SIMULATED: nobody")
    order = re.findall(r"^\| (\*\*)?(dc|soft|strong)", text, re.MULTILINE)
    assert [name for _, name in order][:3] == ["strong", "soft", "dc"]
    assert run("export", folder, "--simulated", "-o", tmp_path / "out").exit_code == 0
    rows = rows_of(tmp_path / "out" / "simulated-answers.csv")
    assert {row["simulated"] for row in rows} == {"yes"}
    assert len(rows) == len(read_answers(folder, plan, simulated=True))
    done = CliRunner().invoke(cli, ["study", "analyse", str(folder)])  # no person has answered
    assert "no answers yet" in str(done.exception)


def test_exports_hold_no_token_no_time_of_day_and_no_screen(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    plan = make_study(folder, subjects=8, repeats=2)
    run("simulate", folder)
    run("export", folder, "--simulated", "-o", tmp_path / "out")
    tokens = [line.split(",")[1] for line in (folder / "links.csv").read_text().split()[1:]]
    for path in (tmp_path / "out").iterdir():
        assert not any(token in path.read_text() for token in tokens)
    rows = rows_of(tmp_path / "out" / "simulated-answers.csv")
    assert set(rows[0]) == {"subject", "position", "kind", "image", "shown", "answer", "seconds", "simulated"}
    assert {row["subject"] for row in rows} == {f"s{k:04d}" for k in range(1, 9)}
    data = json.loads((tmp_path / "out" / "simulated-sureal.json").read_text())
    assert data["dataset_name"].startswith("SIMULATED")
    assert len(data["dis_videos"]) == len(plan.images) * len(plan.methods)
    assert sum(len(scores) for one in data["dis_videos"] for scores in one["os"].values()) == 8 * (24 + 2)


def test_sureal_reads_the_export(tmp_path: Path) -> None:
    model = pytest.importorskip("sureal.subjective_model")
    reader = pytest.importorskip("sureal.dataset_reader")
    misc = pytest.importorskip("sureal.tools.misc")
    folder = tmp_path / "s"
    make_study(folder, subjects=8, repeats=0)
    run("simulate", folder)
    run("export", folder, "--simulated", "-o", tmp_path / "out")
    dataset = misc.import_json_file(str(tmp_path / "out" / "simulated-sureal.json"))
    found = model.MosModel(reader.RawDatasetReader(dataset)).run_modeling(normalize_final=False)
    rows = [r for r in rows_of(tmp_path / "out" / "simulated-answers.csv") if r["kind"] == "main"]
    for place, video in enumerate(dataset.dis_videos):
        image, method = video["path"].split("|")
        own = [int(row["answer"]) for row in rows if (row["image"], row["shown"]) == (image, method)]
        assert found["quality_scores"][place] == pytest.approx(sum(own) / len(own))


def test_links_show_who_is_where_and_withdraw_deletes(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    make_study(folder)
    done = run("links", folder, "--base-url", "https://lab.example/study/")
    rows = list(csv.DictReader(done.output.splitlines()))
    assert len(rows) == 6
    assert re.fullmatch(r"https://lab\.example/study/s/[\w-]{22}/", rows[0]["link"])
    assert {row["stage"] for row in rows} == {"consent"}
    assert run("withdraw", folder, 3, "--yes").exit_code == 0
    rows = list(csv.DictReader(run("links", folder).output.splitlines()))
    assert [row["subject"] for row in rows if row["stage"] == "withdrawn"] == ["3"]
    done = CliRunner().invoke(cli, ["study", "withdraw", str(folder), "6", "--yes"])
    assert "subjects 0 to 5" in str(done.exception)


def test_a_study_is_made_from_results_of_evaluate(tmp_path: Path) -> None:
    """The embedded sample, as `evaluate` writes it."""
    from sshbench.benchmarks.open import open_benchmark
    from sshbench.benchmarks.protocol import get_protocol
    from sshbench.results.run import evaluate

    evaluate(
        open_benchmark("sample"), ["dc", "gain", "shift"], [get_protocol("sshbench-v1")], tmp_path / "results",
        metrics=["psnr", "fmse"], workers=1, limit=8,
    )  # fmt: skip
    folder = tmp_path / "study"
    words = "--images 5 --design pairs --subjects 4 --side 200 --title Ours -m gain -m shift --until 2030-05-06 -q"
    done = run("new", tmp_path / "results", "-o", folder, *words.split())
    assert done.exit_code == 0, done.output
    plan = read_plan(folder)
    assert (plan.title, plan.methods, len(plan.images), plan.benchmark) == ("Ours", ["gain", "shift"], 5, "sample")
    assert str(plan.until) == "2030-05-06"
    assert run("simulate", folder, "--truth", "gain=4.5").exit_code == 2
