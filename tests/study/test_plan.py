"""The plan: one file that reads as it was written, names hidden from subjects, everything checked."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sshbench.study.answering import State
from sshbench.study.designs import StudyError
from sshbench.study.making import Choices, new_study, read_metrics, read_tokens
from sshbench.study.plan import TARGET, Consent, Plan, read_plan, write_plan
from sshbench.study.session import about, told
from tests.results.standin import Standin
from tests.study.studies import METHODS, make_study, write_results


@pytest.mark.parametrize("design", ["acr", "pairs", "rank"])
def test_a_plan_reads_as_it_was_written(tmp_path: Path, design: str) -> None:
    consent = Consent(version='3 "b"', text='Line one.\n\nLine "two" \\ three\x7f <b>')
    plan = make_study(tmp_path / "s", design, until=date(2030, 1, 2), consent=consent)
    assert read_plan(tmp_path / "s") == plan
    tomllib.loads((tmp_path / "s" / "plan.toml").read_text())
    assert {trial.kind for trial in plan.trials(0)} == {"training", "main", "catch", "repeat"}
    assert [trial.kind for trial in plan.trials(0)][:3] == ["training"] * 3


def test_equal_seeds_give_equal_plans_but_other_secrets(tmp_path: Path) -> None:
    plans = [make_study(tmp_path / name, "pairs", seed=5) for name in "ab"]
    assert plans[0].items == plans[1].items
    assert plans[0].subjects == plans[1].subjects
    assert not set(plans[0].pictures) & set(plans[1].pictures)
    assert not set(read_tokens(tmp_path / "a")) & set(read_tokens(tmp_path / "b"))
    other = make_study(tmp_path / "c", "pairs", seed=6)
    assert other.subjects != plans[0].subjects


def test_pictures_are_the_predictions_under_random_names(tmp_path: Path) -> None:
    plan = make_study(tmp_path / "s")
    for code, (image, version) in plan.pictures.items():
        with Image.open(tmp_path / "s" / "pictures" / f"{code}.png") as picture:
            assert picture.info == {}  # evaluate's PNG names the method's key
            pixels = np.asarray(picture)
        if version in METHODS:
            kept = tmp_path / "s-results" / "predictions" / version / f"{image}.png"
            np.testing.assert_array_equal(pixels, np.asarray(Image.open(kept)))
        elif version == TARGET:
            np.testing.assert_array_equal(pixels, Standin(10)[image].target)
    assert (tmp_path / "s" / "links.csv").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("design", ["acr", "pairs", "rank"])
def test_a_subject_is_told_no_method_no_image_and_no_kind(tmp_path: Path, design: str) -> None:
    plan = make_study(tmp_path / "s", design)
    for done in range(len(plan.trials(2))):
        said = json.dumps({"study": about(plan), **told(plan, 2, State("trial", done), 0.0)})
        for hidden in (*(f'"{name}"' for name in METHODS), "part_", "catch", "repeat", '"main"', ":target"):
            assert hidden not in said


def test_sides_are_balanced_over_the_study(tmp_path: Path) -> None:
    plan = make_study(tmp_path / "s", "pairs", subjects=40)
    first = Counter(trial.shown[0] for s in range(40) for trial in plan.trials(s) if trial.kind == "main")
    shown = Counter(name for s in range(40) for trial in plan.trials(s) if trial.kind == "main" for name in trial.shown)
    for name in METHODS:
        assert abs(first[name] / shown[name] - 0.5) < 0.06


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('design = "acr"', 'design = "vote"', "design"),
        ("format = 1", "format = 2", "format"),
        ("format = 1", "format = = 1", "not valid TOML"),
        ("format = 1", f"format = {'1' * 5000}", "not valid TOML"),
        ("format = 1", f"format = {'[' * 50_000}", "not valid TOML"),
        ("order = [", "order = [9999, ", "subject 0 has an order that does not fit"),
        ('kind = "main"', 'kind = "main", run = "rm"', "run"),
        ('shown = ["soft"]', 'shown = ["other"]', "has no picture"),
    ],
)
def test_a_damaged_plan_is_one_sentence(tmp_path: Path, before: str, after: str, says: str) -> None:
    make_study(tmp_path / "s")
    path = tmp_path / "s" / "plan.toml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(StudyError, match=says):
        read_plan(tmp_path / "s")


def test_a_study_needs_enough_images_methods_and_predictions(tmp_path: Path) -> None:
    benchmark = Standin(6)
    records = write_results(tmp_path / "r", benchmark)
    results = [tmp_path / "r"]
    with pytest.raises(StudyError, match="--images 6"):
        new_study(tmp_path / "s", records, benchmark, results, Choices(images=7))
    with pytest.raises(StudyError, match="no predictions of 'sofft'"):
        new_study(tmp_path / "s", records, benchmark, results, Choices(images=3), ["sofft"])
    with pytest.raises(StudyError, match="from 2 to"):
        new_study(tmp_path / "s", records, benchmark, results, Choices(images=3), ["soft"])
    for path in (tmp_path / "r" / "predictions" / "soft").rglob("*.png"):
        path.unlink()
    with pytest.raises(StudyError, match="run evaluate again"):
        new_study(tmp_path / "s", records, benchmark, results, Choices(images=3))
    assert [path.name for path in tmp_path.iterdir()] == ["r"]  # nothing half made is left


def test_an_existing_folder_is_not_touched(tmp_path: Path) -> None:
    plan = make_study(tmp_path / "s")
    with pytest.raises(StudyError, match="exists"):
        make_study(tmp_path / "s")
    assert read_plan(tmp_path / "s") == plan
    assert {row[1] for row in read_metrics(tmp_path / "s")} == set(METHODS)


@pytest.mark.parametrize("name", ["plan.toml", "links.csv", "metrics.csv"])
def test_editors_may_add_a_byte_order_mark(tmp_path: Path, name: str) -> None:
    plan = make_study(tmp_path / "s")
    before = read_tokens(tmp_path / "s"), read_metrics(tmp_path / "s")
    path = tmp_path / "s" / name
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_plan(tmp_path / "s") == plan
    assert (read_tokens(tmp_path / "s"), read_metrics(tmp_path / "s")) == before


@pytest.mark.parametrize(
    "text", ["subject\n1,,2\n", "subject,token\n1\n", "subject,token\n1,short\n", "token\nx\n", ""]
)
def test_damaged_links_are_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "links.csv").write_text(text)
    with pytest.raises(StudyError, match=r"links\.csv is (missing or )?damaged"):
        read_tokens(tmp_path)


def test_texts_may_change_and_items_may_not(tmp_path: Path) -> None:
    plan = make_study(tmp_path / "s")
    changed = plan.model_copy(update={"question": "Which?", "consent": Consent(version="2", text="Other.")})
    write_plan(tmp_path / "s", changed)
    assert read_plan(tmp_path / "s").fingerprint == plan.fingerprint
    turned = Plan.model_validate({**plan.model_dump(), "images": plan.images[::-1]})
    assert turned.fingerprint != plan.fingerprint
