"""Simulated subjects: the analysis recovers the truth they were drawn from, and everything says that they are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sshbench.errors import sentence
from sshbench.study.answering import check_answer
from sshbench.study.designs import StudyError
from sshbench.study.opinion import opinion
from sshbench.study.plan import Item, Plan, make_items, make_subjects
from sshbench.study.preference import preference
from sshbench.study.reliability import screen
from sshbench.study.responses import responses
from sshbench.study.simulate import Model, default_truth, simulate, store, true_opinions, true_preferences
from sshbench.study.storage import read_answers, read_model, simulated_answers
from tests.study.studies import make_study

RUNS = 200
METHODS = ["wct2", "dih", "s2am", "dovenet", "ssh"]


def bare_plan(design: str, images: int = 15, subjects: int = 50, rounds: int | None = None, repeats: int = 0) -> Plan:
    """A plan like the paper's study, without pictures on disk."""
    names = [f"image{k}" for k in range(images)]
    items = make_items(design, METHODS, names, [], names[:2])
    shown = [[name, version] for name in names for version in (*METHODS, ":target", ":composite")]
    codes = {f"{k:016x}": one for k, one in enumerate(shown)}
    rounds = rounds or {"acr": 5, "pairs": 6, "rank": 1}[design]
    return Plan(
        id="0" * 16, title="t", benchmark="b", design=design, reference="target", seed=0, question="?",  # type: ignore[arg-type]
        instructions="!", methods=METHODS, images=names, pictures=codes, items=items,
        subjects=make_subjects(design, METHODS, names, items, subjects, rounds, repeats, 0),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("design", ["acr", "pairs", "rank"])
def test_the_truth_is_within_its_intervals_in_95_percent_of_200_runs(design: str) -> None:
    plan = bare_plan(design)
    model = Model(truth=default_truth(METHODS))
    truth = (
        true_opinions(model, METHODS)
        if design == "acr"
        else true_preferences(model, METHODS, ties=design == "pairs")[0]
    )
    held, widths = [], []
    for run in range(RUNS):
        found = responses(plan, simulate(plan, model, seed=run))
        options = {"resamples": 500, "seed": run}
        if design == "acr":
            estimates = opinion(found.scores, **options)  # type: ignore[arg-type]
        else:
            estimates = list(preference(found.votes, found.pairs, 5, **options).scores)  # type: ignore[arg-type]
        held.append([one.low <= value <= one.high for one, value in zip(estimates, truth, strict=True)])
        widths.append([one.high - one.low for one in estimates])
    assert np.mean(held) >= 0.95
    assert np.mean(held) <= 0.99  # and not because intervals are too wide to say anything
    assert np.mean(widths) < 0.75
    assert np.mean(held, axis=0).min() >= 0.92  # of each method; 0.92 is two standard errors below 0.95


def test_the_true_opinion_is_the_mean_of_many_answers() -> None:
    plan = bare_plan("acr", subjects=10)
    model = Model(truth=default_truth(METHODS), subject=0.5, noise=0.8)
    runs = [np.nanmean(responses(plan, simulate(plan, model, seed=k)).scores, (0, 1)) for k in range(60)]
    np.testing.assert_allclose(np.mean(runs, 0), true_opinions(model, METHODS), atol=0.1)


def test_the_paper_is_the_default_truth_where_it_has_one() -> None:
    assert default_truth(METHODS)["ssh"] == 2.295
    assert default_truth(["ssh", "mine"], {"mine": 3.0}) == {"ssh": 2.295, "mine": 3.0}
    with pytest.raises(StudyError, match="does not compare 'minne'"):
        default_truth(["ssh", "mine"], {"minne": 3.0})


@pytest.mark.parametrize("design", ["acr", "pairs", "rank"])
def test_answers_are_possible_and_sides_do_not_matter(design: str) -> None:
    plan = bare_plan(design, subjects=60, repeats=4)
    rows = simulate(plan, Model(truth=default_truth(METHODS)), seed=3)
    for row in rows:
        check_answer(plan, plan.trials(row.subject)[row.trial], row.answer)
    if design == "pairs":
        first = sum(row.answer == "first" for row in rows)
        second = sum(row.answer == "second" for row in rows)
        assert abs(first - second) / (first + second) < 0.06
    found = responses(plan, rows)
    means = np.nanmean(found.scores, (0, 1))
    assert METHODS[int(np.argmax(means))] == "ssh"
    assert METHODS[int(np.argmin(means))] == "wct2"
    assert all(len(own) for own in found.repeats)


def test_careless_subjects_are_screened_out_and_others_stay() -> None:
    plan = bare_plan("acr")
    rows = simulate(plan, Model(truth=default_truth(METHODS), careless=0.2), seed=2)
    found = responses(plan, rows)
    careless = np.array([np.median(own) < 1.5 for own in found.seconds])
    assert 3 < careless.sum() < 20
    keep = screen(found).keep
    assert not keep[careless].any()
    assert keep[~careless].mean() > 0.9  # BT.500 rejects a careful one now and then


def test_simulated_answers_are_apart_from_those_of_people(tmp_path: Path) -> None:
    plan = make_study(tmp_path / "s")
    model = Model(truth=default_truth(plan.methods))
    for count in (4, 6):
        store(tmp_path / "s", plan, simulate(plan, model, count), model)
        rows = read_answers(tmp_path / "s", plan, simulated=True)
        assert len({row.subject for row in rows}) == count
    assert read_model(tmp_path / "s", plan).startswith("Simulated subjects")
    with pytest.raises(StudyError, match="no answers yet"):
        read_answers(tmp_path / "s", plan)
    (tmp_path / "s" / "simulated.sqlite").rename(tmp_path / "s" / "answers.sqlite")
    with pytest.raises(StudyError, match="mixes simulated"):
        read_answers(tmp_path / "s", plan)


def test_a_simulation_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    plan = make_study(tmp_path / "s")
    model = Model(truth=default_truth(plan.methods))
    rows = simulate(plan, model, 4)
    store(tmp_path / "s", plan, rows, model)
    before = sorted(path.name for path in (tmp_path / "s").iterdir())
    filling = [(str(number), "x" * 1000) for number in range(1000)]
    with pytest.raises(OSError, match="No space left") as caught, simulated_answers(tmp_path / "s", plan) as db:
        db.executescript("PRAGMA max_page_count = 8").executemany("INSERT INTO meta VALUES (?, ?)", filling)
    assert sentence(caught.value).startswith(f"{tmp_path / 's' / 'simulated.sqlite'}: no space to write it")
    assert read_answers(tmp_path / "s", plan, simulated=True) == rows
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == before


def test_items_of_a_plan_are_what_a_design_asks_for() -> None:
    items = make_items("acr", METHODS, ["a"], [], ["a"])
    assert [item.shown for item in items] == [[name] for name in METHODS] + [[":target"], [":composite"]]
    assert items[-1] == Item(kind="catch", image="a", shown=[":composite"])
